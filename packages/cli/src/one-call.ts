/**
 * A provider asked directly, where a command means what the chain does not hand on: its checks, its
 * history. The chain's time limits and its manners hold here too.
 */
import { isSecretError, type ReadContext, SecretError, type SecretProvider } from '@keyfall/core';
import { errnoCode } from './report-error.ts';
import { notice } from './terminal.ts';

/** Whether the provider's warnings are told on stderr, each once. */
export interface OneCallOptions {
  readonly silent?: boolean;
}

/** Milliseconds that a provider has for one such call, which may take several requests. */
const patience = 10_000;

/**
 * What `work` answers about the provider.
 *
 * @throws `ERR_SECRET_UNAVAILABLE` if it does not answer in time; the `SecretError` that `work` throws;
 *   in place of anything else, whose text may hold a value, one that says its kind
 */
export async function oneCall<Result>(
  provider: SecretProvider,
  work: (context: ReadContext) => Promise<Result>,
  { silent = false }: OneCallOptions = {},
): Promise<Result> {
  const limit = Math.max(patience, provider.timeout ?? 0);
  const end = performance.now() + limit;
  const signal = AbortSignal.timeout(limit);
  const told = new Set<string>();
  const context: ReadContext = {
    signal,
    timeLeft: () => Math.max(0, end - performance.now()),
    warn(message) {
      if (!silent && !told.has(message)) notice(`${provider.name}: ${message}`);
      told.add(message);
    },
  };
  try {
    return await Promise.race([work(context), expiry(signal)]);
  } catch (error) {
    if (signal.aborted) throw late(provider);
    if (isSecretError(error)) throw error;
    const kind = errnoCode(error) ?? (error instanceof Error ? error.constructor.name : 'no Error');
    throw new SecretError('ERR_SECRET_INVALID', `failed with ${kind}`, {
      provider: provider.name,
    });
  }
}

function expiry(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function late({ name }: SecretProvider): SecretError {
  return new SecretError('ERR_SECRET_UNAVAILABLE', `${name} did not answer in time`, {
    provider: name,
  });
}
