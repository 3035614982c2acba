/**
 * The chain that a command goes by: the configuration's, and on a machine without one that of its
 * settings, which come from the environment, then from the `.env` file itself. With `USE_VAULT=true`
 * that is Vault, then `.env`; else `.env` alone.
 */
import { resolve } from 'node:path';
import { type Duration, isSecretError, SecretError } from '@keyfall/core';
import { type SecretProvider, toMilliseconds } from '@keyfall/core/provider';
import {
  type DotenvProviderOptions,
  type DotenvReader,
  dotenvProvider,
  dotenvReaders,
  isDotenvReader,
} from '@keyfall/provider-dotenv';
import { clientVariable } from '../config/client-variable.ts';
import type { ChainParts } from '../config/configured-chain.ts';
import { currentFolder, findConfig, shownFile } from '../config/find-config.ts';
import { asNamedByFile } from '../config/named-by-file.ts';
import { listNames, notice, printable } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { bootstrapNames } from './bootstrap-settings.ts';
import { type CliChain, openChain } from './cli-chain.ts';
import { oneCall } from './one-call.ts';

/** Options that every command has. */
export interface SettingsOptions {
  /** The `.env` file. Default `.env`. */
  readonly dotenv?: string;
  /** Whose reading of it counts. Default `KEYFALL_READER` of the environment, else what the file says. */
  readonly reader?: DotenvReader;
  /** What its values may refer to. Default: the environment. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** Whether that file may be one that is not there yet. Default: not if it was named. */
  readonly dotenvMayBeNew?: boolean;
  /** Whether the token may come from where `vault login` leaves it (`~/.vault-token`). */
  readonly tokenHelper?: boolean;
  /** The configuration's path; `false`: none, whatever is there. Default: what `findConfig` finds. */
  readonly config?: string | false;
  /**
   * The configuration's profile, and what `{profile}` in a Vault's path stands for. Default
   * `KEYFALL_PROFILE` of the environment, and without a configuration that of the `.env`.
   */
  readonly profile?: string;
}

/**
 * Opens the chain of the configuration, or without one the chain that the settings describe; hands it
 * to `work`, and closes it. Its notices go to stderr.
 *
 * @throws `ERR_SECRET_CONFIG` naming a setting that is wrong; what `work` throws
 */
export async function withChain<Result>(
  options: SettingsOptions,
  work: (chain: CliChain) => Promise<Result>,
): Promise<Result> {
  const chain = await openConfiguredChain(options);
  try {
    return await work(chain);
  } finally {
    await chain.secrets.close();
  }
}

/**
 * The same chain; the caller closes it (`chain.secrets.close()`).
 *
 * @throws `ERR_SECRET_CONFIG` naming a setting that is wrong
 */
export async function openConfiguredChain(options: SettingsOptions): Promise<CliChain> {
  return openChain(await configuredParts(options));
}

/**
 * What the same chain is made of.
 *
 * @throws `ERR_SECRET_CONFIG` naming a setting that is wrong
 */
export async function configuredParts(options: SettingsOptions): Promise<ChainParts> {
  const file = configFile(options);
  if (file === undefined) return chainFromSettings(options);
  for (const [flag, given] of [
    ['--dotenv', options.dotenv],
    ['--token-helper', options.tokenHelper],
  ] as const)
    if (given !== undefined)
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `${flag} does not apply to a chain that comes from ${shownFile(file)}`,
        { hint: 'Say it there, or leave the configuration out with --no-config.' },
      );
  const { configuredChain } = await import('../config/configured-chain.ts');
  const parts = await waitingFor('reading the configuration', () =>
    configuredChain(file, chosenProfile(options), readerOptions(options)),
  );
  const uncounted = ignoredUseVault(parts.providers.map(({ provider }) => provider));
  if (uncounted !== undefined)
    notice(`${uncounted}: ${shownFile(file)} says who is asked. --no-config goes by USE_VAULT.`);
  return parts;
}

/**
 * What to say of a `USE_VAULT` that contradicts the configuration, which replaces it: a user who sets it to leave Vault
 * out in an emergency must learn that it changes nothing. The beginning of a sentence.
 *
 * @param providers - those of the configuration
 */
export function ignoredUseVault(providers: readonly SecretProvider[]): string | undefined {
  const value = process.env['USE_VAULT'];
  if (!value) return undefined;
  const isAsked = providers.some(({ name }) => name === 'vault');
  const isOn = isYes(value);
  if (isAsked && !isOn) return `USE_VAULT in the environment does not turn Vault off`;
  if (!isAsked && isOn) return 'USE_VAULT in the environment does not turn Vault on';
  return undefined;
}

/** The profile of a configuration that was asked for, if any was. */
export function chosenProfile({ profile }: SettingsOptions): string | undefined {
  assertProfileIsNamed(profile);
  return profile ?? (process.env['KEYFALL_PROFILE'] || undefined);
}

/**
 * The reader that the command or the environment names, if one does.
 * @throws `ERR_SECRET_CONFIG` if `KEYFALL_READER` names none that there is
 */
