/**
 * A check for `doctor`, which has to report failures and must not fail because of them.
 */
import { assertKind } from '../arguments/arguments.ts';
import { isSecretError } from '../contract/secret-error.ts';
import type { ProviderCheck } from '../contract/secret-provider.ts';
import { failedCheck } from './failed-check.ts';

/**
 * The finding of one check. A failure is a finding too, see {@link failedCheck}. Rejects only with what is not a
 * `SecretError`: a defect.
 *
 * @throws `ERR_SECRET_CONFIG` for wrong arguments
 * @example
 * ```ts
 * import { checked, type ReadContext } from '@keyfall/core/provider';
 *
 * declare function countNames(context: ReadContext): Promise<number>;
 *
 * export const check = (context: ReadContext) =>
 *   checked('drawer', async () => ({
 *     state: 'ready',
 *     message: `holds ${await countNames(context)} names`,
 *   }));
 * ```
 */
export async function checked(
  subject: string,
  find: () => Promise<Omit<ProviderCheck, 'subject'>>,
): Promise<readonly ProviderCheck[]> {
  assertKind(subject, 'text', 'checked: the subject');
  assertKind(find, 'a function', 'checked: the check');
  try {
    return [{ subject, ...(await find()) }];
  } catch (error) {
    if (!isSecretError(error)) throw error;
    return [failedCheck(subject, error)];
  }
}
