/**
 * What a provider of Vault was given, by options and by variables, as one checked set of settings. No I/O here:
 * files are read when they are needed.
 */
import { type Clock, type StorePlace, systemClock } from '@keyfall/core/provider';
import { type SettingReader, settingReader } from '../environment/setting-reader.ts';
import type { VaultSetting } from '../environment/vault-variables.ts';
import { segmentsOf } from '../wire/vault-path.ts';
import { type ConnectionSettings, resolveConnection } from './connection-settings.ts';
import { resolveToken, type TokenSetting } from './token-setting.ts';
import type { VaultConnectionOptions, VaultProviderOptions } from './vault-options.ts';

/** The checked settings of a client: where the server is, and who asks. */
export interface ClientSettings extends ConnectionSettings {
  readonly name: string;
  readonly token: TokenSetting;
  readonly namespace: string;
  readonly clock: Clock;
}

/** The checked settings of documents in a KV engine. */
export interface VaultSettings extends ClientSettings {
  readonly mount: string;
  readonly paths: readonly string[];
  readonly kvVersion: 1 | 2 | undefined;
  readonly writeLimits: { readonly strings: number; readonly bytes: number };
}

/** OpenBao's own limit of texts in a request less what we add, and raft's largest entry less the rest of ours. */
export const defaultWriteLimits: VaultSettings['writeLimits'] = {
  strings: 997,
  bytes: 1_048_576 - 4_096,
};

/** What reads the settings of these options. */
export function readerOf({ env, name }: VaultConnectionOptions): SettingReader {
  return settingReader(env ?? process.env, name ?? 'vault');
}

/**
 * @throws `ERR_SECRET_CONFIG` naming the option and the variable for anything that is missing,
 *   cannot be understood or cannot be honoured
 */
export function resolveClient(
  options: VaultConnectionOptions,
  reader: SettingReader,
  credentialVariables: Set<string>,
): ClientSettings {
  return {
    ...resolveConnection(options, reader),
    name: options.name ?? 'vault',
    token: resolveToken(options, reader, credentialVariables),
    namespace: resolveNamespace(options, reader),
    clock: options.clock ?? systemClock,
  };
}

/**
 * @param credentialVariables - gets the name of each variable that a credential of a login was read from
 * @throws as {@link resolveClient}
 */
export function resolveSettings(
  options: VaultProviderOptions,
  credentialVariables: Set<string> = new Set(),
): VaultSettings {
  const reader = readerOf(options);
  const paths = resolvePaths(options, reader);
  return {
    ...resolveClient(options, reader, credentialVariables),
    mount: resolveMount(options, reader),
    paths,
    kvVersion: options.kvVersion,
    writeLimits: {
      strings: options.writeLimits?.strings ?? defaultWriteLimits.strings,
      bytes: options.writeLimits?.bytes ?? defaultWriteLimits.bytes,
    },
  };
}

/** The namespace as it is sent: slashes around it do not matter, and `root` is what none is. */
function resolveNamespace(
  { namespace }: Pick<VaultConnectionOptions, 'namespace'>,
  { text, configError }: SettingReader,
): string {
  const value = text(namespace, 'NAMESPACE') ?? '';
  if (!/^[\x20-\x7e]*$/.test(value))
    throw configError(
      { option: 'namespace', variable: 'NAMESPACE' },
      'has characters that a request header cannot carry',
      'Use ASCII.',
    );
  const inner = value.replace(/^\/+|\/+$/g, '');
  return inner === 'root' ? '' : inner;
}

/** Where the engine is mounted. */
export function resolveMount(
  { mount }: Pick<VaultProviderOptions, 'mount'>,
  reader: SettingReader,
): string {
  return located('mount', 'MOUNT_POINT', reader.text(mount, 'MOUNT_POINT') ?? 'secret', reader);
}

/** The documents, with the profile in its place. */
export function resolvePaths(
  { path, profile }: Pick<VaultProviderOptions, 'path' | 'profile'>,
  reader: SettingReader,
): readonly string[] {
  const { text, configError, missingError } = reader;
  const setting = { option: 'path', variable: 'SECRET_PATH' } as const;
  const templates = [path ?? text(undefined, 'SECRET_PATH') ?? []].flat();
  if (templates.length === 0 || templates.includes(''))
    throw missingError(
      setting,
      'no path was given',
      "Name the document under the mount, such as path: 'aiogram-shop'.",
    );
  const paths = templates.map((template) =>
    located('path', 'SECRET_PATH', withProfile(template, profile, reader), reader),
  );
  if (new Set(paths).size < paths.length)
    throw configError(setting, 'names one document twice', 'Name each document once.');
  return paths;
}

/** A path without slashes around it. */
function located(
  option: string,
  variable: VaultSetting,
  value: string,
  { configError }: SettingReader,
): string {
  try {
    return segmentsOf(value.replace(/^\/+|\/+$/g, '')).join('/');
  } catch {
    throw configError(
      { option, variable },
      'is not a path',
      'Write names separated by single slashes, without "." or "..".',
    );
  }
}

/** `template` with the profile in the place of `{profile}`. */
function withProfile(
  template: string,
  option: string | undefined,
  { env, configError, missingError }: SettingReader,
): string {
  const [placeholder] = template.match(/\{(?!profile\})\w*\}/) ?? [];
  if (placeholder)
    throw configError(
      { option: 'path', variable: 'SECRET_PATH' },
      `has ${placeholder}, which stands for nothing`,
      'Only {profile} can stand in it.',
    );
  if (!template.includes('{profile}')) return template;
  const setting = { option: 'profile', variable: 'KEYFALL_PROFILE' } as const;
  const profile = option ?? env[setting.variable];
  if (!profile || typeof profile !== 'string')
    throw missingError(
      setting,
      'the path has {profile}, and there is none',
      "Name it, such as profile: 'prod'.",
    );
  // a profile that is a path of its own could lead out of the application's folder
  if (!/^[\w.-]+$/.test(profile) || /^\.\.?$/.test(profile))
    throw configError(setting, 'is not a name', 'Use letters, digits, "-", "_" and ".".');
  return template.replaceAll('{profile}', () => profile);
}

/** Where documents are, as facts. @param paths - with their mounts, without the namespace */
export function placeOf(
  { address, namespace }: ClientSettings,
  paths: readonly string[],
): Required<Pick<StorePlace, 'kind' | 'address' | 'paths'>> {
  const whole = paths.map((path) => (namespace === '' ? path : `${namespace}/${path}`));
  return { kind: 'vault', address: address.origin, paths: whole };
}

/** The same for people. */
export function shownPlace(place: ReturnType<typeof placeOf> | undefined): string {
  return place ? `${place.address} ${place.paths.join(', ')}` : 'not configured';
}

/** What to warn of with every call, if the server's certificate is not checked. */
export function uncheckedCertificate({ address, tls }: ConnectionSettings): string | undefined {
  if (!tls.skipVerify || !address.secure) return undefined;
  return `the certificate of ${address.origin} is not checked: ${tls.skipVerifyFrom} is on`;
}
