/**
 * Names with a text each, as users give them.
 */

import { SecretError } from '../contract/secret-error.ts';
import { assertKind, wrongArgument } from './arguments.ts';

/** An object, or entries for names such as `__proto__` that an object cannot hold. */
export type TextPairs = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/**
 * The pairs of `given`.
 *
 * @param what - the factory that was given them, for the error
 * @throws `ERR_SECRET_CONFIG` for anything but pairs, and if a value is not text; the error names it
 */
export function textPairs(given: TextPairs, what: string): (readonly [string, string])[] {
  assertKind(given, 'an object', `${what}: the values`);
  const pairs =
    Symbol.iterator in given
      ? [...(given as Iterable<readonly [string, string]>)]
      : Object.entries(given);
  for (const pair of pairs) {
    if (!Array.isArray(pair)) throw wrongArgument(`${what}: each entry`, 'a name with a text');
    const [name, value] = pair as readonly [unknown, unknown];
    assertKind(name, 'text', `${what}: each name`);
    if (typeof value !== 'string')
      throw new SecretError('ERR_SECRET_CONFIG', `${what}: the value of ${name} is not text`);
  }
  return pairs;
}
