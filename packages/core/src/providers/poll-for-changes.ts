/**
 * `watch` for a store that sends no notice of a change: it is polled, by something cheaper than a read. For providers; the
 * chain does not use it.
 */
import { assertKind, wrongArgument } from '../arguments/arguments.ts';
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { type Clock, systemClock } from '../calls/clock.ts';
import { limitedCall } from '../calls/limited-call.ts';
import { onAbort } from '../calls/on-abort.ts';
import { isSecretError } from '../contract/secret-error.ts';
import type { ReadContext } from '../contract/secret-provider.ts';

/** Milliseconds that a look may take at least, even with a shorter interval. */
const shortestTimeout = 2_500;

/** Options of {@link pollForChanges}. */
export interface PollOptions {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** Milliseconds between two looks; less at random after the first one, so that a fleet does not look at once. */
  readonly interval: number;
  /** Where time comes from. For tests. */
  readonly clock?: Clock | undefined;
}

const optionKinds: OptionKinds<PollOptions> = {
  provider: 'text',
  interval: 'anything',
  clock: 'a clock',
};

/**
 * Calls `onChange` whenever `look` returns something else than before (`!==`), until `signal` fires. A look that takes
 * longer than the interval (at least 2.5 s) is given up. A failed look is ignored: readers notice the failure anyway, and
 * expired credentials get renewed. Waiting does not keep the process alive.
 *
 * @throws what `look` throws before its first answer, except `ERR_SECRET_UNAVAILABLE`: a policy that forbids it will not
 *   change by itself
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
  assertKind(look, 'a function', 'pollForChanges: the look');
  assertKind(onChange, 'a function', 'pollForChanges: the listener');
  assertKind(signal, 'an AbortSignal', 'pollForChanges: the signal');
  assertOptions(options, 'pollForChanges', optionKinds);
  const { provider, interval, clock = systemClock } = options;
  if (!(interval > 0)) throw wrongArgument('pollForChanges: the option interval', 'milliseconds');
  const bounds = { clock, timeout: Math.max(interval, shortestTimeout), signal, provider };
  let known = false;
  let before: unknown;
  let share = Math.random();
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
    await pause(interval * share, signal, clock);
    share = 1;
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
