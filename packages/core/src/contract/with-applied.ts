/**
 * What became of a write, in the error that ended it: for those who write.
 */
import { type Applied, errorWith, isSecretError, type SecretError } from './secret-error.ts';

/**
 * `error` with what became of the write that it ended; `error` itself if it says that already, or is not a
 * `SecretError`.
 */
export function withApplied<Thrown>(error: Thrown, applied: Applied): Thrown | SecretError {
  if (!isSecretError(error) || error.applied !== undefined) return error;
  return errorWith(error, { applied });
}
