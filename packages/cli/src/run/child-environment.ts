/**
 * The environment of the program that `run` starts: which value wins if a name has two, what is removed, and what is
 * refused. A pure function, so that every rule can be tested.
 */
import { SecretError } from '@keyfall/core';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import type { ResolvedSecret } from '../chain/selection.ts';
import { listNames } from '../terminal/terminal.ts';
import { takesOver } from './take-over-names.ts';

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

/**
 * The program's environment.
 *
 * @throws `ERR_SECRET_CONFIG` with every secret that cannot be in an environment, or that could take over the program and
 *   was not listed by the user
 */
export function buildChildEnvironment(options: ChildEnvironmentOptions): ChildEnvironment {
  const { inherited, secrets, preserveEnv = false, passBootstrap = false, named } = options;
  assertFitsEnvironment(secrets, ({ value }) => value, named);
  const env = inheritedPart(options);
  const withheld = passBootstrap
    ? []
    : [...(options.credentialVariables ?? [])].filter(
        (name) => inherited[name] !== undefined && !bootstrapNames.has(name),
      );
  // the program has its secrets already, and without credentials it could not ask for them again
  if (!passBootstrap) env['USE_VAULT'] = 'false';
  const replaced: string[] = [];
  const kept: string[] = [];
  for (const [name, { value, fromStore }] of secrets) {
    // a provider that reads the same environment must not bring back what was removed
    const isWithheld = withheld.includes(name) && value === inherited[name] && !fromStore;
    if (isWithheld && !named?.has(name)) continue;
    const before = env[name];
    if (before !== undefined && (preserveEnv || !fromStore)) {
      if (before !== value && !fromStore) kept.push(name);
      continue;
    }
    if (before !== undefined && before !== value) replaced.push(name);
    env[name] = value;
  }
  return {
    env,
    replaced: replaced.sort(),
    kept: kept.sort(),
    withheld: withheld.filter((name) => env[name] === undefined).sort(),
  };
}

/** The part of our environment that the program inherits. */
export function inheritedPart({
  inherited,
  pristine = false,
  passBootstrap = false,
  credentialVariables,
}: Omit<ChildEnvironmentOptions, 'secrets'>): Record<string, string> {
  // without a prototype, since a variable may be called __proto__
  const env: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined) continue;
    const isOurs = bootstrapNames.has(name) || credentialVariables?.has(name);
    if (isOurs ? passBootstrap : !pristine || pristineNames.has(name)) env[name] = value;
  }
  return env;
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
  refuse(
    (name) => takesOver(name) && !named.has(name),
    'could take over the program that is started',
    'Remove such names from the store, or list every name that the program needs with --only.',
  );
}
