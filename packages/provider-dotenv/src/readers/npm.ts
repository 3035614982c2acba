/**
 * A `.env` as npm's dotenv reads it: by dotenv itself.
 */
import { loadParse } from './parse-dotenv.ts';
import type { Read } from './reading.ts';
import { scanDotenv } from './scan-dotenv.ts';

/** Loads dotenv. It does not use variables. */
export async function loadNpm(): Promise<Read> {
  const parse = await loadParse();
  return (text) => ({
    values: parse(text),
    // searched only if they are needed
    get spans() {
      return scanDotenv(text).pairs;
    },
    unknown: new Map(),
    outside: new Map(),
  });
}
