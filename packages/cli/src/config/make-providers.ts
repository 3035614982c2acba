/**
 * From what a configuration says of its chain to providers. A provider's package is imported only if
 * the chain names it.
 */
import { type ChainEntry, envProvider, type Secrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import type { DotenvProviderOptions } from '@keyfall/provider-dotenv';
import { configError, type OptionPath, placed } from './config-place.ts';
import type { ConfigEntry, NamedProvider, ProviderId } from './define-config.ts';
import { checkAddresses } from './foreign-addresses.ts';
import { inFolderOf, type LoadedConfig } from './load-config.ts';
import { inheritedEnvironment } from './name-look-ups.ts';
import { importPackage } from './provider-package.ts';

/** What the options of a `.env` are where the configuration does not say. */
export type DotenvDefaults = Pick<DotenvProviderOptions, 'reader' | 'variables' | 'warnOfReaders'>;

/** An entry whose provider is made. */
export interface MadeEntry extends ChainEntry {
  readonly provider: SecretProvider;
}

/** What may be an entry, once a chain in it is a provider. */
type OpenedEntry = Exclude<ConfigEntry, Secrets>;

type Factory = (options: Readonly<Record<string, unknown>>) => SecretProvider;

/** Where the factory of each provider is. */
const factories: Readonly<Record<Exclude<ProviderId, 'env'>, readonly [string, string]>> = {
  vault: ['@keyfall/provider-vault', 'vaultProvider'],
  'vault-dynamic': ['@keyfall/provider-vault', 'vaultDynamicProvider'],
  dotenv: ['@keyfall/provider-dotenv', 'dotenvProvider'],
  sops: ['@keyfall/provider-sops', 'sopsProvider'],
  files: ['@keyfall/provider-files', 'filesProvider'],
  'aws-secrets-manager': ['@keyfall/provider-aws-secrets-manager', 'awsSecretsManagerProvider'],
  'aws-parameter-store': ['@keyfall/provider-aws-parameter-store', 'awsParameterStoreProvider'],
  'gcp-secret-manager': ['@keyfall/provider-gcp-secret-manager', 'gcpSecretManagerProvider'],
  keychain: ['@keyfall/provider-keychain', 'keychainProvider'],
  kubernetes: ['@keyfall/provider-kubernetes', 'kubernetesProvider'],
  doppler: ['@keyfall/provider-doppler', 'dopplerProvider'],
  'doppler-fallback': ['@keyfall/provider-doppler', 'dopplerFallbackProvider'],
  exec: ['@keyfall/provider-exec', 'execProvider'],
};

/**
 * Makes the providers of a chain, in its order.
 *
 * @param at - where the chain stands in the configuration
 * @param profile - what `{profile}` in a Vault's path stands for, unless its options say
 * @throws `ERR_SECRET_CONFIG` naming file, line and option, or the package to install
 */
export async function makeProviders(
  loaded: LoadedConfig,
  providers: readonly ConfigEntry[] | (() => unknown),
  at: OptionPath,
  profile: string | undefined,
  ofDotenv: DotenvDefaults = {},
): Promise<readonly MadeEntry[]> {
  const { file, lineOf } = loaded;
  return inFolderOf(file, async () => {
    const { checkEntry } = await import('./config-schema.ts');
    const entries = typeof providers === 'function' ? await called(providers) : providers;
    if (!Array.isArray(entries))
      throw configError({ file, line: lineOf(at), option: at, reason: 'must return a list' });
    const made: MadeEntry[] = [];
    for (const [index, given] of entries.entries()) {
      const entry = withoutChains(given);
      const option = [...at, index];
      const complaint = checkEntry(entry);
      if (complaint !== undefined) {
        const wrong = [...option, ...complaint.option];
        throw configError({ file, line: lineOf(wrong), ...complaint, option: wrong });
      }
      const trusted = await trustOf(entry, option);
      try {
        made.push(trusted(await makeProvider(entry, file, profile, ofDotenv)));
      } catch (error) {
        throw placed(error, file, option, lineOf(option));
      }
    }
    return made;
  });

  /** What gives the provider of an entry the trust that its addresses have. */
  async function trustOf(
    entry: OpenedEntry,
    at: OptionPath,
  ): Promise<(made: MadeEntry) => MadeEntry> {
    if ('read' in entry || typeof entry.provider === 'object') return (made) => made;
    const { provider: id, ...options } = entry as NamedProvider;
    const marked = await checkAddresses(loaded, id, options, at);
    return (made) => ({ ...made, provider: marked(made.provider) });
  }

  async function called(make: () => unknown): Promise<unknown> {
    try {
      return await make();
    } catch (error) {
      throw placed(error, file, at, lineOf(at));
    }
  }
}

/** An entry with the provider of a chain in the place of the chain. */
function withoutChains(entry: unknown): OpenedEntry {
  const providerOf = (given: unknown) =>
    typeof Object(given).asProvider === 'function' ? (given as Secrets).asProvider() : given;
  const { provider } = Object(entry) as { readonly provider?: unknown };
  const opened =
    typeof provider === 'object'
      ? { ...Object(entry), provider: providerOf(provider) }
      : providerOf(entry);
  return opened as OpenedEntry;
}

async function makeProvider(
  entry: OpenedEntry,
  file: string,
  profile: string | undefined,
  ofDotenv: DotenvDefaults,
): Promise<MadeEntry> {
  if ('read' in entry) return { provider: entry as SecretProvider };
  if (typeof entry.provider === 'object') return entry as MadeEntry;
  const {
    provider: id,
    required,
    standby,
    timeout,
    onDenied,
    ifUnconfigured,
    ...options
  } = entry as NamedProvider;
  const factory = await factoryOf(id, file);
  return {
    provider: factory(factoryOptions(id, options, profile, ofDotenv)),
    ...(required !== undefined && { required }),
    ...(standby !== undefined && { standby }),
    ...(timeout !== undefined && { timeout }),
    ...(onDenied !== undefined && { onDenied }),
    ...(ifUnconfigured !== undefined && { ifUnconfigured }),
  };
}

/** What the factory of a provider is called with. */
export function factoryOptions(
  id: ProviderId,
  options: Readonly<Record<string, unknown>>,
  profile: string | undefined,
  ofDotenv: DotenvDefaults,
): Readonly<Record<string, unknown>> {
  return {
    ...(profile !== undefined && /^vault/.test(id) && { profile }),
    ...(id === 'dotenv' && ofDotenv),
    // dotenv-expand is of npm
    ...(options['expand'] === true && { reader: 'npm' }),
    ...options,
  };
}

/**
 * The factory of a provider, from its package.
 *
 * @param config - the configuration that names the provider; `undefined`: the command line does
 * @throws `ERR_SECRET_CONFIG` with the command that installs it
 */
export async function factoryOf(id: ProviderId, config: string | undefined): Promise<Factory> {
  if (id === 'env') return (options) => envProvider({ ...options, env: inheritedEnvironment() });
  return (await packageOf(id, config))[factories[id][1]] as Factory;
}

/** The whole package of a provider; as {@link factoryOf}. */
export async function packageOf(
  id: Exclude<ProviderId, 'env'>,
  config: string | undefined,
): Promise<Record<string, unknown>> {
  const [name] = factories[id];
  const own = ownPackages[name];
  return own === undefined ? importPackage(id, name, config) : own();
}

/** The packages that come with Keyfall: always those, whatever else is installed somewhere. */
const ownPackages: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = {
  '@keyfall/provider-vault': () => import('@keyfall/provider-vault'),
  '@keyfall/provider-dotenv': () => import('@keyfall/provider-dotenv'),
  '@keyfall/provider-sops': () => import('@keyfall/provider-sops'),
};
