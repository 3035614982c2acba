// Keyfall masking values in a text: in all their forms (plain, escaped, in URLs, base64 at any alignment).
import { createRedactor } from '@keyfall/core';
import { chunksOf, logText } from '../harness/log-text.mjs';

const size = 8_000_000;

function redactorOf(values) {
  const redactor = createRedactor();
  for (const value of values) redactor.add(value);
  return redactor;
}

function push(redactor, text) {
  const chunks = redactor.chunks();
  let length = 0;
  for (const chunk of chunksOf(text)) length += chunks.push(chunk).length;
  length += chunks.end().length;
  if (length >= text.length) throw new Error('nothing was masked');
}

/** Chunk by chunk. */
export function chunks({ values }) {
  const [redactor, text] = [redactorOf(values), logText(size, values)];
  return { per: text.length / 1e6, operation: () => push(redactor, text) };
}

/** Through the stream of the web. */
export function stream({ values }) {
  const [redactor, text] = [redactorOf(values), logText(size, values)];
  return {
    per: text.length / 1e6,
    async operation() {
      let length = 0;
      const masked = ReadableStream.from(chunksOf(text)).pipeThrough(redactor.stream());
      for await (const chunk of masked) length += chunk.length;
      if (length >= text.length) throw new Error('nothing was masked');
    },
  };
}

const beginnings = Array.from({ length: 50 }, (_, index) => `${'a'.repeat(200 + index)}b`);
const worst = ({ size }) => {
  const redactor = redactorOf(beginnings);
  const text = Buffer.from(`${'a'.repeat(size)}${'a'.repeat(200)}b`);
  return { per: text.length / 1e6, operation: () => push(redactor, text) };
};

/** The worst of texts: every byte goes on with a match that the next one breaks off. */
export const worstText = () => worst({ size: 2_000_000 });
/** Twice as long. */
export const worstTextTwice = () => worst({ size: 4_000_000 });
