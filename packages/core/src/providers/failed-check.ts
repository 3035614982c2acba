/**
 * A check of a store has to report failures, so an error that it throws becomes a finding.
 */
import { assertKind } from '../arguments/arguments.ts';
import type { SecretError } from '../contract/secret-error.ts';
import type { ProviderCheck } from '../contract/secret-provider.ts';

/**
 * The finding for an error that a check of `subject` threw: `failing`, with the reason as its message, and the
 * hint.
 *
 * @param given - a code that is more precise than the kind of the error, which is otherwise the code of the
 *   finding: `unavailable` for `ERR_SECRET_UNAVAILABLE`
 * @throws `ERR_SECRET_CONFIG` for anything but an error
 */
export function failedCheck(
  subject: string,
  error: Pick<SecretError, 'code' | 'reason' | 'hint'> & Partial<Pick<SecretError, 'setting'>>,
  given?: string,
): ProviderCheck {
  assertKind(error, 'an object', 'failedCheck: the error');
  assertKind(error.code, 'text', 'failedCheck: the code of the error');
  const code = given ?? error.code.replace('ERR_SECRET_', '').toLowerCase().replaceAll('_', '-');
  const { reason: message, hint, setting } = error;
  return {
    subject,
    state: 'failing',
    message,
    ...(hint && { hint }),
    code,
    ...(setting && { setting }),
  };
}
