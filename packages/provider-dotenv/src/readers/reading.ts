/**
 * What a program makes of the text of a `.env`. Programs differ: what one of them reads is a fact about
 * the text and that program, and there is no reading that is right for all.
 */

/** The programs whose reading is known, as users name them. */
export const dotenvReaders = ['npm', 'python', 'node', 'compose', 'shell'] as const;

/**
 * A program that reads a `.env`: `npm` (dotenv), `python` (python-dotenv), `node` (`node --env-file`),
 * `compose` (docker compose) or `shell` (`set -a; . ./.env`).
 */
export type DotenvReader = (typeof dotenvReaders)[number];

/** What one of them reads in a text. */
export interface Reading {
  /** What it gives a program, by name. A name that it drops is not among them. */
  readonly values: ReadonlyMap<string, string>;
  /**
   * Names whose value nobody can tell without running what the file says: by name the line, from 1.
   * None of them is in `values`.
   */
  readonly unknown: ReadonlyMap<string, number>;
  /** Names whose value is made of variables of the environment, with these variables' names. */
  readonly outside: ReadonlyMap<string, ReadonlySet<string>>;
  /** Where the values stand in the text, in its order. */
  readonly spans: readonly Span[];
  /** Why it reads nothing of this file; then there are no values. */
  readonly refusal?: Refusal;
}

/** Where a name and its value stand. Offsets are in UTF-16 code units, ends exclusive. */
export interface Span {
  readonly name: string;
  /** Where the line begins on which the name stands. */
  readonly lineStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** What stops a reader. */
interface Refusal {
  /** From 1. */
  readonly line: number;
  /** A clause about the line, without a word of it: "has a quote that is never closed". */
  readonly reason: string;
}

/** The variables that a reader sees beside the file. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads a text as a program does that is started with these variables. Never throws for a text. */
export type Read = (text: string, variables: Variables) => Reading;

/** The variable's value, if it is there. What an object inherits is none. */
export function variableIn(variables: Variables, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}

/** Counts lines: the number of the line in which an offset stands, asked for in rising order. */
export function lineCounter(text: string): (offset: number) => number {
  const lineBreak = /\r\n|\n|\r/g;
  let line = 1;
  let next = lineBreak.exec(text);
  return (offset) => {
    for (; next !== null && lineBreak.lastIndex <= offset; next = lineBreak.exec(text)) line++;
    return line;
  };
}

/** The number of the line in which `offset` stands. */
export function lineAt(text: string, offset: number): number {
  return lineCounter(text)(offset);
}

/** Where the line begins in which `offset` stands. */
export function lineStartAt(text: string, offset: number): number {
  let at = offset;
  while (at > 0 && !/[\n\r]/.test(text.charAt(at - 1))) at--;
  return at;
}
