import { isSecretError } from '@keyfall/core';
import type { SecretBatch } from '@keyfall/core/provider';

export { callContext as context, denyAccess as deny, temporaryFolder } from '@keyfall/testkit';

/** The values of a batch, or the codes of its errors, by name. */
export function valuesOf({ entries }: SecretBatch): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  for (const [name, entry] of entries)
    values[name] = isSecretError(entry) ? entry.code : entry.value;
  return values;
}
