/**
 * The check that every factory begins with, for callers without types.
 */

import { SecretError } from '../contract/secret-error.ts';
import { assertText } from './arguments.ts';

/**
 * Refuses what is no object of options: `dotenvProvider('.env.prod')` must not read `.env`.
 *
 * @param factory - the function that was given them, for the error
 * @throws `ERR_SECRET_CONFIG` if `options` is not an object; the error does not repeat it
 */
export function assertOptions(options: unknown, factory: string): void {
  assertText(factory, 'assertOptions: the factory');
  if (typeof options === 'object' && options !== null) return;
  throw new SecretError('ERR_SECRET_CONFIG', `${factory} was not given an object`, {
    hint: `Write it as ${factory}({ … }).`,
  });
}
