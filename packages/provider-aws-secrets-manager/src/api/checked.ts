/**
 * A check for `doctor`, which has to report failures and must not fail because of them.
 */
import { failedCheck, isSecretError, type ProviderCheck } from '@keyfall/core/provider';

/** The finding of one check; a failure is a finding too. Rejects only with what is not a `SecretError`: a defect. */
export async function checked(
  subject: string,
  find: () => Promise<Omit<ProviderCheck, 'subject'>>,
): Promise<ProviderCheck[]> {
  try {
    return [{ subject, ...(await find()) }];
  } catch (error) {
    if (!isSecretError(error)) throw error;
    return [failedCheck(subject, error)];
  }
}
