/**
 * The environment of what `run` starts: who wins where a name is in two places, what is taken out,
 * and what is refused. A pure function of its options, so that every rule can be tried.
 */
import { SecretError } from '@keyfall/core';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import type { ResolvedSecret } from '../chain/selection.ts';
import { listNames } from '../terminal/terminal.ts';
import { takesOver } from './take-over-names.ts';

/** Options of {@link buildChildEnvironment}. */
export interface ChildEnvironmentOptions {
  /** The environment that we were started with. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** Every secret that the child gets. */
  readonly secrets: ReadonlyMap<string, ResolvedSecret>;
  /** Names that the user asked for one by one, which may therefore take over the child. */
  readonly named?: ReadonlySet<string>;
  /** An inherited variable wins over a secret from a store. */
  readonly preserveEnv?: boolean;
  /** Of the inherited variables only those that a program needs to run at all. */
  readonly pristine?: boolean;
  /** Names of further variables that our own credentials came from: the secret id of a login. */
  readonly credentialVariables?: ReadonlySet<string>;
  /** Leave Keyfall's own settings and credentials in the environment. */
  readonly passBootstrap?: boolean;
}

/** What {@link buildChildEnvironment} answers. */
export interface ChildEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Names whose inherited value was replaced by another one from a store, for the user to know. */
  readonly replaced: readonly string[];
  /** Names whose inherited value stands before another one that is not from a store. */
  readonly kept: readonly string[];
  /** Names of variables that our own credentials came from, and that the child was not given. */
  readonly withheld: readonly string[];
}

/** The inherited variables that a program needs to run at all: what `--pristine` keeps. */
const pristineNames: ReadonlySet<string> = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'TMPDIR', 'TZ'],
  ...['TERM', 'COLORTERM', 'NO_COLOR', 'LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE'],
]);

/**
 * The child's environment.
 *
 * @throws `ERR_SECRET_CONFIG` naming every secret that no environment can hold, or that could take
 *   over the child and was not named by the user
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
  // the secrets are there already: the child need not, and without credentials cannot, ask again
  if (!passBootstrap) env['USE_VAULT'] = 'false';
  const replaced: string[] = [];
  const kept: string[] = [];
  for (const [name, { value, fromStore }] of secrets) {
    // what was taken out does not come back by a provider that reads the same environment
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

/** What the child has of our own environment. */
export function inheritedPart({
  inherited,
  pristine = false,
  passBootstrap = false,
  credentialVariables,
}: Omit<ChildEnvironmentOptions, 'secrets'>): Record<string, string> {
  // a null prototype, because a variable may be called __proto__
  const env: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined) continue;
    const isOurs = bootstrapNames.has(name) || credentialVariables?.has(name);
    if (isOurs ? passBootstrap : !pristine || pristineNames.has(name)) env[name] = value;
  }
  return env;
}

/**
 * Makes sure that each secret can be an environment variable and is no danger as one.
 *
 * @param textOf - the value of a secret
 * @throws `ERR_SECRET_CONFIG` naming those that cannot
 */
export function assertFitsEnvironment<Secret>(
  secrets: ReadonlyMap<string, Secret>,
  textOf: (secret: Secret) => string,
  named: ReadonlySet<string> = new Set(),
): void {
  const refuse = (
    isWrong: (name: string, value: string) => boolean,
    why: string,
    hint: string,
  ): void => {
    const wrong: string[] = [];
    for (const [name, secret] of secrets) if (isWrong(name, textOf(secret))) wrong.push(name);
    if (wrong.length > 0)
      throw new SecretError('ERR_SECRET_CONFIG', `${listNames(wrong.sort())} ${why}`, { hint });
  };
  refuse(
    (name) => name === '' || /[=\0]/.test(name),
    'cannot be the name of an environment variable',
    'Rename it in its store, or choose the names with --only.',
  );
  refuse(
    (_, value) => value.includes('\0'),
    'holds a NUL character, which no environment variable can hold',
    'Store it in a text form such as base64, or choose the names with --only.',
  );
  refuse(
    (_, value) => !value.isWellFormed(),
    'holds half a surrogate pair, which is no text',
    'Store it in a text form such as base64, or choose the names with --only.',
  );
  refuse(
    (name) => takesOver(name) && !named.has(name),
    'could take over the program that is started',
    'Remove it from its store, or name all that you want with --only.',
  );
}
