/**
 * A look at a store is there to find failures, so what it throws becomes a line of what it found.
 */
import { assertObject, assertText } from '../arguments/arguments.ts';
import type { SecretError } from '../contract/secret-error.ts';
import type { ProviderCheck } from '../contract/secret-provider.ts';

/**
 * The line for an error that was thrown where `subject` was looked at: `failing`, its reason as the
 * message, and its hint.
 *
 * @param given - a code for what was found, where that is known better than the kind of the error, which else is
 *   the line's code: `unavailable` for `ERR_SECRET_UNAVAILABLE`
 * @throws `ERR_SECRET_CONFIG` for what is no error
 */
export function failedCheck(
  subject: string,
  error: Pick<SecretError, 'code' | 'reason' | 'hint'> & Partial<Pick<SecretError, 'setting'>>,
  given?: string,
): ProviderCheck {
  assertObject(error, 'failedCheck: the error');
  assertText(error.code, 'failedCheck: the code of the error');
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
