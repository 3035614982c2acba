/**
 * What a program reads in the text of a `.env`. Programs differ, and no reading is right for all: each is a fact about
 * the text and that program.
 */

/** The programs whose reading is known, as users name them. */
export const dotenvReaders = ['npm', 'python', 'node', 'compose', 'shell'] as const;

/**
 * A program that reads a `.env`: `npm` (dotenv), `python` (python-dotenv), `node` (`node --env-file`),
 * `compose` (docker compose) or `shell` (`set -a; . ./.env`).
 */
export type DotenvReader = (typeof dotenvReaders)[number];

/** What a reader reads in a text. */
export interface Reading {
  /** The values that a program gets, by name, without the names that the reader drops. */
  readonly values: ReadonlyMap<string, string>;
  /**
   * Names whose value is unknown unless the file is run, each with its line, from 1. None of them is in
   * `values`.
   */
  readonly unknown: ReadonlyMap<string, number>;
  /** Names whose value refers to variables of the environment, with the names of these variables. */
  readonly outside: ReadonlyMap<string, ReadonlySet<string>>;
  /** Where the values are in the text, in order. */
  readonly spans: readonly Span[];
  /** Why the reader refuses this file; then there are no values. */
  readonly refusal?: Refusal;
}

/** Where a name and its value are. Offsets are in UTF-16 code units, ends exclusive. */
export interface Span {
  readonly name: string;
  /** Where the line of the name begins. */
  readonly lineStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Why a reader refuses a file. */
interface Refusal {
  /** From 1. */
  readonly line: number;
  /** A clause about the line that quotes nothing of it: "has a quote that is never closed". */
  readonly reason: string;
}

/** The variables that a reader uses besides the file. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads a text as a program that is started with these variables does. Never throws because of the text. */
export type Read = (text: string, variables: Variables) => Reading;

/** The variable's value, if it is set. What an object inherits does not count. */
export function variableIn(variables: Variables, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}

/** Counts lines: returns the line number of an offset; offsets must be asked for in rising order. */
export function lineCounter(text: string): (offset: number) => number {
  const lineBreak = /\r\n|\n|\r/g;
  let line = 1;
  let next = lineBreak.exec(text);
  return (offset) => {
    for (; next !== null && lineBreak.lastIndex <= offset; next = lineBreak.exec(text)) line++;
    return line;
  };
}

/** The line number of `offset`. */
export function lineAt(text: string, offset: number): number {
  return lineCounter(text)(offset);
}

/** Where the line of `offset` begins. */
export function lineStartAt(text: string, offset: number): number {
  let at = offset;
  while (at > 0 && !/[\n\r]/.test(text.charAt(at - 1))) at--;
  return at;
}
