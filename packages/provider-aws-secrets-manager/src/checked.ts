/**
 * A look at the store for `doctor`, which is there to find failures and must not fail by them.
 */
import { isSecretError } from '@keyfall/core';
import { failedCheck, type ProviderCheck } from '@keyfall/core/provider';

/** One check, its failure included. Rejects with a bug alone. */
export async function checked(
  subject: string,
  look: () => Promise<Omit<ProviderCheck, 'subject'>>,
): Promise<ProviderCheck[]> {
  try {
    return [{ subject, ...(await look()) }];
  } catch (error) {
    if (!isSecretError(error)) throw error;
    return [failedCheck(subject, error)];
  }
}
