/**
 * `run --redact`: the program's output with every secret value masked.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ChunkRedactor, Redactor } from '@keyfall/core';
import { errnoOf } from '@keyfall/core/provider/files';
import { notice } from '../terminal/terminal.ts';
import type { FilteredOutput } from './child-process.ts';
import { sendSignal } from './signals.ts';

/**
 * Masks both streams of a program, each by itself. `written` resolves when everything is written, also the output of
 * programs that it has left behind, unless `stop` is called.
 */
export function maskOutput(child: ChildProcess, redactor: Redactor): FilteredOutput {
  // our output has no reader any more: with a pipe the program would get this signal, but it writes to a socket
  const unread = () => sendSignal(child, 'SIGPIPE');
  const { stdout, stderr } = child;
  const written = Promise.all([
    stdout && pump(stdout, process.stdout, redactor.chunks(), unread),
    stderr && pump(stderr, process.stderr, redactor.chunks(), unread),
  ]).then(() => {});
  return {
    written,
    stop() {
      stdout?.destroy();
      stderr?.destroy();
    },
  };
}

/** Resolves when `from` is written or destroyed, or `to` cannot be written any more. Never rejects. */
function pump(
  from: Readable,
  to: Writable,
  { push, end }: ChunkRedactor,
  unread: () => void,
): Promise<void> {
  return new Promise((resolve) => {
    ignoreLateErrors(to);
    const resume = () => from.resume();
    const fail = (error: Error) => {
      // a full disk, for example: the program itself does not get that error
      if (errnoOf(error) !== 'EPIPE')
        notice(`the program's output could not be written (${errnoOf(error) || 'unknown'}).`);
      unread();
      from.off('close', flush).destroy();
      settle();
    };
    const flush = () => to.write(end(), (error) => (error ? fail(error) : settle()));
    const settle = () => {
      to.off('drain', resume);
      to.off('error', fail);
      resolve();
    };
    to.on('drain', resume);
    to.once('error', fail);
    from.on('data', (chunk: Buffer) => {
      const certain = push(chunk);
      if (certain.length > 0 && !to.write(certain)) from.pause();
    });
    // not `end`, which a destroyed stream does not emit
    from.once('close', flush);
    from.once('error', fail);
  });
}

const guarded = new WeakSet<Writable>();

/** A stream passes an error to the callback of a write first, and emits it later, when our listener is gone. */
function ignoreLateErrors(to: Writable): void {
  if (guarded.has(to)) return;
  guarded.add(to);
  to.on('error', () => {});
}
