/**
 * The environment of the program that `run` starts: which value wins if a name has two, what is removed, and what is
 * refused. A pure function, so that every rule can be tested.
 */
import { SecretError } from '@keyfall/core';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import type { ResolvedSecret } from '../chain/selection.ts';
import { listNames } from '../terminal/terminal.ts';
import { takesOver } from './take-over-names.ts';
import { comparableName, onWindows } from './windows.ts';

/** Options of {@link buildChildEnvironment}. */
export interface ChildEnvironmentOptions {
  /** Our own environment. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** Every secret that the program gets. */
  readonly secrets: ReadonlyMap<string, ResolvedSecret>;
  /** Names that the user has listed, and which therefore may take over the program. */
  readonly named?: ReadonlySet<string>;
  /** An inherited variable wins over a secret from a store. */
  readonly preserveEnv?: boolean;
  /** Pass on only the inherited variables that any program needs. */
  readonly pristine?: boolean;
  /** Further variables that our own credentials came from, such as the secret id of a login. */
  readonly credentialVariables?: ReadonlySet<string>;
  /** Pass on Keyfall's own settings and credentials. */
  readonly passBootstrap?: boolean;
  /** Whether the program runs on Windows, where `Path` and `PATH` are one variable. Default: as we do. */
  readonly windows?: boolean;
}

/** The result of {@link buildChildEnvironment}. */
export interface ChildEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Names whose inherited value was replaced by a different one from a store. */
  readonly replaced: readonly string[];
  /** Names whose inherited value was kept, although a provider that is not a store has a different one. */
  readonly kept: readonly string[];
  /** Variables of our own credentials that the program does not get. */
  readonly withheld: readonly string[];
}

/** The inherited variables that any program needs: `--pristine` keeps these. */
const pristineNames: ReadonlySet<string> = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'TMPDIR', 'TZ'],
  ...['TERM', 'COLORTERM', 'NO_COLOR', 'LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE'],
]);

/** The same of Windows, less what Node gives each program there: SystemRoot, USERPROFILE, TEMP and their like. */
const pristineOnWindows: ReadonlySet<string> = new Set([
  ...[
    'PATHEXT',
    'COMSPEC',
    'OS',
    'TMP',
    'APPDATA',
    'LOCALAPPDATA',
    'PROGRAMDATA',
    'ALLUSERSPROFILE',
  ],
  ...['PROGRAMFILES', 'PROGRAMFILES(X86)', 'PROGRAMW6432', 'COMMONPROGRAMFILES', 'PUBLIC'],
  ...['COMPUTERNAME', 'NUMBER_OF_PROCESSORS', 'PROCESSOR_ARCHITECTURE'],
]);

/**
 * The program's environment.
 *
 * @throws `ERR_SECRET_CONFIG` with every secret that cannot be in an environment, or that could take over the program and
 *   was not listed by the user
 */
export function buildChildEnvironment(options: ChildEnvironmentOptions): ChildEnvironment {
  const { secrets, preserveEnv = false, passBootstrap = false, named, windows } = options;
  const env = inheritedPart(options);
  // the program has its secrets already, and without credentials it could not ask for them again
  if (!passBootstrap) env['USE_VAULT'] = 'false';
  const variables = spellings(env, windows);
  // what the program inherits anyway is not given to it: a provider that reads the same environment has its PATH
  const given = new Map([...secrets].filter(([name, { value }]) => variables.get(name) !== value));
  assertFitsEnvironment(given, ({ value }) => value, named, windows);
  const inherited = spellings(options.inherited, windows);
  const withheld = passBootstrap
    ? []
    : [...(options.credentialVariables ?? [])].filter(
        (name) => inherited.get(name) !== undefined && !bootstrapNames.has(name),
      );
  const replaced: string[] = [];
  const kept: string[] = [];
  for (const [name, { value, fromStore }] of given) {
    // a provider that reads the same environment must not bring back what was removed
    const isWithheld = withheld.includes(name) && value === inherited.get(name) && !fromStore;
    if (isWithheld && !named?.has(name)) continue;
    const before = variables.get(name);
    if (before !== undefined && (preserveEnv || !fromStore)) {
      if (before !== value && !fromStore) kept.push(name);
      continue;
    }
    if (before !== undefined && before !== value) replaced.push(name);
    env[variables.spelled(name)] = value;
  }
  return {
    env,
    replaced: replaced.sort(),
    kept: kept.sort(),
    withheld: withheld.filter((name) => variables.get(name) === undefined).sort(),
  };
}

/** The part of our environment that the program inherits. */
export function inheritedPart({
  inherited,
  pristine = false,
  passBootstrap = false,
  credentialVariables = new Set(),
  windows = onWindows,
}: Omit<ChildEnvironmentOptions, 'secrets'>): Record<string, string> {
  const asCompared = (name: string) => comparableName(name, windows);
  const credentials = new Set([...credentialVariables].map(asCompared));
  // without a prototype, since a variable may be called __proto__
  const env: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined) continue;
    const compared = asCompared(name);
    const isOurs = bootstrapNames.has(compared) || credentials.has(compared);
    const isForAll = pristineNames.has(compared) || (windows && pristineOnWindows.has(compared));
    if (isOurs ? passBootstrap : !pristine || isForAll) env[name] = value;
  }
  return env;
}

/** The variables of an environment by their names, however these are spelled there. */
function spellings(env: Readonly<Record<string, string | undefined>>, windows?: boolean) {
  const known = new Map(Object.keys(env).map((name) => [comparableName(name, windows), name]));
  const spelled = (name: string) => known.get(comparableName(name, windows)) ?? name;
  return { spelled, get: (name: string) => env[spelled(name)] };
}

/**
 * Makes sure that each secret can be an environment variable, and is not dangerous as one.
 *
 * @param textOf - the value of a secret
 * @throws `ERR_SECRET_CONFIG` with those that are not
 */
export function assertFitsEnvironment<Secret>(
  secrets: ReadonlyMap<string, Secret>,
  textOf: (secret: Secret) => string,
  named: ReadonlySet<string> = new Set(),
  windows: boolean = onWindows,
): void {
  const refuse = (
    isRefused: (name: string, value: string) => boolean,
    why: string,
    hint: string,
  ): void => {
    const refused = [...secrets]
      .filter(([name, secret]) => isRefused(name, textOf(secret)))
      .map(([name]) => name);
    if (refused.length > 0)
      throw new SecretError('ERR_SECRET_CONFIG', `${listNames(refused.sort())} ${why}`, { hint });
  };
  refuse(
    (name) => name === '' || /[=\0]/.test(name),
    'cannot be passed on: the name of an environment variable is not empty, and has no = and no NUL character',
    'Use another name in the store, or choose the names with --only.',
  );
  refuse(
    (_, value) => value.includes('\0'),
    'cannot be passed on: no environment variable can hold a NUL character',
    'Store a text form such as base64, or choose the names with --only.',
  );
  refuse(
    (_, value) => !value.isWellFormed(),
    'cannot be passed on: half a surrogate pair is not text',
    'Store a text form such as base64, or choose the names with --only.',
  );
  const spelled = new Map<string, string>();
  for (const name of secrets.keys()) spelled.set(comparableName(name, windows), name);
  refuse(
    (name) => spelled.get(comparableName(name, windows)) !== name,
    'cannot be passed on: another name differs in upper and lower case alone, which is one variable on Windows',
    'Rename one of them in the store, or choose the names with --only.',
  );
  refuse(
    (name) => takesOver(name, windows) && !named.has(name),
    'could take over the program that is started',
    'Remove such names from the store, or list every name that the program needs with --only.',
  );
}
