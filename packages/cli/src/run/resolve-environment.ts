/**
 * The environment that a program is started with, resolved by the chain, and what is said of it. `run` starts another
 * program with it, and `@keyfall/auto` makes it that of its own process.
 */
import { isSecretError } from '@keyfall/core';
import type { CliChain } from '../chain/cli-chain.ts';
import { oneCall } from '../chain/one-call.ts';
import { resolveSelection, type Selection } from '../chain/selection.ts';
import type { SettingsOptions } from '../chain/settings.ts';
import { inheritedEnvironment } from '../config/name-look-ups.ts';
import { settingThatNames } from '../config/named-by-file.ts';
import { listNames, notice, printable, report } from '../terminal/terminal.ts';
import {
  buildChildEnvironment,
  type ChildEnvironment,
  inheritedPart,
} from './child-environment.ts';

/** What of the secrets and of the inherited variables the program gets. */
export interface EnvironmentOptions {
  /** These names alone, each of which must be there. */
  readonly only?: readonly string[];
  /** An inherited variable wins over a secret from a store. */
  readonly preserveEnv?: boolean;
  /** Of the inherited variables only those that any program needs. */
  readonly pristine?: boolean;
  /** Keyfall's own settings and credentials, too. */
  readonly passBootstrap?: boolean;
}

/** The options of the chain: what a value refers to is what the program itself would find. */
export function settingsFor(options: EnvironmentOptions & SettingsOptions): SettingsOptions {
  if (!options.pristine) return options;
  return { ...options, variables: inheritedPart({ ...options, inherited: process.env }) };
}

/** The environment, and the secrets that it is made of. */
export interface ResolvedEnvironment extends ChildEnvironment, Selection {
  /** Whether one of the secrets is a dynamic one. */
  readonly leased: boolean;
}

/**
 * Reads the secrets, and makes the environment.
 *
 * @throws `ERR_SECRET_CONFIG` with names that cannot be in an environment or could take over the program; as
 *   {@link resolveSelection}
 */
export async function resolveEnvironment(
  chain: CliChain,
  options: EnvironmentOptions,
): Promise<ResolvedEnvironment> {
  // what a login of ours was given is known when it has been made
  const inherited = () =>
    inheritedPart({
      ...options,
      inherited: process.env,
      credentialVariables: credentialVariablesOf(chain),
    });
  const selection = await resolveSelection(chain, options.only, (name) =>
    Object.hasOwn(inherited(), name),
  );
  const { secrets } = selection;
  const environment = buildChildEnvironment({
    ...options,
    inherited: await withReferencesFollowed(chain, inheritedEnvironment(), inherited()),
    secrets,
    credentialVariables: credentialVariablesOf(chain),
    named: new Set(options.only),
  });
  const leased = [...secrets.values()].some((secret) => secret.leased);
  return { ...selection, ...environment, leased };
}

/**
 * The environment with what its references lead to in their place, so that no program is started with the text of one.
 *
 * @param passedOn - the part of it that the program gets: what else refers to something is not followed
 * @throws what a reference that leads nowhere has in its place
 */
async function withReferencesFollowed(
  { environment, secrets }: CliChain,
  inherited: Readonly<Record<string, string | undefined>>,
  passedOn: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string | undefined>>> {
  if (environment === undefined) return inherited;
  const { entries } = await oneCall(environment, (context) =>
    environment.read(Object.keys(passedOn), context),
  );
  const followed: Record<string, string | undefined> = { ...inherited };
  for (const name of Object.keys(passedOn)) {
    const entry = entries.get(name);
    if (isSecretError(entry)) throw entry;
    if (entry?.via === undefined) continue;
    secrets.redactor.add(entry.value, name);
    followed[name] = entry.value;
  }
  return followed;
}

/** The variables that a login of ours has taken its credentials from. */
export function credentialVariablesOf({ providers }: CliChain): ReadonlySet<string> {
  return new Set(providers.flatMap(({ credentialVariables = [] }) => [...credentialVariables]));
}

/**
 * Says what the user should know about what the program is started with.
 * @param program - what it is called, in a message
 */
export function announce(
  { secrets, degraded, replaced, kept, withheld }: ResolvedEnvironment,
  program: string,
  { providers }: CliChain,
  { preserveEnv = false }: EnvironmentOptions,
): void {
  if (secrets.size === 0) {
    const hint = 'Name what it needs with --only: then it starts with that or not at all.';
    const what = `${program} is started without any secrets`;
    if (degraded) notice(`${what}. ${hint}`);
    else report(`${what}: no provider holds one. ${hint}`);
  }
  if (replaced.length > 0) {
    const stores = new Set(replaced.map((name) => secrets.get(name)?.provider ?? ''));
    const come = replaced.length === 1 ? 'comes' : 'come';
    notice(
      `${listNames(replaced)} ${come} from ${listNames([...stores])} and not from the inherited environment; --preserve-env turns that round.`,
    );
  }
  // what an application may read for itself as well; a variable that was made for a login of ours it does not
  const shared = withheld.filter((name) => /^(?:AWS|AZURE|GOOGLE)_/.test(name));
  if (shared.length > 0) {
    const are = shared.length === 1 ? 'is' : 'are';
    notice(
      `${listNames(shared)} ${are} not given to the program, since Keyfall's own credentials come from there; --pass-bootstrap gives them.`,
    );
  }
  for (const provider of preserveEnv ? [] : providers) {
    const variable = settingThatNames(provider);
    const names = kept.filter((name) => secrets.get(name)?.provider === provider.name);
    if (variable === undefined || names.length === 0) continue;
    const inherited = names.length === 1 ? 'stays as it is' : 'stay as they are';
    notice(
      `${listNames(names)} ${inherited} in the inherited environment: ${printable(variable)} names ${printable(provider.name)}, and what a file of a repository names replaces no variable. Set the address in the environment to have it do so.`,
    );
  }
}
