/**
 * One piece of work under a time limit and a caller's signal. No caller waits past either, whether the
 * work honours its own signal or not.
 */

import { isSecretError, SecretError } from '../contract/secret-error.ts';
import type { ReadContext } from '../contract/secret-provider.ts';
import type { Clock } from './clock.ts';
import { deadlineIn } from './deadline.ts';
import { toSecretError } from './foreign-error.ts';
import { onAbort } from './on-abort.ts';

/** What bounds a {@link limitedCall}. */
export interface CallBounds {
  /** `systemClock`, or a test's. */
  readonly clock: Clock;
  /** Milliseconds that the call may take. */
  readonly timeout: number;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
  /** The provider that the work asks, for errors. */
  readonly provider: string;
  /** Receives what the user should know. Default: it is dropped. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** A piece of work under a time limit that is ended from outside. */
export interface EndableCall<Result> {
  /** What the work returns, or why it was ended. Rejects with a `SecretError`. */
  readonly result: Promise<Result>;
  /** Ends the call with `reason`, and fires the signal of the work. */
  end(reason: SecretError): void;
}

/** Starts `work`, which is ended by its time limit or by `end`. */
export function endableCall<Result>(
  work: (context: ReadContext) => Promise<Result>,
  { clock, timeout, provider, warn = () => {} }: CallBounds,
): EndableCall<Result> {
  const controller = new AbortController();
  let fail = (_reason: SecretError): void => {};
  const end = (reason: SecretError): void => {
    fail(reason);
    controller.abort(reason);
  };
  const { signal } = controller;
  const context = { signal, remainingTimeout: deadlineIn(timeout, clock), warn };
  const cancel = clock.schedule(() => end(timedOut(provider, timeout)), timeout);
  const bounded = async (): Promise<Result> => {
    try {
      return await new Promise<Result>((resolve, reject) => {
        fail = reject;
        // called inside a promise, so that work that throws at once is caught as well
        Promise.resolve(context).then(work).then(resolve, reject);
      });
    } catch (thrown) {
      throw await toSecretError(thrown, provider);
    } finally {
      cancel();
    }
  };
  return { result: bounded(), end };
}

/** `limitedCall` of the package (`for-strangers.ts`) without a look at its arguments. */
export async function limitedCall<Result>(
  work: (context: ReadContext) => Promise<Result>,
  bounds: CallBounds,
): Promise<Result> {
  const { signal, provider } = bounds;
  if (signal?.aborted) throw abortReason(signal, provider);
  const { result, end } = endableCall(work, bounds);
  const leave = signal && onAbort(signal, () => end(abortReason(signal, provider)));
  try {
    return await result;
  } finally {
    leave?.();
  }
}

/** The error of an aborted call; a foreign reason may hold anything and is not shown. */
export function abortReason(signal: AbortSignal, provider?: string): SecretError {
  if (isSecretError(signal.reason, 'ERR_SECRET_ABORTED')) return signal.reason;
  return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
}

/** The error of a call whose time is over. */
export function timedOut(provider: string, timeout: number): SecretError {
  const reason = `no answer within ${Math.round(timeout)} ms`;
  return new SecretError('ERR_SECRET_UNAVAILABLE', reason, { provider });
}
