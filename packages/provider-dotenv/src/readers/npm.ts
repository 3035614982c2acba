/**
 * A `.env` as npm's dotenv reads it: by dotenv itself.
 */
import { loadParse } from './parse-dotenv.ts';
import type { Read } from './reading.ts';
import { scanDotenv } from './scan-dotenv.ts';

/** Loads dotenv. Variables beside the file are nothing to it. */
export async function loadNpm(): Promise<Read> {
  const parse = await loadParse();
  return (text) => ({
    values: parse(text),
    // looked for when somebody asks
    get spans() {
      return scanDotenv(text).pairs;
    },
    unknown: new Map(),
    outside: new Map(),
  });
}
