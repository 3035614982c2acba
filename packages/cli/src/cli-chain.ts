/**
 * The chain of a command: Keyfall's own settings are no secrets in it, and what it has to tell goes
 * to stderr.
 */
import { createSecrets, labelOf, type SecretProvider, type Secrets } from '@keyfall/core';
import { withoutBootstrapSettings } from './bootstrap-settings.ts';
import { announceEvents } from './notices.ts';

/** The chain of a command. */
export interface CliChain {
  readonly secrets: Secrets;
  /** Its provider of this name with its store, for a message. */
  label(provider: string): string;
  /** Whether a provider of this name is a store, as against a plain-text file. */
  isStore(provider: string): boolean;
}

/** Opens a chain of these providers. No I/O. */
export function openChain(
  providers: readonly SecretProvider[],
  isStore: CliChain['isStore'],
): CliChain {
  const secrets = createSecrets({ providers: providers.map(withoutBootstrapSettings) });
  announceEvents(secrets, providers);
  return {
    secrets,
    label: (name) => labelOf(name, providers.find((each) => each.name === name)?.store ?? name),
    isStore,
  };
}
