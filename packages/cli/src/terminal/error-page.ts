/**
 * Where a failure is explained at length.
 */
import type { SecretErrorCode } from '@keyfall/core';

/** The address of the documentation, with a slash at its end. The site is built for this address. */
export const site = 'https://keyfall.github.io/keyfall/';

/** The page about every failure of this kind. */
export function errorPage(code: SecretErrorCode): string {
  return `${site}errors/${code}`;
}
