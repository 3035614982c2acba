/**
 * A provider asked directly, where a command means what the chain does not hand on: its checks, its
 * history. The chain's time limits and its manners hold here too.
 */
import {
  isSecretError,
  type ReadContext,
  SecretError,
  type SecretProvider,
  systemClock,
} from '@keyfall/core';
import { errnoCode } from './report-error.ts';
import { notice } from './terminal.ts';

/** How it is asked. */
export interface OneCallOptions {
  /** Keep the provider's warnings back. Default: each is told once, on stderr. */
  readonly silent?: boolean;
  /** Milliseconds that it has, if its own limit is not longer: a call may take several requests. */
  readonly patience?: number;
}

/**
 * What `work` answers about the provider.
 *
 * @throws `ERR_SECRET_UNAVAILABLE` if it does not answer in time; the `SecretError` that `work` throws;
 *   in place of anything else, whose text may hold a value, one that says its kind
 */
export async function oneCall<Result>(
  provider: SecretProvider,
  work: (context: ReadContext) => Promise<Result>,
  { silent = false, patience = 10_000 }: OneCallOptions = {},
): Promise<Result> {
  const limit = Math.max(patience, provider.timeout ?? 0);
  const end = systemClock.monotonic() + limit;
  const controller = new AbortController();
  const told = new Set<string>();
  const context: ReadContext = {
    signal: controller.signal,
    timeLeft: () => Math.max(0, end - systemClock.monotonic()),
    warn(message) {
      if (!silent && !told.has(message)) notice(`${provider.name}: ${message}`);
      told.add(message);
    },
  };
  // a timer that keeps the process alive, for a provider that waits for nothing
  let cancel = (): void => {};
  const expired = new Promise<never>((_, reject) => {
    cancel = systemClock.schedule(() => {
      reject(
        new SecretError('ERR_SECRET_UNAVAILABLE', `${provider.name} did not answer in time`, {
          provider: provider.name,
        }),
      );
      controller.abort();
    }, limit);
  });
  try {
    return await Promise.race([work(context), expired]);
  } catch (error) {
    if (isSecretError(error)) throw error;
    const kind = errnoCode(error) ?? (error instanceof Error ? error.constructor.name : 'no Error');
    throw new SecretError('ERR_SECRET_INVALID', `${provider.name} failed with ${kind}`, {
      provider: provider.name,
    });
  } finally {
    cancel();
  }
}
