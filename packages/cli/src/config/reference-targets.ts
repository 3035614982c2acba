/**
 * What the references of a configuration's schemes lead to. A package is imported when the first reference to it is
 * read, and not before. The reference says which place and which name, and the configuration everything else: a hostile
 * `.env` cannot name an address.
 */
import { dirname, resolve } from 'node:path';
import { isSecretError, type ReferenceTarget, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { configError, type OptionPath, placed } from './config-place.ts';
import { checkTarget, placeOptions } from './config-schema.ts';
import type { ConfigReferenceTarget, NamedProvider } from './define-config.ts';
import { checkAddresses } from './foreign-addresses.ts';
import type { LoadedConfig } from './load-config.ts';
import { type DotenvDefaults, factoryOf, factoryOptions } from './make-providers.ts';

type Options = Readonly<Record<string, unknown>>;

/** What the providers of a chain are made with. */
interface Defaults {
  readonly profile: string | undefined;
  readonly ofDotenv: DotenvDefaults;
}

/** What the schemes of a configuration lead to. */
export interface ReferenceTargets {
  /** For `withReferences`. */
  readonly byScheme: Readonly<Record<string, ReferenceTarget>>;
  /**
   * The variables with credentials of all of them, those included that nothing has referred to yet: it imports their packages, and
   * asks no store.
   */
  credentialVariables(): Promise<ReadonlySet<string>>;
}

/**
 * The targets by scheme.
 *
 * @param at - where the option stands
 * @throws `ERR_SECRET_CONFIG` naming file, line and option
 */
export async function referenceTargets(
  loaded: LoadedConfig,
  references: Readonly<Record<string, ConfigReferenceTarget>>,
  at: OptionPath,
  defaults: Defaults,
): Promise<ReferenceTargets> {
  const targets: Record<string, ReferenceTarget> = {};
  const examples: (() => Promise<SecretProvider>)[] = [];
  for (const [scheme, given] of Object.entries(references)) {
    const option = [...at, scheme];
    if (!/^[a-z][a-z0-9.-]*$/.test(scheme))
      throw configError({
        file: loaded.file,
        line: loaded.lineOf(option),
        option,
        reason:
          'is no scheme: it has lower-case letters, digits, dots and hyphens, from a letter on',
      });
    if (!isNamed(given)) {
      targets[scheme] = given;
      continue;
    }
    const { target, example } = await namedTarget(loaded, scheme, given, option, defaults);
    targets[scheme] = target;
    examples.push(example);
  }
  let found: Promise<ReadonlySet<string>> | undefined;
  return {
    byScheme: targets,
    credentialVariables() {
      found ??= Promise.all(examples.map(credentialVariablesOf)).then(
        (lists) => new Set(lists.flat()),
      );
      return found;
    },
  };
}

async function credentialVariablesOf(
  example: () => Promise<SecretProvider>,
): Promise<readonly string[]> {
  try {
    return [...((await example()).credentialVariables ?? [])];
  } catch (error) {
    // what cannot be made is sent no credentials either
    if (isSecretError(error)) return [];
    throw error;
  }
}

function isNamed(target: ConfigReferenceTarget): target is NamedProvider {
  return typeof (target as Partial<NamedProvider>).provider === 'string';
}

async function namedTarget(
  loaded: LoadedConfig,
  scheme: string,
  entry: NamedProvider,
  at: OptionPath,
  { profile, ofDotenv }: Defaults,
): Promise<{
  readonly target: ReferenceTarget;
  /** Makes a provider that nothing is read from. */
  readonly example: () => Promise<SecretProvider>;
}> {
  const { file, lineOf } = loaded;
  const complaint = checkTarget(entry);
  if (complaint !== undefined) {
    const option = [...at, ...complaint.option];
    throw configError({ file, line: lineOf(option), ...complaint, option });
  }
  const { provider: id, ...options } = entry;
  const trusted = await checkAddresses(loaded, id, options, at);
  const made = async (more: Options): Promise<SecretProvider> => {
    try {
      const factory = await factoryOf(id, file);
      const all = factoryOptions(id, { ...options, ...more }, profile, ofDotenv);
      return trusted(inFolder(dirname(file), () => factory(all)));
    } catch (error) {
      throw isSecretError(error) ? placed(error, file, at, lineOf(at)) : error;
    }
  };
  const places = placeOptions[id] ?? [];
  // a configuration that says the place leaves the name alone to the reference
  if (places.length === 0 || places.some((option) => options[option] !== undefined))
    return { target: madeLater(scheme, id, () => made({})), example: () => made({}) };
  const targetAt = (place: string) => made(placeOf(id, place, options, dirname(file)));
  return { target: targetAt, example: () => targetAt(possiblePlaces[id] ?? 'x') };
}

/** Places that can be ones, where that is not any word. */
const possiblePlaces: Readonly<Partial<Record<NamedProvider['provider'], string>>> = {
  vault: 'x/x',
  'aws-parameter-store': '/x',
};

/** What a place is, as options of the provider. */
function placeOf(
  id: NamedProvider['provider'],
  place: string,
  options: Options,
  folder: string,
): Options {
  switch (id) {
    case 'sops':
    case 'dotenv':
      return { path: resolve(folder, place) };
    case 'files':
      return { directory: resolve(folder, place) };
    case 'aws-secrets-manager':
      return { secretId: place };
    case 'gcp-secret-manager':
      return { project: place };
    case 'keychain':
      return { service: place };
    case 'kubernetes': {
      const [namespace, secret] = options['namespace'] === undefined ? parted(place) : [];
      return secret === undefined ? { secret: place } : { namespace, secret };
    }
    case 'vault': {
      if (options['mount'] !== undefined) return { path: place };
      const [mount, path] = parted(place);
      if (path !== undefined) return { mount, path };
      throw new SecretError('ERR_SECRET_CONFIG', 'a place in Vault is a mount and a path', {
        hint: 'Write the reference as vault://MOUNT/PATH#NAME, or give the mount in the configuration.',
      });
    }
    default:
      return { path: place };
  }
}

/** The part before the first slash and the rest; none if one of them is empty. */
function parted(place: string): readonly string[] {
  return /^([^/]+)\/(.+)$/s.exec(place)?.slice(1) ?? [];
}

/** Providers whose values may be references again. */
const plainKinds: ReadonlySet<string> = new Set(['env', 'dotenv']);

/** A provider that is made at its first call. */
function madeLater(
  scheme: string,
  id: string,
  make: () => Promise<SecretProvider>,
): SecretProvider {
  let made: SecretProvider | undefined;
  let making: Promise<SecretProvider> | undefined;
  return {
    get name() {
      return made?.name ?? scheme;
    },
    get store() {
      return made?.store ?? 'not asked yet';
    },
    get place() {
      return made?.place ?? { kind: id };
    },
    get timeout() {
      // some stores are slow to start; the budget of the chain counts in any case
      return made ? made.timeout : 10_000;
    },
    get credentialVariables() {
      return made?.credentialVariables ?? new Set<string>();
    },
    get plainText() {
      return made?.plainText ?? plainKinds.has(id);
    },
    async read(names, context) {
      making ??= make();
      try {
        made = await making;
      } catch (error) {
        making = undefined;
        throw error;
      }
      return made.read(names, context);
    },
    async close() {
      await made?.close?.();
    },
  };
}

/**
 * Makes a provider whose relative paths begin in a folder. In one step: another call of the same moment must not find the
 * process there.
 */
function inFolder(folder: string, make: () => SecretProvider): SecretProvider {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return make();
  } finally {
    process.chdir(before);
  }
}
