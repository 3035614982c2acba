/**
 * `run --redact`: what the program prints goes out with every secret value masked.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { ChunkRedactor, Redactor } from '@keyfall/core';
import { errnoCode } from './report-error.ts';
import { notice } from './terminal.ts';

/**
 * Masks both streams of a program, each a text of its own. Resolves when all is written: also what
 * programs print that it started and left behind.
 */
export async function maskOutput(child: ChildProcess, redactor: Redactor): Promise<void> {
  // Nobody reads any more: a pipe would end the program now, but what it writes to is a socket.
  const unread = () => void child.kill('SIGPIPE');
  const { stdout, stderr } = child;
  await Promise.all([
    stdout && pump(stdout, process.stdout, redactor.chunks(), unread),
    stderr && pump(stderr, process.stderr, redactor.chunks(), unread),
  ]);
}

/** Resolves when all of `from` is written, or `to` takes no more. Never rejects. */
function pump(
  from: Readable,
  to: Writable,
  { push, end }: ChunkRedactor,
  unread: () => void,
): Promise<void> {
  return new Promise((resolve) => {
    const resume = () => from.resume();
    const fail = (error: Error) => {
      // a full disk, of which the program itself will not hear
      if (errnoCode(error) !== 'EPIPE')
        notice(`what it prints could not be written (${errnoCode(error) ?? 'unknown'}).`);
      unread();
      from.destroy();
      settle();
    };
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
    from.once('end', () => to.write(end(), settle));
    from.once('error', fail);
  });
}
