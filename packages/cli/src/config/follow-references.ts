/**
 * References in a chain of the command line: in whose values they are followed, and what they must not lead to.
 */
import { envProvider, type ReferenceTarget, withReferences } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { valuesProvider } from './define-config.ts';
import type { MadeEntry } from './make-providers.ts';
import type { ReferenceTargets } from './reference-targets.ts';

/** The settings of Keyfall itself, which are neither references nor led to by one. */
export interface OwnSettings {
  readonly names: ReadonlySet<string>;
  /** The variable or line that a name of a provider stands for. */
  variableOf(provider: SecretProvider, name: string): string;
  /** The same provider without them. */
  without(provider: SecretProvider): SecretProvider;
}

/** A chain in which references are followed. */
export interface ReferringChain {
  readonly entries: readonly MadeEntry[];
  /** Our environment, with what its references lead to in their place. */
  readonly environment: SecretProvider;
  /** The same provider, which closes the environment, too. */
  closing(provider: SecretProvider): SecretProvider;
}

/** Finds out which names of a provider stand for our own settings or credentials. */
type FindOurs = (provider: SecretProvider) => Promise<(name: string) => boolean>;

/** Whose values may be references, by the kinds of their places. */
const referring: ReadonlySet<string> = new Set(['dotenv', 'env', valuesProvider]);

/** The same entries; those of a `.env`, of the environment and of the configuration's `values` follow references. */
export function followingReferences(
  given: readonly MadeEntry[],
  references: ReferenceTargets,
  own: OwnSettings,
): ReferringChain {
  const ours = async (target: SecretProvider): Promise<(name: string) => boolean> => {
    const ofReferences = await references.credentialVariables();
    return (name) => {
      const variable = own.variableOf(target, name);
      return (
        own.names.has(variable) ||
        ofReferences.has(variable) ||
        entries.some(({ provider }) => provider.credentialVariables?.has(variable))
      );
    };
  };
  const targets = Object.fromEntries(
    Object.entries(references.byScheme).map(([scheme, target]) => [scheme, guarded(target, ours)]),
  );
  const environment = withReferences(envProvider(), targets);
  const entries: readonly MadeEntry[] = given.map((entry) => {
    if (!referring.has(entry.provider.place?.kind ?? '')) return entry;
    // one of our own settings is no reference: it says how these are followed
    return {
      ...entry,
      provider: withReferences(own.without(entry.provider), targets),
    };
  });
  return { entries, environment, closing: (provider) => closing(provider, environment) };
}

/**
 * The same target. Where it is plain text, such as the environment, none of our own settings and credentials can be had from it:
 * under another name the program would get what is kept from it.
 */
function guarded(target: ReferenceTarget, ours: FindOurs): ReferenceTarget {
  if (typeof target === 'function') return async (place) => hiding(await target(place), ours);
  return 'asProvider' in target ? target : hiding(target, ours);
}

function hiding(provider: SecretProvider, ours: FindOurs): SecretProvider {
  return changed(provider, {
    async read(names, context) {
      const batch = await provider.read(names, context);
      // a provider may know only then what it is
      if (!provider.plainText) return batch;
      const isOurs = await ours(provider);
      const entries = [...batch.entries].filter(([name]) => !isOurs(name));
      return { ...batch, entries: new Map(entries) };
    },
  });
}

/** The same provider, which closes another one, too. */
function closing(provider: SecretProvider, other: SecretProvider): SecretProvider {
  return changed(provider, {
    async close() {
      await Promise.all([provider.close?.(), other.close?.()]);
    },
  });
}

/** The same provider with other methods; what it says of its store it still says at the time. */
function changed(provider: SecretProvider, methods: Partial<SecretProvider>): SecretProvider {
  return Object.defineProperties({} as SecretProvider, {
    ...Object.getOwnPropertyDescriptors(provider),
    ...Object.getOwnPropertyDescriptors(methods),
  });
}
