/**
 * A `.env` as npm's dotenv reads it: by dotenv itself.
 */
import { parseDotenv } from './parse-dotenv.ts';
import type { Reading } from './reading.ts';
import { scanDotenv } from './scan-dotenv.ts';

/** Reads a text. It does not use variables. */
export function readAsNpm(text: string): Reading {
  return {
    values: parseDotenv(text),
    // searched only if they are needed
    get spans() {
      return scanDotenv(text).pairs;
    },
    unknown: new Map(),
    outside: new Map(),
  };
}
