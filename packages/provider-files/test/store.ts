import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import type { ReadContext, SecretProvider } from '@keyfall/core/provider';
import { callContext } from '@keyfall/testkit';

export { callContext as context, denyAccess as deny, temporaryFolder } from '@keyfall/testkit';

/** Puts each value into a file of its own, ended by a line break as `echo` does. */
export async function seed(folder: string, values: Iterable<readonly [string, string]>) {
  for (const [name, value] of values) {
    await writeFile(join(folder, name), `${value}\n`);
    await chmod(join(folder, name), 0o644); // whatever the mask of file modes is
  }
}

/** What a provider answers: values, and the codes of errors. */
export async function answersOf(
  provider: SecretProvider,
  names: readonly string[] | 'all' = 'all',
  overrides: Partial<ReadContext> = {},
): Promise<Record<string, string>> {
  const { entries } = await provider.read(names, callContext(overrides));
  return Object.fromEntries(
    [...entries].map(([name, entry]) => [name, isSecretError(entry) ? entry.code : entry.value]),
  );
}
