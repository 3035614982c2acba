/**
 * The chain of a command: Keyfall's own settings are no secrets in it, what it has to tell goes to
 * stderr, and of each secret it is known who gave it.
 */
import {
  createSecrets,
  isSecretError,
  labelOf,
  type SecretProvider,
  type SecretRecord,
  type Secrets,
} from '@keyfall/core';
import { withoutBootstrapSettings } from './bootstrap-settings.ts';
import { announceEvents } from './notices.ts';

/** The chain of a command. */
export interface CliChain {
  readonly secrets: Secrets;
  /** Its provider of this name with its store, for a message. */
  label(provider: string): string;
  /** Whether a provider of this name is a store, as against a plain-text file. */
  isStore(provider: string): boolean;
  /** The name of the provider that a record of the chain comes from. */
  providerOf(record: SecretRecord): string;
}

/** Opens a chain of these providers. No I/O. */
export function openChain(
  providers: readonly SecretProvider[],
  isStore: CliChain['isStore'],
): CliChain {
  const origins = new WeakMap<SecretRecord, string>();
  const secrets = createSecrets({
    providers: providers.map((provider) =>
      rememberingOrigins(withoutBootstrapSettings(provider), origins),
    ),
  });
  announceEvents(secrets, providers);
  return {
    secrets,
    label: (name) => labelOf(name, providers.find((each) => each.name === name)?.store ?? name),
    isStore,
    providerOf(record) {
      const provider = origins.get(record);
      // not to be guessed: it decides whether the value may replace an inherited variable
      if (provider === undefined) throw new Error('a record that no provider of the chain gave');
      return provider;
    },
  };
}

/**
 * The same provider, which notes down whose each record is. Asking the chain afterwards who holds a
 * name may be answered by another one: a store can come back in between.
 */
function rememberingOrigins(
  provider: SecretProvider,
  origins: WeakMap<SecretRecord, string>,
): SecretProvider {
  return {
    ...provider,
    async read(names, context) {
      const batch = await provider.read(names, context);
      for (const entry of batch.entries.values())
        if (!isSecretError(entry)) origins.set(entry, provider.name);
      return batch;
    },
  };
}
