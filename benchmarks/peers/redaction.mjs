// What people write to mask values, and the least that goes through a text.
import { chunksOf, logText } from '../harness/log-text.mjs';

/** Copies the bytes. */
export function copying({ values }) {
  const text = logText(8_000_000, values);
  return {
    per: text.length / 1e6,
    operation() {
      let length = 0;
      for (const chunk of chunksOf(text)) length += new Uint8Array(chunk).length;
      if (length !== text.length) throw new Error('the copy is not whole');
    },
  };
}

/** A value at a time, and each as it is alone: no escaped form, none that a chunk cuts. */
export function splitAndJoin({ values }) {
  const text = logText(65_536, values).toString();
  return {
    per: text.length / 1e6,
    operation() {
      let masked = text;
      for (const value of values) masked = masked.split(value).join('[redacted]');
      if (masked.length >= text.length) throw new Error('nothing was masked');
    },
  };
}
