/**
 * The two streams: data goes to stdout, everything said to a person to stderr.
 */
import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { clipped, wrapped } from './wrapping.ts';

/**
 * One line on stderr, `keyfall: message`: one, whatever foreign text is in it. Written at once and past `process.stderr`: opening that
 * stream would change the mode of a pipe that the child of `run` inherits.
 */
export function notice(message: string): void {
  writeLine(`keyfall: ${printable(message)}`);
}

/** What is said of work that went well, `keyfall: message`: `--quiet` leaves it out. */
export function report(message: string): void {
  if (!quiet) notice(message);
}

let quiet = false;

/** Has nothing said but what went wrong or must not be silent (`--quiet`). */
export function beQuiet(): void {
  quiet = true;
}

/** Whether {@link beQuiet} was called. */
export function isQuiet(): boolean {
  return quiet;
}

let beforeLine: (() => void) | undefined;

/** Has this called before each line on stderr, by what has the last line of the terminal in use. */
export function onBeforeLine(clear: (() => void) | undefined): void {
  beforeLine = clear;
}

/**
 * Whether this descriptor is a terminal. Node's module is loaded here and not imported: with its streams
 * and sockets it is more than a start that asks no such thing should pay for. A Node before 20.16 cannot load it so; it is
 * only told that it is too old, and a plain line does for that.
 */
export function isTerminal(descriptor: number): boolean {
  return process.getBuiltinModule?.('node:tty').isatty(descriptor) ?? false;
}

/** Whether a line on stderr can be drawn over: it is a terminal, and one that can do so. */
export function canRedraw(): boolean {
  return isTerminal(2) && process.env['TERM'] !== 'dumb';
}

/** The columns of a terminal: 80 where it tells none, as one does that nobody gave a size (0). */
export function columnsOf({ columns }: { readonly columns?: number }): number {
  return columns || 80;
}

/** A line that moves, in place of the last one of the terminal: one that went on below could not be taken back. */
export function redraw(line: string): void {
  draw(`\r\u001b[K${clipped(line, columnsOf(process.stderr) - 1)}`);
}

/** Text on stderr as it is, past the stream: what moves on a terminal. */
export function draw(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // a terminal that is gone or full needs no picture
  }
}

/** Text for a person on stderr with a line end; on a terminal, in lines that end where it does. */
export function writeLine(text: string): void {
  writeAside(
    Buffer.from(`${isTerminal(2) ? wrapped(text, columnsOf(process.stderr) - 1) : text}\n`),
  );
}

/** The same of bytes, which may be a part of a line. */
function writeAside(bytes: Uint8Array): void {
  beforeLine?.();
  writeAll(bytes);
}

function writeAll(bytes: Uint8Array): void {
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(2, bytes, written);
  } catch {
    // nobody reads stderr (EPIPE) or it is full (EAGAIN): a notice must not end the work
  }
}

/**
 * Where stderr is a pipe, has `process.stderr` be a stream that writes as {@link writeLine} does. To open
 * Node's own changes the mode of the pipe for everybody who has it: what the program of `run` writes would be
 * cut off where the pipe is full. Node itself opens it whenever a socket closes, to compare the two.
 */
export function keepStderrClosed(): void {
  if (!isPipe(2)) return;
  Object.defineProperty(process, 'stderr', {
    configurable: true,
    enumerable: true,
    get: asideStream,
  });
}

let aside: Writable | undefined;

/** A stream over {@link writeAside}: one for all who ask, made for the first. */
export function asideStream(): Writable {
  if (aside !== undefined) return aside;
  const { Writable } = process.getBuiltinModule('node:stream');
  aside = new Writable({
    write(bytes: Buffer, _encoding, done) {
      writeAside(bytes);
      done();
    },
  });
  return aside;
}

function isPipe(descriptor: number): boolean {
  try {
    // with bigint: without, Node 20's `realpathSync` takes the next link that it meets for what this found
    const kind = fstatSync(descriptor, { bigint: true });
    return kind.isFIFO() || kind.isSocket();
  } catch {
    return false; // it is closed
  }
}

/** That stdout could not be written. */
export class OutputError extends Error {
  /** Node's code: `ENOSPC`. */
  readonly code: string;

  constructor(code: string) {
    super(`stdout could not be written (${code})`);
    this.code = code;
  }
}

/**
 * Data on stdout. Resolves when it is written; a reader that went away (`| head`) is no error.
 * @throws {@link OutputError} for anything else: a full disk
 */
export function printData(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: (Error & { code?: string }) | null): void => {
      if (error && error.code !== 'EPIPE') reject(new OutputError(error.code ?? 'unknown'));
      else resolve();
    };
    // the stream also emits the error that its callback gets
    process.stdout.once('error', settle);
    process.stdout.write(text, (error) => {
      if (!error) process.stdout.off('error', settle);
      settle(error);
    });
  });
}

/** Data on stdout as JSON, for programs. What would move a cursor is escaped, as JSON has it. */
export function printJson(data: unknown): Promise<void> {
  const lines = JSON.stringify(data, null, 2).split('\n');
  return printData(`${lines.map((line) => escapeUnprintable(line, utf16)).join('\n')}\n`);
}

/** `\u009b`: how JSON and TypeScript write a character by its number. */
export function utf16(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** Whether a person can be asked: both the questions and the answers need a terminal. */
export function canPrompt(): boolean {
  return isTerminal(0) && isTerminal(2);
}

/**
 * Foreign text as it may stand in a line for a person: a name, a path, what a server says. One with a line end or an escape
 * sequence must not move the cursor or fake a line, and one with what is not seen must not look like another.
 */
export function printable(text: string): string {
  return escapeUnprintable(text, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** The text with each character that a terminal obeys, or does not show, as `written` has it. */
export function escapeUnprintable(text: string, written: (character: string) => string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, written);
}

/** `1 name`, `2 names`. */
export function countNames(count: number): string {
  return `${count} ${count === 1 ? 'name' : 'names'}`;
}

/** Names as a person lists them: `A`, `A and B`, `A, B and C`. */
export function listNames(names: readonly string[]): string {
  const shown = names.map(printable);
  const last = shown.pop() ?? 'none';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}
