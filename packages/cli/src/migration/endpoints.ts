/**
 * The two ends of a migration: `--from` and `--to` name a provider of the configuration, or one by its kind and place
 * (`sops:secrets.enc.yaml`, `aws:shop/prod`).
 */
import { resolve } from 'node:path';
import { isReference, SecretError } from '@keyfall/core';
import type { SecretProvider, StorePlace } from '@keyfall/core/provider';
import { type DotenvProvider, type DotenvReader, dotenvProvider } from '@keyfall/provider-dotenv';
import {
  chosenProfile,
  configFile,
  configuredVault,
  readerOptions,
  type SettingsOptions,
} from '../chain/settings.ts';
import type { ProviderId } from '../config/define-config.ts';
import { realPathOf } from '../files/real-path.ts';
import { listNames, printable } from '../terminal/terminal.ts';
import type { MigrationJournal } from './journal.ts';
import { type MigrationSource, readSource, readStoreSource } from './source.ts';
import { isSameStore, placeOf, sharesFile } from './store-identity.ts';

/** Options that name the two ends. */
export interface EndpointOptions extends SettingsOptions {
  /** The file that is migrated. */
  readonly file?: string | undefined;
  /** Default: the file. */
  readonly from?: string | undefined;
  /** Default: the Vault of the settings; with a configuration its first writable provider. */
  readonly to?: string | undefined;
}

/** One of the two ends. */
interface End {
  readonly provider: SecretProvider;
}

/** Where a migration goes. */
interface Destination extends End {
  /** Whether it is the Vault of the settings, which `USE_VAULT=true` turns on. */
  readonly isSettingsVault: boolean;
  /** Whether the chain certainly asks it before it asks the source. */
  readonly isAsked: boolean;
}

/** Both ends. The source has been read. */
export interface Endpoints {
  readonly source: MigrationSource;
  readonly destination: Destination;
  /** Whether the configuration takes a value for a reference to another store. */
  isReference(value: string): boolean;
}

/**
 * Finds both ends and reads the source.
 *
 * @throws `ERR_SECRET_CONFIG` for an end that does not exist, or is the other one; as {@link readSource}
 */