export function namedReader({ reader }: SettingsOptions): DotenvReader | undefined {
  const named = reader ?? (process.env['KEYFALL_READER'] || undefined);
  if (named === undefined || isDotenvReader(named)) return named;
  throw new SecretError('ERR_SECRET_CONFIG', 'KEYFALL_READER does not name a reader', {
    hint: `Set it to one of these: ${dotenvReaders.join(', ')}.`,
  });
}

/** The same, as options of a provider of a `.env`. */
export function readerOptions(
  options: SettingsOptions,
): Pick<DotenvProviderOptions, 'reader' | 'variables' | 'warnOfReaders'> {
  const reader = namedReader(options);
  const { variables } = options;
  // the command warns of what differs, or refuses it
  return {
    warnOfReaders: false,
    ...(reader !== undefined && { reader }),
    ...(variables && { variables }),
  };
}

/** The absolute path of the configuration that a command goes by, if there is one. */
export function configFile({ config }: SettingsOptions): string | undefined {
  const folder = currentFolder();
  if (config === false) return undefined;
  return config === undefined ? findConfig(folder) : resolve(config);
}

/** What the settings say where there is no configuration: the environment, then the `.env` file. */
export interface Settings {
  /** The provider of that file, which gives what was read once more. */
  readonly dotenv: SecretProvider;
  /** Keyfall's own settings in the file. */
  readonly file: FileSettings;
  readonly profile: string | undefined;
  /** The path of the Vault that is named, whatever `USE_VAULT` says. */
  readonly vaultPath: string | undefined;
  /** The path has `{profile}` in it: that is what profiles without a configuration are. */
  readonly hasProfiles: boolean;
  /** The address of the Vault, where the file names it and not the environment. */
  readonly addressOfFile: string | undefined;
}

/**
 * Reads the settings. No I/O but that of the file.
 *
 * @param mustExist - whether the file must be there. Default: it need not
 * @throws as a read of the file
 */
export async function readSettings(options: SettingsOptions, mustExist = false): Promise<Settings> {
  const dotenv = readOnce(
    dotenvProvider({ path: dotenvPath(options), mustExist, ...readerOptions(options) }),
  );
  const file = await ownSettings(dotenv);
  const vaultPath =
    clientVariable(process.env, 'SECRET_PATH')?.value ?? clientVariable(file, 'SECRET_PATH')?.value;
  const named = process.env['KEYFALL_PROFILE'] ?? file['KEYFALL_PROFILE'];
  return {
    dotenv,
    file,
    profile: options.profile ?? (named || undefined),
    vaultPath,
    hasProfiles: vaultPath?.includes('{profile}') ?? false,
    addressOfFile: clientVariable(process.env, 'ADDR')
      ? undefined
      : clientVariable(file, 'ADDR')?.value,
  };
}

/** Vault, then `.env`; or `.env` alone. */
async function chainFromSettings(options: SettingsOptions): Promise<ChainParts> {
  const settings = await readSettings(options, mustExist(options));
  const { dotenv, file } = settings;
  assertProfileCounts(settings);
  const providers = [{ provider: dotenv }];
  if (isTrue('USE_VAULT', process.env['USE_VAULT'] ?? file['USE_VAULT'] ?? 'false')) {
    const vault = await vaultFrom(settings, options, (env) => {
      const missing = missingSettings(env, ['SECRET_PATH'], options);
      if (missing.length > 0)
        throw missingError('Vault is to be asked (USE_VAULT=true), and', missing, options);
    });
    providers.unshift({ provider: vault });
  }
  const ttl = process.env['KEYFALL_TTL'] ?? file['KEYFALL_TTL'];
  if (ttl === undefined) return { providers };
  toMilliseconds(ttl as Duration, 'KEYFALL_TTL');
  return { providers, ttl: ttl as Duration };
}

/** `--profile "$STAGE"` where the variable is not set: to use no profile then would be a guess. */
function assertProfileIsNamed(profile: string | undefined): void {
  if (profile !== undefined && profile.trim() === '')
    throw new SecretError('ERR_SECRET_CONFIG', '--profile is empty', {
      hint: 'Name a profile, or leave it out.',
    });
}

/** Refuses a profile that would change nothing: a user who asks for `prod` must not get something else. */
function assertProfileCounts({ profile, hasProfiles }: Settings): void {
  assertProfileIsNamed(profile);
  if (profile === undefined || hasProfiles) return;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `the profile ${printable(profile)} is asked for, and there is no configuration and no {profile} in VAULT_SECRET_PATH`,
    { hint: 'Write a configuration (keyfall init), or leave --profile and KEYFALL_PROFILE out.' },
  );
}

function dotenvPath({ dotenv = '.env' }: SettingsOptions): string {
  return dotenv;
}

/** A file that was named must exist: with a mistyped name a program would start without secrets. */
function mustExist({ dotenv, dotenvMayBeNew }: SettingsOptions): boolean {
  return dotenv !== undefined && !dotenvMayBeNew;
}

/** The `.env` by itself, whatever else the settings say. */
export function configuredDotenv(options: SettingsOptions): SecretProvider {
  return dotenvProvider({
    path: dotenvPath(options),
    mustExist: mustExist(options),
    ...readerOptions(options),
  });
}

