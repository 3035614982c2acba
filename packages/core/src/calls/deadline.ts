/**
 * A timeout that counts down.
 */
import { type Clock, systemClock } from './clock.ts';

/**
 * How many of `timeout` milliseconds are left: a function that counts down from now, and stops at 0. What it returns
 * can be the `remainingTimeout` of a context.
 *
 * @param clock - where time comes from. For tests
 * @example
 * ```ts
 * import { deadlineIn } from '@keyfall/core/provider';
 *
 * const remainingTimeout = deadlineIn(2_500);
 * // … after a second of work
 * remainingTimeout(); // 1_500
 * ```
 */
export function deadlineIn(timeout: number, clock: Clock = systemClock): () => number {
  const end = clock.monotonic() + timeout;
  return () => Math.max(0, end - clock.monotonic());
}
