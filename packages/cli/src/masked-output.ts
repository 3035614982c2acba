/**
 * `run --redact`: what the program prints goes out with every secret value masked.
 */
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Redactor } from '@keyfall/core';

/**
 * Masks both streams of a program, each a text of its own. Resolves when all is written: also what
 * programs print that it started and left behind.
 */
export async function maskOutput(child: ChildProcess, redactor: Redactor): Promise<void> {
  const mask = async (from: Readable | null, to: Writable): Promise<void> => {
    if (from === null) return;
    try {
      await pipeline(from, masked(redactor), to, { end: false });
    } catch {
      // Nobody reads any more. A pipe would end the program now; what it writes to is a socket.
      child.kill('SIGPIPE');
    }
  };
  await Promise.all([mask(child.stdout, process.stdout), mask(child.stderr, process.stderr)]);
}

function masked(
  redactor: Redactor,
): (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  const { push, end } = redactor.chunks();
  return async function* (source) {
    for await (const chunk of source) {
      const certain = push(chunk);
      if (certain.length > 0) yield certain;
    }
    const rest = end();
    if (rest.length > 0) yield rest;
  };
}
