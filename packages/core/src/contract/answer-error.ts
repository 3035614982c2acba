/**
 * What the errors of an answer that is no success have in common, whichever store gives it.
 */
import { SecretError, type SecretErrorCode } from './secret-error.ts';

/** A request, and the status that was answered. */
export interface AnsweredRequest {
  /** The provider's name. */
  readonly provider: string;
  /** What was asked for: `the secret TOKEN`. No value. */
  readonly subject: string;
  /** Default `GET`. Another one changes something. */
  readonly method?: string | undefined;
  readonly status: number;
  /** Whether the store itself refuses the request, in its own form of an error. Default: what stands in its place may have answered. */
  readonly isOwn?: boolean | undefined;
}

/**
 * Makes the errors of an answer: a code, what follows the subject, and a hint. Each has the status, and of a change what
 * became of it: it was not applied if the store itself refused it, or did not know the caller (401), or limits the rate (429, RFC
 * 6585); else that is unknown.
 *
 * @example
 * ```ts
 * import { answerError } from '@keyfall/core/provider';
 *
 * const problem = answerError({ provider: 'drawer', subject: 'the secret TOKEN', status: 403 });
 * throw problem('ERR_SECRET_DENIED', 'is denied to this token', 'Give it the right to read.');
 * ```
 */
export function answerError({
  provider,
  subject,
  method = 'GET',
  status,
  isOwn = false,
}: AnsweredRequest): (code: SecretErrorCode, what: string, hint?: string) => SecretError {
  const applied = isOwn || status === 401 || status === 429 ? 'no' : 'unknown';
  return (code, what, hint) =>
    new SecretError(code, `${subject} ${what}`, {
      provider,
      hint,
      storeStatus: status,
      ...(method !== 'GET' && { applied }),
    });
}
