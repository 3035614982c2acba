/**
 * `run --redact`: what the program prints goes out with every secret value masked.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ChunkRedactor, Redactor } from '@keyfall/core';
import { errnoOf } from '@keyfall/core/provider/files';
import { notice } from '../terminal/terminal.ts';
import type { FilteredOutput } from './child-process.ts';

/**
 * Masks both streams of a program, each a text of its own. `written` resolves when all is: also what
 * programs print that it started and left behind, unless `stop` is called.
 */
export function maskOutput(child: ChildProcess, redactor: Redactor): FilteredOutput {
  // Nobody reads any more: a pipe would end the program now, but what it writes to is a socket.
  const unread = () => void child.kill('SIGPIPE');
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

/** Resolves when all of `from` is written, it is destroyed, or `to` takes no more. Never rejects. */
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
      // a full disk, of which the program itself will not hear
      if (errnoOf(error) !== 'EPIPE')
        notice(`what it prints could not be written (${errnoOf(error) || 'unknown'}).`);
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
    // not `end`, which a stream that is destroyed does not have
    from.once('close', flush);
    from.once('error', fail);
  });
}

const guarded = new WeakSet<Writable>();

/** A stream tells the callback of a write of its error first, and emits it when nobody may listen any more. */
function ignoreLateErrors(to: Writable): void {
  if (guarded.has(to)) return;
  guarded.add(to);
  to.on('error', () => {});
}
