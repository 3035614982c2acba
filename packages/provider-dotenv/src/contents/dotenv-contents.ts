/**
 * What the files of one provider hold at one moment.
 */
import { SecretError } from '@keyfall/core/provider';
import { decodeText, problem, readBytes, type StoreFile } from '@keyfall/core/provider/files';
import type { Values } from '../readers/parse-dotenv.ts';
import { isDotenvReader, readWith } from '../readers/read-dotenv.ts';
import {
  type DotenvReader,
  dotenvReaders,
  type Reading,
  type Variables,
} from '../readers/reading.ts';
import type { DotenvFile } from './dotenv-file.ts';

/** Larger files are refused: a larger one is a log or an image that was named by mistake. Bytes. */
export const sizeLimit: number = 8 * 1024 * 1024;

/** How a provider reads its files. */
export interface ReadSettings {
  readonly provider: string;
  /** Whose reading counts, if the provider's options say so. */
  readonly reader: DotenvReader | undefined;
  /** What values may refer to besides the files. */
  readonly variables: () => Variables;
}

/** What one file holds. */
export interface Content {
  readonly bytes: Buffer;
  readonly text: string;
  readonly values: Values;
  readonly unknown: Reading['unknown'];
  readonly outside: Reading['outside'];
}

/** What the files hold. */
export interface Contents {
  readonly files: readonly (Content | undefined)[];
  /** Whose reading it is. */
  readonly reader: DotenvReader;
  /** Whether the options or a file name this reader; otherwise it is the default. */
  readonly isReaderNamed: boolean;
}

/** The name by which a file itself says whose reading counts. */
export const readerSetting = 'KEYFALL_READER';

export async function readContents(
  sources: readonly DotenvFile[],
  settings: ReadSettings,
  signal: AbortSignal,
): Promise<Contents> {
  const { provider } = settings;
  const given: { source: DotenvFile; bytes: Buffer; text: string }[] = [];
  for (const source of sources) {
    if (signal.aborted)
      throw new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
    const bytes = await readBytes(source, sizeLimit);
    if (bytes !== undefined) {
      const text = decodeText(source, bytes);
      if (text.includes('\0'))
        throw problem(source, 'ERR_SECRET_INVALID', 'holds zero bytes', 'Save it as UTF-8.');
      given.push({ source, bytes, text });
    } else if (source.required)
      throw problem(
        source,
        'ERR_SECRET_CONFIG',
        'does not exist',
        'Create it, or correct the path.',
      ).with({ setting: { option: 'path' } });
  }
  const named = settings.reader ?? (await readerNamedInFiles(given));
  const reader = named ?? 'npm';
  const variables = settings.variables();
  const files = new Map<DotenvFile, Content>();
  let earlier: Variables = {};
  for (const { source, bytes, text } of given) {
    // docker compose reads several files as one
    const seen = reader === 'compose' ? { ...earlier, ...variables } : variables;
    const { values, unknown, outside, refusal } = await readAs(reader, text, seen);
    if (refusal !== undefined)
      throw problem(
        source,
        'ERR_SECRET_INVALID',
        `cannot be read by the reader ${reader}: line ${refusal.line} ${refusal.reason}`,
        'Correct the line, or name another reader.',
      );
    files.set(source, { bytes, text, values, unknown, outside });
    if (reader === 'compose') earlier = { ...earlier, ...Object.fromEntries(values) };
  }
  return {
    files: sources.map((source) => files.get(source)),
    reader,
    isReaderNamed: named !== undefined,
  };
}

/** As `readWith`, without a search for the places of npm's values, which reading does not need. */
async function readAs(
  reader: DotenvReader,
  text: string,
  variables: Variables,
): Promise<Omit<Reading, 'spans'>> {
  if (reader !== 'npm') return readWith(reader, text, variables);
  const { parseDotenv } = await import('../readers/parse-dotenv.ts');
  return { values: parseDotenv(text), unknown: new Map(), outside: new Map() };
}

/** The reader that the files name themselves; the last one counts. */
async function readerNamedInFiles(
  given: readonly { readonly source: StoreFile; readonly text: string }[],
): Promise<DotenvReader | undefined> {
  let named: DotenvReader | undefined;
  for (const { source, text } of given) named = (await readerNamedIn(text, source)) ?? named;
  return named;
}

/**
 * The reader that the text of a file names itself.
 *
 * @throws `ERR_SECRET_CONFIG` if there is no such reader, or if it would read that line differently
 */
export async function readerNamedIn(
  text: string,
  source: StoreFile,
): Promise<DotenvReader | undefined> {
  if (!text.includes(readerSetting)) return undefined;
  const { parseDotenv } = await import('../readers/parse-dotenv.ts');
  const reader = parseDotenv(text).get(readerSetting);
  if (reader === undefined) return undefined;
  const { refusal, values } = isDotenvReader(reader)
    ? await readWith(reader, text, {})
    : { refusal: undefined, values: undefined };
  if (isDotenvReader(reader) && (refusal !== undefined || values?.get(readerSetting) === reader))
    return reader;
  throw problem(
    source,
    'ERR_SECRET_CONFIG',
    `sets ${readerSetting} to an unknown reader, or to one that reads this line differently`,
    `Write one of these, without quotes: ${dotenvReaders.join(', ')}.`,
  ).with({ setting: { variable: readerSetting } });
}

/** The values of all files together; later files win. */
export function merged(contents: Contents['files']): Values {
  const [first = new Map(), ...others] = contents.flatMap((content) => content?.values ?? []);
  if (others.length === 0) return first;
  return new Map([first, ...others].flatMap((values) => [...values]));
}
