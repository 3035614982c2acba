/**
 * The chain of a command: Keyfall's own settings are no secrets in it, and its notices go to
 * stderr.
 */
import { createSecrets, type Secrets } from '@keyfall/core';
import { labelOf, type SecretProvider, toMilliseconds } from '@keyfall/core/provider';
import type { ChainParts } from '../config/configured-chain.ts';
import { bootstrapNames, variableOf, withoutBootstrapSettings } from './bootstrap-settings.ts';
import { announceEvents } from './notices.ts';

/** The chain of a command. */
export interface CliChain {
  readonly secrets: Secrets;
  /** Its providers, first asked first, with Keyfall's own settings in them. */
  readonly providers: readonly SecretProvider[];
  /** Those of them that are asked only while one before them cannot be. */
  readonly standbys: ReadonlySet<SecretProvider>;
  /** Our environment with what its references lead to, where the configuration has schemes of them. */
  readonly environment?: SecretProvider;
  /** Names that must be there, whatever else is taken. */
  readonly names: readonly string[];
  /** How long an answer is fresh, in milliseconds. */
  readonly ttl: number;
  /** Its provider of this name with its store, for a message. */
  label(provider: string): string;
}

/** Opens a chain. No I/O. */
export function openChain({
  providers: given,
  names = [],
  references,
  ...options
}: ChainParts): CliChain {
  const own = { names: bootstrapNames, variableOf, without: withoutBootstrapSettings };
  const referring = references?.follow(given, own);
  const entries = referring?.entries ?? given;
  const providers = entries.map(({ provider }) => provider);
  const secrets = createSecrets({
    ...options,
    providers: entries.map((entry, at) => {
      const provider = withoutBootstrapSettings(entry.provider);
      // what the environment refers to is closed with the chain
      const closes = at === 0 && referring !== undefined;
      return { ...entry, provider: closes ? referring.closing(provider) : provider };
    }),
  });
  announceEvents(secrets, providers);
  return {
    secrets,
    providers,
    ...(referring && { environment: referring.environment }),
    standbys: new Set(entries.filter(({ standby }) => standby).map(({ provider }) => provider)),
    names,
    ttl: toMilliseconds(options.ttl ?? '5m', 'ttl'),
    label: (name) => labelOf(name, providers.find((each) => each.name === name)?.store ?? name),
  };
}
