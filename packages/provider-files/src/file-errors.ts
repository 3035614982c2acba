/**
 * What `node:fs` throws, as a `SecretError`: Node's errno code decides, and is the only fact of it
 * that is ever shown.
 */
import { SecretError, type SecretErrorCode } from '@keyfall/core';

/** What an error is about. */
export interface FileSubject {
  /** The path as the user would write it: what errors show. */
  readonly shown: string;
  /** Name of the provider. */
  readonly provider: string;
  /** The secret that the file holds, where it is about one. */
  readonly secretName?: string;
}

/** The errno code of what was thrown, else `''`. */
export function errnoOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

/** A `SecretError` about this file or folder. */
export function problem(
  { shown, provider, secretName }: FileSubject,
  code: SecretErrorCode,
  reason: string,
  hint?: string,
): SecretError {
  return new SecretError(code, `${shown} ${reason}`, { provider, secretName, hint });
}

const access = 'Give this user read access to it, and to the folders above.';
const refusals: ReadonlyMap<string, readonly [SecretErrorCode, reason: string, hint?: string]> =
  new Map([
    ['EACCES', ['ERR_SECRET_DENIED', 'may not be read', access]],
    ['EPERM', ['ERR_SECRET_DENIED', 'may not be read', access]],
    ['ELOOP', ['ERR_SECRET_INVALID', 'is a link that leads in a circle']],
    // What opening a socket, or a device without a driver, answers.
    ['ENXIO', ['ERR_SECRET_INVALID', 'is not a regular file']],
    ['ENOTDIR', ['ERR_SECRET_CONFIG', 'lies below something that is not a folder']],
    ['ENAMETOOLONG', ['ERR_SECRET_CONFIG', 'is a longer path than the system allows']],
  ]);

/** The `SecretError` for what `node:fs` threw about a file or a folder that is there. */
export function unreadable(subject: FileSubject, thrown: unknown): SecretError {
  if (thrown instanceof SecretError) return thrown;
  const errno = errnoOf(thrown);
  const known = refusals.get(errno);
  if (known !== undefined) return problem(subject, ...known);
  const code = /^E[A-Z0-9]+$/.test(errno) ? ` (${errno})` : '';
  return problem(subject, 'ERR_SECRET_UNAVAILABLE', `could not be read${code}`);
}