/**
 * The Vault that the `VAULT_*` settings name, whatever `USE_VAULT` says. No I/O but reading the
 * `.env` file.
 *
 * @throws `ERR_SECRET_CONFIG` naming the settings that are missing or wrong
 */
export async function configuredVault(options: SettingsOptions): Promise<SecretProvider> {
  return vaultFrom(await readSettings(options), options, (env) => {
    const missing = missingSettings(env, ['ADDR', 'SECRET_PATH'], options);
    if (missing.length > 0) throw missingError('no Vault is named:', missing, options);
    const mount = clientVariable(env, 'MOUNT_POINT')?.value.replace(/^\/+|\/+$/g, '') || 'secret';
    if (clientVariable(env, 'SECRET_PATH')?.value.replace(/^\/+/, '').startsWith(`${mount}/`))
      notice(
        `VAULT_SECRET_PATH begins with ${printable(mount)}/, and the mount is put before it once more: leave it out there, unless a path of that name is meant.`,
      );
  });
}

/** Those of the settings that are not set, and the token, where none can come from elsewhere. */
function missingSettings(
  env: FileSettings,
  needed: readonly string[],
  { tokenHelper = false }: SettingsOptions,
): readonly string[] {
  // an agent may have a token of its own
  const hasToken = tokenHelper || clientVariable(env, 'AGENT_ADDR')?.value;
  return (hasToken ? needed : [...needed, 'TOKEN'])
    .filter((setting) => !clientVariable(env, setting)?.value.trim())
    .map((setting) => `VAULT_${setting}`);
}

function missingError(
  what: string,
  missing: readonly string[],
  options: SettingsOptions,
): SecretError {
  if (missing.every((name) => name === 'VAULT_TOKEN'))
    return new SecretError('ERR_SECRET_CONFIG', 'there is no token: VAULT_TOKEN is missing', {
      hint: 'Set it in the environment, or use --token-helper after `bao login`.',
      setting: { variable: 'VAULT_TOKEN', isMissing: true },
    });
  const [are, them] = missing.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return new SecretError('ERR_SECRET_CONFIG', `${what} ${listNames(missing)} ${are} missing`, {
    hint: `Set ${them} in the environment or in ${printable(dotenvPath(options))}.`,
    setting: { variable: missing[0] ?? '', isMissing: true },
  });
}

/**
 * A setting that is yes or no.
 * @throws `ERR_SECRET_CONFIG` naming it, for anything that is neither: a misspelled `USE_VAULT` must
 *   not start production on a `.env`
 */
function isTrue(name: string, value: string): boolean {
  if (isYes(value)) return true;
  if (['false', '0', 'no', 'off'].includes(value.trim().toLowerCase())) return false;
  throw new SecretError('ERR_SECRET_CONFIG', `${name} is neither true nor false`, {
    hint: `Set ${name}=true or ${name}=false.`,
    setting: { variable: name },
  });
}

/** The same; what is neither is not yes. */
export function isYes(value: string): boolean {
  return ['true', '1', 'yes', 'on'].includes(value.trim().toLowerCase());
}

/**
 * The same provider, which gives its first answer a second time, unless there was a write in between: settings and
 * secrets then come from one read of the file.
 */
function readOnce(provider: SecretProvider): SecretProvider {
  const { read, write } = provider;
  let first: ReturnType<typeof read> | undefined;
  let isAsked = false;
  return {
    ...provider,
    read(names, context) {
      const known = first;
      first = isAsked ? undefined : read('all', context);
      isAsked = true;
      return known ?? first ?? read(names, context);
    },
    ...(write && {
      write(changes, context) {
        first = undefined;
        return write(changes, context);
      },
    }),
  };
}

type FileSettings = Readonly<Record<string, string>>;

async function ownSettings(dotenv: SecretProvider): Promise<FileSettings> {
  const { entries } = await oneCall(dotenv, (context) => dotenv.read('all', context), {
    timeout: 2_500,
  });
  const settings: Record<string, string> = {};
  for (const name of bootstrapNames) {
    const entry = entries.get(name);
    if (entry !== undefined && !isSecretError(entry)) settings[name] = entry.value;
  }
  return settings;
}

/**
 * The Vault of the client variables of environment and file; what the user must know of them goes to
 * stderr. Its package is imported here: a chain of `.env` alone starts without it.
 */
async function vaultFrom(
  { file, profile }: Settings,
  options: SettingsOptions,
  check: (env: FileSettings) => void,
): Promise<SecretProvider> {
  const { tokenHelper = false } = options;
  const { vaultEnvironment, vaultProvider } = await import('@keyfall/provider-vault');
  const sources = { environment: process.env, file, tokenHelper };
  const { env, warnings, serverVariable } = vaultEnvironment(sources);
  for (const warning of warnings) notice(`${warning}.`);
  check(env);
  const vault = vaultProvider({
    env,
    profile,
    ...(tokenHelper && { token: { helper: true } as const }),
  });
  return serverVariable === undefined
    ? vault
    : asNamedByFile(vault, `${serverVariable} in ${dotenvPath(options)}`);
}
