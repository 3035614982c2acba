/**
 * What an API answers its own clients with when a secret cannot be had. It is said here once, for every framework.
 */
import { isSecretError, type SecretErrorCode } from './secret-error.ts';

const statuses: Readonly<Record<SecretErrorCode, 500 | 503>> = {
  // the store does not let the API work: its clients may come again
  ERR_SECRET_UNAVAILABLE: 503,
  ERR_SECRET_DENIED: 503,
  ERR_SECRET_UNAUTHENTICATED: 503,
  ERR_SECRET_TLS: 503,
  ERR_SECRET_ABORTED: 503,
  // the API, its settings or what is stored has to be changed
  ERR_SECRET_NOT_FOUND: 500,
  ERR_SECRET_INVALID: 500,
  ERR_SECRET_CONFLICT: 500,
  ERR_SECRET_UNSUPPORTED: 500,
  ERR_SECRET_CONFIG: 500,
  ERR_SECRET_PROVIDER: 500,
};

/**
 * The HTTP status that an API answers a request with which failed by this error: 503 where a store could not be asked or
 * refused the API, 500 where something is missing, broken or wrongly set up. Never a 4xx, because the client did nothing wrong: the
 * 403 of a store is about the API's own credentials. `undefined` for anything but a `SecretError`.
 *
 * Do not send the message along: it holds no value, but it names stores and secrets.
 *
 * @example
 * ```ts
 * import { httpStatusOf } from '@keyfall/core';
 *
 * function answer(error: unknown): Response {
 *   const status = httpStatusOf(error);
 *   if (status === undefined) throw error;
 *   return new Response('A secret could not be read.', { status });
 * }
 * ```
 */
export function httpStatusOf(error: unknown): 500 | 503 | undefined {
  return isSecretError(error) ? (statuses[error.code] ?? 500) : undefined;
}
