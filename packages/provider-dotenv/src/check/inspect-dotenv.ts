/**
 * What a person should know about a `.env` file before it is migrated: readers silently drop what they do not
 * understand, and they differ.
 */
import { assertOptions, type OptionKinds, SecretError } from '@keyfall/core/provider';
import { readerNamedIn } from '../contents/dotenv-contents.ts';
import { differingNames, type ReaderGroups, readWith } from '../readers/read-dotenv.ts';
import {
  type DotenvReader,
  lineCounter,
  type Reading,
  type Variables,
} from '../readers/reading.ts';
import { scanDotenv } from '../readers/scan-dotenv.ts';

/** Options of {@link inspectDotenv}. */
export interface InspectDotenvOptions {
  /** Whose reading counts. Default: the one that the text names by `KEYFALL_READER`, else `npm`. */
  readonly reader?: DotenvReader | undefined;
  /** What `${NAME}` may refer to beside the text, for the readers that look there. Default: nothing. */
  readonly variables?: Variables | undefined;
}

const optionKinds: OptionKinds<InspectDotenvOptions> = { reader: 'text', variables: 'an object' };

/** What the text of a `.env` file holds. Lines count from 1. */
export interface DotenvInspection {
  /** Whose reading this is. */
  readonly reader: DotenvReader;
  /** Whether the options or the text name this reader; otherwise it is the default. */
  readonly isReaderNamed: boolean;
  /** The values that a program with this reader gets. */
  readonly values: ReadonlyMap<string, string>;
  /** Names whose value only a shell can find out, by running the line; each with its line. */
  readonly unknown: ReadonlyMap<string, number>;
  /** Names whose value refers to variables of the environment, with the names of these variables. */
  readonly outside: ReadonlyMap<string, ReadonlySet<string>>;
  /** Names that readers differ on, with groups of those that read alike. Empty if the reader is named. */
  readonly differing: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** Names that appear more than once; the last one counts. */
  readonly duplicates: readonly string[];
  /** Lines that are neither empty nor a comment and yet define no name. Unknown for the reader `node`. */
  readonly droppedLines: readonly number[];
  /** Names whose value holds `$NAME` or `${NAME}`, which dotenv-expand would replace and dotenv does not. */
  readonly expansions: readonly string[];
}

/**
 * Reads the text of a `.env` file as its reader does, and reports what may surprise.
 *
 * @throws `ERR_SECRET_INVALID` for a text that the reader refuses; `ERR_SECRET_CONFIG` for an unknown reader. With the
 *   reader `npm` it never throws
 */
export async function inspectDotenv(
  text: string,
  options: InspectDotenvOptions = {},
): Promise<DotenvInspection> {
  assertOptions(options, 'inspectDotenv', optionKinds);
  const { reader: given, variables = {} } = options;
  const source = { path: '.env', shown: 'the text', provider: 'dotenv' };
  const said = given ?? (await readerNamedIn(text, source));
  const reader = said ?? 'npm';
  const reading = await readWith(reader, text, variables);
  const { values, unknown, outside, refusal } = reading;
  if (refusal !== undefined)
    throw new SecretError(
      'ERR_SECRET_INVALID',
      `the text cannot be read by the reader ${reader}: line ${refusal.line} ${refusal.reason}`,
    );
  const differing: ReadonlyMap<string, ReaderGroups> =
    said === undefined ? await differingNames(text, variables) : new Map();
  const { duplicates, lost } = reader === 'npm' ? oddInNpm(text, values) : oddIn(text, reading);
  return {
    reader,
    isReaderNamed: said !== undefined,
    values,
    unknown,
    outside,
    differing,
    duplicates,
    droppedLines: reader === 'node' ? [] : linesOf(text, lost),
    expansions:
      reader === 'npm'
        ? [...values]
            .filter(([, value]) => /(?<!\\)\$(?:\{[^{}]+\}|[A-Za-z_])/.test(value))
            .map(([name]) => name)
        : [],
  };
}

interface Oddities {
  readonly duplicates: readonly string[];
  /** Offsets of lines that define no name. */
  readonly lost: number[];
}

function oddInNpm(text: string, values: ReadonlyMap<string, string>): Oddities {
  const { pairs, dropped } = scanDotenv(text);
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  const lost = [...dropped];
  for (const { name, nameStart } of pairs) {
    if (!values.has(name))
      lost.push(nameStart); // __proto__
    else if (seen.has(name)) duplicates.add(name);
    seen.add(name);
  }
  return { duplicates: [...duplicates], lost };
}

function oddIn(text: string, { spans }: Reading): Oddities {
  const names = spans.map(({ name }) => name);
  const covered = new Set<number>();
  const lineOf = lineCounter(text);
  for (const { lineStart, valueEnd } of spans) {
    let line = lineOf(lineStart);
    for (const last = lineOf(valueEnd); line <= last; line++) covered.add(line);
  }
  const lost: number[] = [];
  let at = 0;
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (/^\s*[^\s#]/.test(line) && !covered.has(index + 1)) lost.push(at);
    at += line.length + (text.startsWith('\r\n', at + line.length) ? 2 : 1);
  }
  return {
    duplicates: [...new Set(names.filter((name, index) => names.indexOf(name) < index))],
    lost,
  };
}

function linesOf(text: string, offsets: number[]): number[] {
  const lines = new Set<number>();
  let line = 1;
  let from = 0;
  for (const offset of offsets.sort((a, b) => a - b)) {
    line += text.slice(from, offset).match(/\r\n|\n|\r/g)?.length ?? 0;
    from = offset;
    lines.add(line);
  }
  return [...lines];
}
