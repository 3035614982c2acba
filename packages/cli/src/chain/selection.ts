/**
 * Which secrets a command takes: all that the chain holds, among them each of the configuration's
 * `names`; or those that `--only` names, each of which must be there.
 */
import { isSecretError, SecretError, type Secrets } from '@keyfall/core';
import type { SecretRecord } from '@keyfall/core/provider';
import { listNames } from '../terminal/terminal.ts';
import { assertIsSecretName } from './bootstrap-settings.ts';
import type { CliChain } from './cli-chain.ts';
import { unlimited } from './one-provider.ts';
import { assertOneReading, type Taken } from './one-reading.ts';

/** A secret as the chain answered it. */
export interface ResolvedSecret {
  readonly value: string;
  /** Name of the provider that answered. */
  readonly provider: string;
  /**
   * Whether it comes from a store. A value from a `.env` does not: it never replaces an inherited
   * variable, as every dotenv tool has it.
   */
  readonly fromStore: boolean;
  /** Whether it is a dynamic one, which its store revokes unless its lease is renewed. */
  readonly leased?: boolean;
}

/** The secrets that a command takes. */
export interface Selection {
  readonly secrets: ReadonlyMap<string, ResolvedSecret>;
  /** Whether an earlier provider could not answer for them. */
  readonly degraded: boolean;
}

/**
 * The secrets that `only` names, or all, each with the provider that gave it, from one read.
 *
 * @param isInherited - whether what is started has a variable of this name already, which a `.env` does
 *   not replace
 * @throws `ERR_SECRET_CONFIG` naming what programs read differently; `ERR_SECRET_NOT_FOUND` or
 *   `ERR_SECRET_UNAVAILABLE` naming what is not there or could not be
 *   asked for; what a provider refused
 */
export async function resolveSelection(
  chain: CliChain,
  only: readonly string[] | undefined,
  isInherited: (name: string) => boolean = () => false,
): Promise<Selection> {
  return only === undefined ? everything(chain, isInherited) : named(chain, only, isInherited);
}

async function everything(
  { secrets, names, providers }: CliChain,
  isInherited: (name: string) => boolean,
): Promise<Selection> {
  const { entries, degraded } = await secrets.asProvider().read('all', unlimited());
  const resolved = new Map<string, ResolvedSecret>();
  for (const [name, record] of entries) {
    if (isSecretError(record)) throw record;
    resolved.set(name, resolvedFrom(record));
  }
  await assertOneReading(providers, takenOf(resolved, undefined, isInherited));
  const missing = names.filter((name) => !resolved.has(name));
  if (missing.length > 0) throw await missingError(secrets, missing);
  return { secrets: resolved, degraded: degraded !== undefined };
}

async function named(
  { secrets, providers }: CliChain,
  only: readonly string[],
  isInherited: (name: string) => boolean,
): Promise<Selection> {
  for (const name of only) assertIsSecretName(name);
  // where no provider can be asked this fails; the errors of the single names say more
  const batch = await secrets
    .asProvider()
    .read(only, unlimited())
    .catch(() => undefined);
  const resolved = new Map<string, ResolvedSecret>();
  for (const name of only) {
    const record = batch?.entries.get(name);
    if (record !== undefined && !isSecretError(record)) resolved.set(name, resolvedFrom(record));
  }
  await assertOneReading(providers, takenOf(resolved, new Set(only), isInherited));
  const missing = only.filter((name) => !resolved.has(name));
  if (missing.length > 0) throw await missingError(secrets, missing);
  return { secrets: resolved, degraded: batch?.degraded !== undefined };
}

/** A name counts for the provider that gave it; one that no provider gave, for each that reads it differently. */
function takenOf(
  resolved: Selection['secrets'],
  only: ReadonlySet<string> | undefined,
  isInherited: (name: string) => boolean,
): Taken {
  return {
    isHeld: (name) => resolved.has(name),
    isTaken(name, provider) {
      if (isInherited(name)) return false;
      const secret = resolved.get(name);
      return secret === undefined ? (only?.has(name) ?? true) : secret.provider === provider.name;
    },
  };
}

function resolvedFrom(record: SecretRecord): ResolvedSecret {
  const { value, provider = '', plainText = false, lease } = record;
  return { value, provider, fromStore: !plainText, ...(lease && { leased: true }) };
}

/** One error for all of these names, with those that were perhaps meant. */
async function missingError(secrets: Secrets, names: readonly string[]): Promise<unknown> {
  const { suggesting } = await import('../terminal/near-names.ts');
  return suggesting(secrets, names, oneError(await failuresOf(secrets, names)));
}

/** Why each of these names, which were not there when all were read, is not. */
async function failuresOf(secrets: Secrets, names: readonly string[]): Promise<readonly unknown[]> {
  const answers = await Promise.allSettled(names.map((name) => secrets.get(name)));
  return answers.map((answer, index) =>
    answer.status === 'rejected'
      ? answer.reason
      : new SecretError('ERR_SECRET_UNAVAILABLE', 'the store came back while it was read', {
          secretName: names[index],
          hint: 'Run it again.',
        }),
  );
}

/** One error for all: a refusal as it is; else one that lists the names that are missing, or could not be read. */
function oneError(failures: readonly unknown[]): unknown {
  const soft = ['ERR_SECRET_NOT_FOUND', 'ERR_SECRET_UNAVAILABLE'];
  const errors = failures.filter((failure) => isSecretError(failure));
  const refusal = failures.find(
    (failure) => !isSecretError(failure) || !soft.includes(failure.code),
  );
  if (refusal !== undefined || failures.length === 1) return refusal ?? failures[0];
  const names = listNames(errors.map(({ secretName = '' }) => secretName));
  const unavailable = errors.find(({ code }) => code === 'ERR_SECRET_UNAVAILABLE');
  if (unavailable === undefined)
    return new SecretError('ERR_SECRET_NOT_FOUND', `no provider holds ${names}`, {
      hint: 'Store each with `keyfall set NAME`.',
    });
  return new SecretError(
    'ERR_SECRET_UNAVAILABLE',
    `${names} could not be read: ${unavailable.reason}`,
    {
      hint: unavailable.hint,
      attempts: unavailable.attempts,
    },
  );
}
