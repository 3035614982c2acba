import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import type { SecretBatch } from '@keyfall/core/provider';

export { callContext as context, denyAccess as deny } from '@keyfall/testkit';

/** A folder of its own, and what removes it. */
export async function temporaryFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-sops-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The values of a batch, or the codes of its errors, by name. */
export function valuesOf({ entries }: SecretBatch): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  for (const [name, entry] of entries)
    values[name] = isSecretError(entry) ? entry.code : entry.value;
  return values;
}
