/**
 * `keyfall history NAME`: the versions that a store keeps of a secret. Never a value.
 */
import { SecretError } from '@keyfall/core';
import { labelOf, type SecretProvider, type SecretVersion } from '@keyfall/core/provider';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import type { CliChain } from '../chain/cli-chain.ts';
import { oneCall } from '../chain/one-call.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { formatTable } from '../terminal/layout.ts';
import { withSuggestion } from '../terminal/near-names.ts';
import { printable, printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

/** `keyfall history NAME`: newest first; the exit code is 1 if no version holds it. */
export const historyCommand: Command<SettingsOptions & { readonly json?: boolean }> = {
  name: 'history',
  summary: 'Print the versions that the store keeps of a secret. Never a value.',
  arguments: [{ name: '<name>' }],
  options: [json],
  examples: ['keyfall history TOKEN'],
  async run([name = ''], options) {
    assertIsSecretName(name);
    return withChain(options, async (chain) => {
      const provider = providerWithHistory(chain);
      const versions = await waitingFor(`asking ${provider.name}`, () =>
        withSuggestion(chain.secrets, name, () => versionsOf(provider, name)),
      );
      if (options.json) await printJson({ name, provider: provider.name, versions });
      else
        await printData(
          formatTable([
            ['version', 'written', 'state', ''],
            ...versions.map((one) => rowOf(one).map(printable)),
          ]),
        );
      return 0;
    });
  },
};

function rowOf({ version, createdAt, state, held }: SecretVersion): string[] {
  const written = createdAt === undefined ? 'unknown' : new Date(createdAt).toISOString();
  const isThere = state === 'current' || state === 'previous';
  return [version, written, state, isThere && !held ? 'does not hold it' : ''];
}

/** The first provider of the chain that keeps versions. */
export function providerWithHistory({ providers }: CliChain): VersionedProvider {
  const found = providers.find((provider) => provider.history !== undefined);
  if (found !== undefined) return found as VersionedProvider;
  throw new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `no provider of the chain keeps versions: ${providers.map(({ name, store }) => labelOf(name, store)).join(', ')}`,
    { hint: 'Vault with KV version 2 and AWS Secrets Manager do.' },
  );
}

/** A provider that keeps versions. */
export type VersionedProvider = SecretProvider & Required<Pick<SecretProvider, 'history'>>;

/**
 * The versions of a name, newest first.
 * @throws `ERR_SECRET_NOT_FOUND` if the store knows of none, or none that is left holds the name
 */
async function versionsOf(
  provider: VersionedProvider,
  name: string,
): Promise<readonly SecretVersion[]> {
  const versions = await oneCall(provider, (context) => provider.history(name, context));
  // a deleted version may have held it
  const known = versions.some(({ held, state }) => held || state === 'deleted');
  if (known) return versions;
  throw new SecretError(
    'ERR_SECRET_NOT_FOUND',
    `${labelOf(provider.name, provider.store)} has no version that holds ${printable(name)}`,
    { provider: provider.name, secretName: name },
  );
}
