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

/** `limitedCall` of the package (`for-strangers.ts`) without a look at its arguments. */
export async function limitedCall<Result>(
  work: (context: ReadContext) => Promise<Result>,
  { clock, timeout, signal: outer, provider, warn = () => {} }: CallBounds,
  /** Is given what ends the call. */
  onStart?: (end: (reason: SecretError) => void) => void,
): Promise<Result> {
  if (outer?.aborted) throw abortReason(outer, provider);
  const controller = new AbortController();
  const { signal } = controller;
  const remainingTimeout = deadlineIn(timeout, clock);
  let fail: (reason: SecretError) => void;
  const result = new Promise<Result>((resolve, reject) => {
    fail = reject;
    // called inside a promise, so that work that throws at once is caught as well
    Promise.resolve({ signal, remainingTimeout, warn }).then(work).then(resolve, reject);
  });
  const end = (reason: SecretError): void => {
    fail(reason);
    controller.abort(reason);
  };
  onStart?.(end);
  const leave = outer && onAbort(outer, () => end(abortReason(outer, provider)));
  const cancel = clock.schedule(() => end(timedOut(provider, timeout)), timeout);
  try {
    return await result;
  } catch (thrown) {
    throw await toSecretError(thrown, provider);
  } finally {
    cancel();
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
