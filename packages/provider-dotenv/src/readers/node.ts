/**
 * A `.env` as `node --env-file` reads it: by the parser of the running Node, which `--env-file` uses too.
 */
import util from 'node:util';
import type { Read } from './reading.ts';

/** That reader; `undefined` if this runtime has none. It does not say where a value is in the text. */
export function nodeReader(): Read | undefined {
  const { parseEnv } = util;
  if (typeof parseEnv !== 'function') return undefined;
  return (text) => {
    const values = new Map<string, string>();
    for (const [name, value] of Object.entries(parseEnv(text)))
      if (name !== '' && value !== undefined) values.set(name, value);
    return { values, spans: [], unknown: new Map(), outside: new Map() };
  };
}
