/**
 * Which secrets a command takes: all that the chain holds, or those that `--only` names, each of
 * which must be there.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { assertIsSecretName } from './bootstrap-settings.ts';
import type { CliChain } from './settings.ts';
import { listNames } from './terminal.ts';

/**
 * The values of the names in `only`, or all.
 *
 * @throws `ERR_SECRET_NOT_FOUND` or `ERR_SECRET_UNAVAILABLE` naming what is not there or could not be
 *   asked for; what a provider refused
 */
export async function resolveSelection(
  { secrets }: CliChain,
  only: readonly string[] | undefined,
): Promise<ReadonlyMap<string, string>> {
  if (only === undefined) return new Map(Object.entries(await secrets.getAll()));
  for (const name of only) assertIsSecretName(name);
  const answers = await Promise.allSettled(only.map((name) => secrets.get(name)));
  const failures: unknown[] = [];
  const values = new Map<string, string>();
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'rejected') failures.push(answer.reason);
    else values.set(only[index] ?? '', answer.value);
  }
  if (failures.length > 0) throw oneError(failures);
  return values;
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
