/**
 * Names with a text each, as users give them.
 */
import { SecretError } from './secret-error.ts';

/** An object, or entries for names such as `__proto__` that an object cannot hold. */
export type TextPairs = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/**
 * The pairs of `given`.
 *
 * @param what - the factory that was given them, for the error
 * @throws `ERR_SECRET_CONFIG` if a value is not text; the error names it
 */
export function textPairs(given: TextPairs, what: string): (readonly [string, string])[] {
  const pairs =
    Symbol.iterator in given
      ? [...(given as Iterable<readonly [string, string]>)]
      : Object.entries(given);
  for (const [name, value] of pairs)
    if (typeof value !== 'string')
      throw new SecretError('ERR_SECRET_CONFIG', `${what}: the value of ${name} is not text`);
  return pairs;
}
