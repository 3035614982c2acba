/**
 * What a person should know about a `.env` file before it is moved elsewhere: dotenv drops what it
 * does not understand, and says nothing.
 */
import { loadParse } from './parse-dotenv.ts';
import { scanDotenv } from './scan-dotenv.ts';

/** What stands in the text of a `.env` file. Lines count from 1. */
export interface DotenvInspection {
  /** What an application gets that loads the file with npm dotenv. */
  readonly values: ReadonlyMap<string, string>;
  /** Names that stand there more than once; the last one counts. */
  readonly duplicates: readonly string[];
  /** Lines that are neither empty nor a comment and yet give no name. */
  readonly droppedLines: readonly number[];
  /** Names whose value holds `$NAME` or `${NAME}`, which dotenv-expand would replace and dotenv does not. */
  readonly expansions: readonly string[];
}

/** Reads the text of a `.env` file with npm dotenv, and finds what may surprise. Never throws for a text. */
export async function inspectDotenv(text: string): Promise<DotenvInspection> {
  const values = (await loadParse())(text);
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
  return {
    values,
    duplicates: [...duplicates],
    droppedLines: linesOf(text, lost),
    expansions: [...values]
      .filter(([, value]) => /(?<!\\)\$(?:\{[^{}]+\}|[A-Za-z_])/.test(value))
      .map(([name]) => name),
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
