/**
 * Which secrets a command takes: all that the chain holds, or those that `--only` names, each of
 * which must be there.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { assertIsSecretName } from './bootstrap-settings.ts';
import type { ResolvedSecret } from './child-environment.ts';
import type { CliChain } from './cli-chain.ts';
import { listNames } from './terminal.ts';

/** The secrets that a command takes. */
export interface Selection {
  readonly secrets: ReadonlyMap<string, ResolvedSecret>;
  /** Whether an earlier provider could not answer for them. */
  readonly degraded: boolean;
}

/**
 * The secrets that `only` names, or all; each with who gave it, of one and the same answer.
 *
 * @throws `ERR_SECRET_NOT_FOUND` or `ERR_SECRET_UNAVAILABLE` naming what is not there or could not be
 *   asked for; what a provider refused
 */
export async function resolveSelection(
  chain: CliChain,
  only: readonly string[] | undefined,
): Promise<Selection> {
  return only === undefined ? everything(chain) : named(chain, only);
}

async function everything({ secrets, isStore }: CliChain): Promise<Selection> {
  const { entries, degraded } = await secrets.read('all', {
    signal: new AbortController().signal,
    timeLeft: () => Number.POSITIVE_INFINITY,
    warn: () => {}, // the chain tells its warnings by itself
  });
  const resolved = new Map<string, ResolvedSecret>();
  for (const [name, record] of entries) {
    if (isSecretError(record)) throw record;
    const { value, provider = '' } = record;
    resolved.set(name, { value, provider, fromStore: isStore(provider) });
  }
  return { secrets: resolved, degraded: degraded !== undefined };
}

async function named({ secrets, isStore }: CliChain, only: readonly string[]): Promise<Selection> {
  for (const name of only) assertIsSecretName(name);
  const answers = await Promise.allSettled(
    // asked side by side, so that both wait for the same reads
    only.map((name) => Promise.all([secrets.get(name), secrets.explain(name)])),
  );
  const failures: unknown[] = [];
  const resolved = new Map<string, ResolvedSecret>();
  let degraded = false;
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'rejected') {
      failures.push(answer.reason);
      continue;
    }
    const [value, { provider = '', degraded: why }] = answer.value;
    resolved.set(only[index] ?? '', { value, provider, fromStore: isStore(provider) });
    degraded ||= why !== undefined;
  }
  if (failures.length > 0) throw oneError(failures);
  return { secrets: resolved, degraded };
}

/** One error for all: a refusal as it is; else every name that is missing, or that nobody knows of. */
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