export async function resolveEndpoints(given: EndpointOptions): Promise<Endpoints> {
  const { from = 'dotenv', to } = given;
  if (given.file !== undefined && from !== 'dotenv')
    throw new SecretError('ERR_SECRET_CONFIG', 'a file and --from are two sources', {
      hint: 'Give one of them.',
    });
  const isFile = isDotenv(from);
  const options = isFile
    ? { ...given, file: given.file ?? (partsOf(from)[1] || undefined) }
    : given;
  const configured = await configuredProviders(options);
  const path = options.file ?? options.dotenv ?? '.env';
  const store = isFile ? undefined : await endOf(from, configured, options);
  const source = store
    ? await readStoreSource(store.provider)
    : await readSource(path, {
        ...readerOptions(options),
        ...(await readerOf(path, configured)),
      });
  const isSource = isOf(source.place);
  const destination =
    to === undefined
      ? await defaultDestination(options, configured, isSource)
      : await named(to, configured, options);
  if (await isSource(destination))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${printable(destination.provider.store)} is where the values come from`,
      { hint: 'Name another destination with --to.' },
    );
  return {
    source,
    destination,
    isReference: (value) => isReference(value, configured.schemes),
  };
}

/**
 * The store that a migration went to, to undo it.
 * @param source - where its values came from
 */
export async function resolveDestination(
  options: EndpointOptions,
  source: StorePlace,
): Promise<SecretProvider> {
  const configured = await configuredProviders(options);
  if (options.to !== undefined) return (await named(options.to, configured, options)).provider;
  return (await defaultDestination(options, configured, isOf(source))).provider;
}

/**
 * The store that a migration came from, read again.
 * @throws `ERR_SECRET_CONFIG` if `--from` does not name that store
 */
export async function resolveStoreSource(
  options: EndpointOptions,
  { source, shown }: Pick<MigrationJournal, 'source' | 'shown'>,
): Promise<MigrationSource> {
  const { from } = options;
  const end =
    from === undefined ? undefined : await endOf(from, await configuredProviders(options), options);
  if (end !== undefined && (await isSameStore(placeOf(end.provider), source)))
    return readStoreSource(end.provider, { mayBeMissing: true });
  throw new SecretError('ERR_SECRET_CONFIG', `the values came from ${printable(shown.source)}`, {
    hint: 'Give the --from and --to of the migration.',
  });
}

/** The providers of the configuration, if there is one. */
interface Configured {
  readonly file: string | undefined;
  readonly providers: readonly SecretProvider[];
  /** Those of them on standby, which hold copies: none of them is written unless it is named. */
  readonly standbys: ReadonlySet<SecretProvider>;
  /** The schemes of references. */
  readonly schemes: readonly string[];
}

async function configuredProviders(options: SettingsOptions): Promise<Configured> {
  const file = configFile(options);
  if (file === undefined) return { file, providers: [], standbys: new Set(), schemes: [] };
  const { configuredChain } = await import('../config/configured-chain.ts');
  const { providers: entries, references } = await configuredChain(
    file,
    chosenProfile(options),
    readerOptions(options),
  );
  const standing = entries.filter(({ standby }) => standby);
  return {
    file,
    providers: entries.map(({ provider }) => provider),
    standbys: new Set(standing.map(({ provider }) => provider)),
    schemes: references?.schemes ?? [],
  };
}

/** The reader that the configuration's own entry for a file names, which counts before `--reader`, as in its chain. */
async function readerOf(
  path: string,
  { providers }: Configured,
): Promise<{ readonly reader?: DotenvReader }> {
  const file = { kind: 'dotenv', files: [resolve(path)] };
  for (const provider of providers) {
    const place = placeOf(provider);
    if (place.kind !== file.kind || !(await sharesFile(place, file))) continue;
    const { reader } = provider as Partial<DotenvProvider>;
    if (reader !== undefined) return { reader };
  }
  return {};
}

/** Where a migration goes without `--to`. */
async function defaultDestination(
  options: EndpointOptions,
  { file, providers, standbys }: Configured,
  isSource: (end: End) => Promise<boolean>,
): Promise<Destination> {
  if (file === undefined) {
    const provider = await configuredVault(vaultOptions(options));
    return { provider, isSettingsVault: true, isAsked: true };
  }
  let isAsked = true;
  for (const provider of providers)
    if (await isSource({ provider })) isAsked = false;
    else if (provider.write !== undefined && !standbys.has(provider))
      return { provider, isSettingsVault: false, isAsked };
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    'the configuration has no other provider that can be written to',
    { hint: 'Name a destination with --to, such as --to sops:secrets.enc.yaml.' },
  );
}

async function named(
  name: string,
  configured: Configured,
  options: EndpointOptions,
): Promise<Destination> {
  const end = await endOf(name, configured, options);
  const isSettingsVault = name === 'vault' && !configured.providers.includes(end.provider);
  return { ...end, isSettingsVault, isAsked: isSettingsVault };
}

/** A store that can be named without a configuration, by its kind and place. */
interface NamedStore {
  readonly id: Exclude<ProviderId, 'env'>;
  /** How it is written, where its kind alone does not say which one is meant: what the error says. */
  readonly form?: string;
  /** The options of its provider; `undefined`: it has no such place. */
  settings(place: string): Readonly<Record<string, unknown>> | undefined;
}

const stores: ReadonlyMap<string, NamedStore> = new Map<string, NamedStore>([
  ['sops', { id: 'sops', settings: (place) => ({ path: place || 'secrets.enc.yaml' }) }],
  [
    'aws',
    {
      id: 'aws-secrets-manager',
      form: 'aws:SECRET (one JSON secret) or aws:PREFIX* (one secret a name)',
      settings: (place) =>
        place.endsWith('*') ? { prefix: place.slice(0, -1) } : { secretId: place },
    },
  ],
  ['ssm', { id: 'aws-parameter-store', form: 'ssm:/PATH', settings: (path) => ({ path }) }],
  [
    'gcp',
    {
      id: 'gcp-secret-manager',
      form: 'gcp:PROJECT or gcp:PROJECT/PREFIX*',
      settings(place) {
        const [, project, prefix = ''] = /^([^/]+)(?:\/(.*)\*)?$/.exec(place) ?? [];
        return project === undefined ? undefined : { project, prefix };
      },
    },
  ],
  ['keychain', { id: 'keychain', form: 'keychain:SERVICE', settings: (service) => ({ service }) }],
  [
    'kubernetes',
    {
      id: 'kubernetes',
      form: 'kubernetes:SECRET or kubernetes:NAMESPACE/SECRET',
      settings(place) {
        const [, namespace, secret] = /^(?:([^/]+)\/)?([^/]+)$/.exec(place) ?? [];
        return secret === undefined ? undefined : { namespace, secret };
      },
    },
  ],
  ['doppler', { id: 'doppler', settings: (place) => (place === '' ? {} : undefined) }],
  ['files', { id: 'files', form: 'files:FOLDER', settings: (directory) => ({ directory }) }],
  [
    'exec',
    {
      id: 'exec',
      form: 'exec:PROGRAM',
      // a helper without arguments: the configuration can say more of one
      settings: (program) => ({ command: [program], writes: 'name' }),
    },
  ],
]);

/** The kinds that can be named without a configuration. */
const kinds: readonly string[] = ['vault', 'dotenv', ...stores.keys()];

/** A provider of the configuration by its name, or one by kind and place. */
async function endOf(text: string, configured: Configured, options: EndpointOptions): Promise<End> {
  const byName = (name: string) => configured.providers.find((each) => each.name === name);
  const found = byName(text) ?? byName(stores.get(text)?.id ?? '');
  if (found !== undefined) return { provider: found };
  return { provider: await providerOf(text, configured, options) };
}

async function providerOf(
  text: string,
  configured: Configured,
  options: EndpointOptions,
): Promise<SecretProvider> {
  const [kind, place] = partsOf(text);
  if (kind === 'vault' && place === '') return configuredVault(vaultOptions(options));
  if (kind === 'dotenv')
    return dotenvProvider({ path: place || '.env', ...readerOptions(options) });
  const store = stores.get(kind);
  const lacksPlace = store?.form !== undefined && place === '';
  const settings = lacksPlace ? undefined : store?.settings(place);
  if (store !== undefined && settings !== undefined) {
    const { factoryOf } = await import('../config/make-providers.ts');
    return (await factoryOf(store.id, configured.file))(settings);
  }
  const known = [...new Set([...configured.providers.map(({ name }) => name), ...kinds])];
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    lacksPlace
      ? `${kind} needs a place`
      : `there is no provider ${printable(text)} to migrate from or to`,
    {
      hint: lacksPlace ? `Write it as ${store?.form}.` : `The providers are: ${listNames(known)}.`,
    },
  );
}

/** Whether a value of `--from` names a `.env`. */
export function isDotenv(from: string): boolean {
  return from === 'dotenv' || from.startsWith('dotenv:');
}

/** The texts before and after the first colon. */
function partsOf(text: string): readonly [kind: string, place: string] {
  const at = text.indexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** The settings are in the file that is migrated, unless `--dotenv` names another one. */
function vaultOptions({ file, ...options }: EndpointOptions): SettingsOptions {
  return file === undefined ? options : { ...options, dotenv: options.dotenv ?? file };
}

/** Whether an end is this store, or keeps its values in a file of it. */
function isOf(source: StorePlace): (end: End) => Promise<boolean> {
  return async ({ provider }) => {
    const place = placeOf(provider);
    return (await isSameStore(place, source)) || (await sharesFile(place, source));
  };
}

/** Whether both are paths of one file, which need not exist. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  return (await realPathOf(one)) === (await realPathOf(other));
}
