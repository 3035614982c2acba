/**
 * What stands in a `keyfall.config.ts` (`.mjs`, `.js`, `.json`): the chain of this repository, and what
 * is different about it in each profile.
 */
import type { ChainEntry, Duration, ReferenceTarget, Secrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';

/** Providers that a configuration may name instead of importing them. */
export type ProviderId =
  | 'vault'
  | 'vault-dynamic'
  | 'dotenv'
  | 'env'
  | 'sops'
  | 'files'
  | 'aws-secrets-manager'
  | 'aws-parameter-store'
  | 'gcp-secret-manager'
  | 'keychain'
  | 'kubernetes'
  | 'doppler'
  | 'doppler-fallback'
  | 'exec';

/**
 * A provider by its id, with the options of its factory and the chain's settings for it:
 * `{ provider: 'vault', path: 'shop', required: true }`. It is made when its profile is used and not
 * before, so that the settings of `prod` need not be there under `dev`.
 */
export interface NamedProvider {
  readonly provider: ProviderId;
  readonly required?: boolean | undefined;
  readonly standby?: boolean | undefined;
  readonly timeout?: Duration | undefined;
  readonly onDenied?: 'stop' | 'next' | undefined;
  readonly ifUnconfigured?: 'fail' | 'skip' | undefined;
  readonly [option: string]: unknown;
}

/** A place in the chain: a provider, one with the chain's settings for it, or one by its id. */
export type ConfigEntry = SecretProvider | Secrets | ChainEntry | NamedProvider;

/** What the references of a scheme lead to: as in `withReferences`, or a provider by its id. */
export type ConfigReferenceTarget = ReferenceTarget | NamedProvider;

/** A chain. What a profile leaves out is as it stands outside of the profiles. */
export interface ChainConfig {
  /** First asked first. A function is called when the chain is used, and not before. */
  readonly providers?:
    | readonly ConfigEntry[]
    | (() => readonly ConfigEntry[] | Promise<readonly ConfigEntry[]>)
    | undefined;
  /** Names that must be there: without one of them `run` starts nothing and `export` prints nothing. */
  readonly names?: readonly string[] | undefined;
  /** Names that may come from that provider alone, by its name. */
  readonly only?: Readonly<Record<string, string>> | undefined;
  /**
   * The schemes of references in a `.env`, in the environment and in `values`, and where each leads. Any other text that
   * looks like a reference is none.
   */
  readonly references?: Readonly<Record<string, ConfigReferenceTarget>> | undefined;
  /** Names whose values are references: `{ TOKEN: 'vault://secret/shop#TOKEN' }`. They are asked for first. */
  readonly values?: Readonly<Record<string, string>> | undefined;
  /** How long an answer is fresh, and how often `run --watch` looks. Default 5 min. */
  readonly ttl?: Duration | undefined;
  /** How old a provider's last good value may be when it cannot be asked. Default 1 h. */
  readonly staleIfError?: Duration | undefined;
  /** Timeout of the whole chain for one call. Default 4 s. */
  readonly budget?: Duration | undefined;
}

/** What the provider of the option `values` is called. */
export const valuesProvider = 'configuration';

/** A configuration. */
export interface KeyfallConfig extends ChainConfig {
  /** Where editors find the schema of the JSON form. */
  readonly $schema?: string | undefined;
  /** What `--profile NAME` (or `KEYFALL_PROFILE`) puts in the place of the settings above. */
  readonly profiles?: Readonly<Record<string, ChainConfig>> | undefined;
}

/**
 * The configuration as it is, typed.
 *
 * @example
 * ```ts
 * import { defineConfig } from 'keyfall';
 *
 * export default defineConfig({
 *   names: ['TOKEN', 'DB_PASS'],
 *   providers: [{ provider: 'dotenv' }],
 *   profiles: {
 *     prod: { providers: [{ provider: 'vault', path: 'shop', required: true }] },
 *   },
 * });
 * ```
 */
export function defineConfig(config: KeyfallConfig): KeyfallConfig {
  return config;
}
