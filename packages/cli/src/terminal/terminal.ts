/**
 * The two streams: data goes to stdout, and messages for people to stderr.
 */
import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { clipped, wrapped } from './wrapping.ts';

/**
 * Writes one line to stderr, `keyfall: message`, whatever foreign text is in it. It does not use `process.stderr`, which
 * would change the mode of a pipe that the program of `run` inherits.
 */
export function notice(message: string): void {
  if (!isSilent) writeLine(`keyfall: ${printable(message)}`);
}

/** The same for a report of success, which `--quiet` leaves out. */
export function report(message: string): void {
  if (!quiet) notice(message);
}

let isSilent = false;

/** Does `work` without a {@link notice}: for reads of which the user gets no value. */
export async function silently<Result>(work: () => Promise<Result>): Promise<Result> {
  isSilent = true;
  try {
    return await work();
  } finally {
    isSilent = false;
  }
}

let quiet = false;

/** Leaves out reports of success (`--quiet`). Errors and warnings are still written. */
export function beQuiet(): void {
  quiet = true;
}

/** Whether {@link beQuiet} was called. */
export function isQuiet(): boolean {
  return quiet;
}

let beforeLine: (() => void) | undefined;

/** Sets what is called before each line on stderr, for a spinner or a bar on the terminal's last line. */
export function onBeforeLine(clear: (() => void) | undefined): void {
  beforeLine = clear;
}

/**
 * Whether this descriptor is a terminal. `node:tty` is loaded here and not imported, since it brings streams and sockets
 * that most starts do not need. A Node before 20.16 cannot load it like this: it only gets the error that it is too old.
 */
export function isTerminal(descriptor: number): boolean {
  return process.getBuiltinModule?.('node:tty').isatty(descriptor) ?? false;
}

/** Whether stderr is a terminal on which a line can be redrawn. */
export function canRedraw(): boolean {
  return isTerminal(2) && process.env['TERM'] !== 'dumb';
}

/** The columns of a terminal: 80 if its size is unknown (0). */
export function columnsOf({ columns }: { readonly columns?: number }): number {
  return columns || 80;
}

/** Redraws the last line of the terminal. It is clipped, since a second line could not be redrawn. */
export function redraw(line: string): void {
  draw(`\r\u001b[K${clipped(line, columnsOf(process.stderr) - 1)}`);
}

/** Writes text to stderr as it is, for a line that is redrawn. */
export function draw(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // a terminal that is closed or blocked needs no progress
  }
}

/** Writes a message to stderr with a line end; on a terminal, in lines that fit it. */
export function writeLine(text: string): void {
  writeAside(
    Buffer.from(`${isTerminal(2) ? wrapped(text, columnsOf(process.stderr) - 1) : text}\n`),
  );
}

/** Writes bytes to stderr, which may be a part of a line. */
function writeAside(bytes: Uint8Array): void {
  beforeLine?.();
  writeAll(bytes);
}

function writeAll(bytes: Uint8Array): void {
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(2, bytes, written);
  } catch {
    // stderr has no reader (EPIPE) or is full (EAGAIN): a notice must not end the work
  }
}

/**
 * If stderr is a pipe, replaces `process.stderr` by a stream that writes like {@link writeLine}. Node's own stream changes
 * the mode of the pipe for all processes that share it, so that the program of `run` would lose output when the pipe is
 * full. Node itself opens that stream whenever a socket is closed.
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

/** The stream over {@link writeAside}, made at its first use. */
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

/** Stdout could not be written. */
export class OutputError extends Error {
  /** Node's code: `ENOSPC`. */
  readonly code: string;

  constructor(code: string) {
    super(`stdout could not be written (${code})`);
    this.code = code;
  }
}

/**
 * Writes data to stdout, and resolves when it is written. That the reader has ended (`| head`) is not an error.
 * @throws {@link OutputError} for other failures, such as a full disk
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

/** Writes data to stdout as JSON. Control characters are escaped. */
export function printJson(data: unknown): Promise<void> {
  const lines = JSON.stringify(data, null, 2).split('\n');
  return printData(`${lines.map((line) => escapeUnprintable(line, utf16)).join('\n')}\n`);
}

/** A character by its numbers, as JSON and TypeScript write it: `\u009b`. */
export function utf16(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** Whether the user can be asked: questions and answers both need a terminal. */
export function canPrompt(): boolean {
  return isTerminal(0) && isTerminal(2);
}

/**
 * Foreign text for a message: a name, a path, the words of a server. Line ends and escape sequences must not move the cursor
 * or fake a line, and invisible characters must not make one name look like another.
 */
export function printable(text: string): string {
  return escapeUnprintable(text, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** The text with each control character, and each invisible one, replaced by what `written` returns. */
export function escapeUnprintable(text: string, written: (character: string) => string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, written);
}

/** `1 name`, `2 names`. */
export function countNames(count: number): string {
  return `${count} ${count === 1 ? 'name' : 'names'}`;
}

/** Names in a sentence: `A`, `A and B`, `A, B and C`. */
export function listNames(names: readonly string[]): string {
  // an empty one cannot be seen
  const shown = names.map((name) => printable(name) || '""');
  const last = shown.pop() ?? 'none';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}
