/**
 * One piece of work under a time limit and a caller's signal. Nobody waits past either, whether the
 * work honours its own signal or not.
 */
import type { Clock } from './clock.ts';
import { toSecretError } from './foreign-error.ts';
import { onAbort } from './on-abort.ts';
import { isSecretError, SecretError } from './secret-error.ts';
import type { ReadContext } from './secret-provider.ts';

/** What bounds a {@link limitedCall}. */
export interface CallBounds {
  /** `systemClock`, or a test's. */
  readonly clock: Clock;
  /** Milliseconds. */
  readonly limit: number;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
  /** Whom the work asks, for the errors. */
  readonly provider: string;
  /** Is told what the user should know. Default: nobody. */
  readonly warn?: (message: string) => void;
}

/**
 * Runs `work`, which asks a provider or is one's own call of a store, inside its bounds: nobody waits
 * longer, whether it honours the signal that it is given or not. The chain does so with every call; this is
 * for who asks a provider without one.
 *
 * @returns what `work` returns
 * @throws `ERR_SECRET_UNAVAILABLE` when the time is over; the signal's reason if that is a
 *   `SecretError`, else `ERR_SECRET_ABORTED`, when it fires; what `work` threw, as a `SecretError`
 * @example
 * ```ts
 * import { limitedCall, memoryProvider, systemClock } from '@keyfall/core';
 *
 * const provider = memoryProvider({ TOKEN: 'value' });
 * const bounds = { clock: systemClock, limit: 2_500, provider: provider.name };
 * const { entries } = await limitedCall((context) => provider.read('all', context), bounds);
 * ```
 */
export async function limitedCall<Result>(
  work: (context: ReadContext) => Promise<Result>,
  { clock, limit, signal, provider, warn = () => {} }: CallBounds,
): Promise<Result> {
  if (signal?.aborted) throw abortReason(signal, provider);
  const controller = new AbortController();
  const deadline = clock.monotonic() + limit;
  const ended = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
  });
  const leave = signal && onAbort(signal, () => controller.abort(abortReason(signal, provider)));
  const cancel = clock.schedule(() => controller.abort(timedOut(provider, limit)), limit);
  const timeLeft = () => Math.max(0, deadline - clock.monotonic());
  try {
    // called inside a promise, so that work that throws at once is caught as well
    const result = Promise.resolve().then(() =>
      work({ signal: controller.signal, timeLeft, warn }),
    );
    return await Promise.race([result, ended]);
  } catch (thrown) {
    throw toSecretError(thrown, provider);
  } finally {
    cancel();
    leave?.();
  }
}

/** The error of a caller who aborted; a foreign reason may hold anything and is not shown. */
export function abortReason(signal: AbortSignal, provider?: string): SecretError {
  if (isSecretError(signal.reason, 'ERR_SECRET_ABORTED')) return signal.reason;
  return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
}

function timedOut(provider: string, limit: number): SecretError {
  const reason = `no answer within ${Math.round(limit)} ms`;
  return new SecretError('ERR_SECRET_UNAVAILABLE', reason, { provider });
}
