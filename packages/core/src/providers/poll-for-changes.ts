/**
 * `watch` for a store that calls nobody back: it is looked at from time to time, by something cheaper
 * than a read. For providers; the chain uses none of it.
 */
import {
  assertFunction,
  assertObject,
  assertSignal,
  wrongArgument,
} from '../arguments/arguments.ts';
import { type Clock, systemClock } from '../calls/clock.ts';
import { limitedCall } from '../calls/limited-call.ts';
import { onAbort } from '../calls/on-abort.ts';
import { isSecretError } from '../contract/secret-error.ts';
import type { ReadContext } from '../contract/secret-provider.ts';

/** Milliseconds that a look may take where the interval is shorter still. */
const shortestTimeout = 2_500;

/** Options of {@link pollForChanges}. */
export interface PollOptions {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** Milliseconds between two looks, less up to a tenth, so that a fleet does not look at once. */
  readonly interval: number;
  /** Where time comes from. For tests. */
  readonly clock?: Clock;
}

/**
 * Calls `onChange` whenever `look` answers something else than before (`!==`), until `signal` fires. A
 * look that takes longer than the interval (2.5 s at the least) is given up, and one that fails is left
 * out: who reads learns of that, and credentials that have expired are renewed. Keeps no program alive
 * while it waits.
 *
 * @throws what `look` throws before its first answer, `ERR_SECRET_UNAVAILABLE` aside: a policy that forbids
 *   it will not change by itself
 * @example
 * ```ts
 * import { pollForChanges, type ReadContext, type SecretProvider } from '@keyfall/core/provider';
 *
 * export function watchable(
 *   provider: SecretProvider,
 *   version: (context: ReadContext) => Promise<string>,
 * ): SecretProvider {
 *   const poll = { provider: provider.name, interval: 60_000 };
 *   return {
 *     ...provider,
 *     watch: (onChange, signal) => pollForChanges(version, onChange, signal, poll),
 *   };
 * }
 * ```
 */
export async function pollForChanges(
  look: (context: ReadContext) => Promise<unknown>,
  onChange: () => void,
  signal: AbortSignal,
  options: PollOptions,
): Promise<void> {
  assertFunction(look, 'pollForChanges: the look');
  assertFunction(onChange, 'pollForChanges: the listener');
  assertSignal(signal, 'pollForChanges: the signal');
  assertObject(options, 'pollForChanges: the options');
  const { provider, interval, clock = systemClock } = options;
  if (!(interval > 0)) throw wrongArgument('pollForChanges: the option interval', 'milliseconds');
  const bounds = { clock, timeout: Math.max(interval, shortestTimeout), signal, provider };
  let known = false;
  let before: unknown;
  while (!signal.aborted) {
    try {
      const now = await limitedCall(look, bounds);
      if (known && now !== before) onChange();
      known = true;
      before = now;
    } catch (error) {
      if (signal.aborted) return;
      if (!known && !isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
    }
    await pause(interval * (1 - Math.random() / 10), signal, clock);
  }
}

function pause(delay: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    // a look may have been answered after the signal fired
    if (signal.aborted) return resolve();
    const over = () => {
      leave();
      cancel();
      resolve();
    };
    const leave = onAbort(signal, over);
    const cancel = clock.schedule(over, delay, true);
  });
}
