/**
 * The names that set Keyfall itself up. They say where the secrets are and who asks, so they are not
 * secrets of the application: never migrated, never listed or exported, and taken out of the
 * environment of what `run` starts. An exact list, not a pattern: an application's own
 * `VAULT_DB_PASSWORD` is a secret like any other.
 */

import { SecretError } from '@keyfall/core';
import type { SecretBatch, SecretProvider } from '@keyfall/core/provider';
import { vaultVariableNames } from '@keyfall/provider-vault';
import { printable } from '../terminal/terminal.ts';

/** The variable with options of `keyfall run` for `@keyfall/auto`, which has no command line. */
export const autoOptionsVariable = 'KEYFALL_AUTO_OPTIONS';

/** The variable by which `@keyfall/auto` knows an environment that it has made: of a child process of its application. */
export const resolvedVariable = 'KEYFALL_RESOLVED';

/** Every bootstrap name. */
export const bootstrapNames: ReadonlySet<string> = new Set([
  'USE_VAULT',
  ...vaultVariableNames,
  // how long what was read stays fresh: says how the settings are read, and is none of them
  'KEYFALL_TTL',
  'KEYFALL_PROFILE',
  // whose reading of a .env counts
  'KEYFALL_READER',
  // of @keyfall/auto: its options, and for whom it has resolved the environment
  autoOptionsVariable,
  resolvedVariable,
  'DOPPLER_TOKEN',
  'DOPPLER_PASSPHRASE',
  'SOPS_AGE_KEY',
  'SOPS_AGE_KEY_FILE',
  'SOPS_AGE_KEY_CMD',
  'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
  'SOPS_AGE_SSH_PRIVATE_KEY_CMD',
]);

/**
 * Refuses to treat a bootstrap name as a secret, and `NAME=VALUE` as a name: the messages about a name
 * repeat it.
 * @throws `ERR_SECRET_CONFIG` naming it
 */
export function assertIsSecretName(name: string): void {
  if (name === '')
    throw new SecretError('ERR_SECRET_CONFIG', 'the name of a secret cannot be empty');
  const [, before] = /^(\w+)=/.exec(name) ?? [];
  if (before !== undefined)
    throw new SecretError('ERR_SECRET_CONFIG', `${before}=… is no name`, {
      hint: `Give the name alone: ${before}.`,
    });
  if (bootstrapNames.has(name))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${printable(name)} sets Keyfall itself up, and is not one of the application's secrets`,
      { hint: 'Give it in the environment or in the .env file.' },
    );
}

/** The variable or line that a name of a provider stands for: an `env` with a prefix names the rest of its variables. */
export function variableOf({ place }: SecretProvider, name: string): string {
  return place?.kind === 'env' ? `${place.paths?.[0] ?? ''}${name}` : name;
}

/** The same provider, which answers "not here" for every bootstrap name. */
export function withoutBootstrapSettings(provider: SecretProvider): SecretProvider {
  const isOurs = (name: string) => bootstrapNames.has(variableOf(provider, name));
  return {
    ...provider,
    async read(names, context): Promise<SecretBatch> {
      const batch = await provider.read(names, context);
      const ours = [...batch.entries.keys()].filter(isOurs);
      if (ours.length === 0) return batch;
      const entries = new Map(batch.entries);
      for (const name of ours) entries.delete(name);
      return { ...batch, entries };
    },
    ...(provider.list && {
      list: async (context) => {
        const names = (await provider.list?.(context)) ?? [];
        return names.filter((name) => !isOurs(name));
      },
    }),
  };
}
