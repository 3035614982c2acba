/**
 * Functions that core uses itself and others may call as well, perhaps without types: a file of its own, so that a
 * program that only uses a chain does not load the checks.
 */
import { assertKind, wrongArgument } from './arguments/arguments.ts';
import { assertOptions, type OptionKinds } from './arguments/assert-options.ts';
import { type Duration, toMilliseconds as milliseconds } from './calls/duration.ts';
import { type CallBounds, limitedCall as limited } from './calls/limited-call.ts';
import type { ReadContext } from './contract/secret-provider.ts';
import { labelOf as label } from './words/label.ts';
import { nearNames as near } from './words/near-names.ts';

const boundKinds: OptionKinds<CallBounds> = {
  clock: 'a clock',
  timeout: 'anything',
  signal: 'an AbortSignal',
  provider: 'text',
  warn: 'a function',
};

/**
 * Runs `work`, which asks a provider or a store, within its limits: no caller waits longer, whether the work honours
 * its signal or not. The chain does so with every call; this is for asking a provider without a chain.
 *
 * @returns what `work` returns
 * @throws `ERR_SECRET_UNAVAILABLE` when the time is over; the signal's reason if that is a
 *   `SecretError`, else `ERR_SECRET_ABORTED`, when it fires; what `work` threw, as a `SecretError` (`ERR_SECRET_PROVIDER` where it is none);
 *   `ERR_SECRET_CONFIG` for wrong arguments
 * @example
 * ```ts
 * import { memoryProvider, systemClock } from '@keyfall/core';
 * import { limitedCall } from '@keyfall/core/provider';
 *
 * const provider = memoryProvider({ TOKEN: 'value' });
 * const bounds = { clock: systemClock, timeout: 2_500, provider: provider.name };
 * const { entries } = await limitedCall((context) => provider.read('all', context), bounds);
 * ```
 */
export async function limitedCall<Result>(
  work: (context: ReadContext) => Promise<Result>,
  bounds: CallBounds,
): Promise<Result> {
  assertKind(work, 'a function', 'limitedCall: the work');
  assertOptions(bounds, 'limitedCall', boundKinds);
  const { clock, timeout } = bounds;
  assertKind(clock, 'a clock', 'limitedCall: the option clock', 'clock');
  if (typeof timeout !== 'number' || Number.isNaN(timeout))
    throw wrongArgument('limitedCall: the option timeout', 'a number of milliseconds', 'timeout');
  return limited(work, bounds);
}

/**
 * What a provider is called in a message: its name, with where its secrets are.
 *
 * @throws `ERR_SECRET_CONFIG` for anything but text
 */
export function labelOf(name: string, store: string): string {
  assertKind(name, 'text', 'labelOf: the name');
  assertKind(store, 'text', 'labelOf: the store');
  return label(name, store);
}

/**
 * Up to three of `candidates` that are `name` but for case, `-` for `_`, or a typing error or two (one
 * in a short name), nearest first. `name` itself is never among them.
 *
 * @throws `ERR_SECRET_CONFIG` for anything but text
 * @example
 * ```ts
 * import { nearNames } from '@keyfall/core/provider';
 *
 * nearNames('TOKN', ['DB_PASS', 'TOKEN']); // ['TOKEN']
 * ```
 */
export function nearNames(name: string, candidates: readonly string[]): readonly string[] {
  assertKind(name, 'text', 'nearNames: the name');
  assertKind(candidates, 'a list of texts', 'nearNames: the candidates');
  return near(name, candidates);
}

/**
 * Milliseconds of a {@link Duration}.
 *
 * @param duration - what the user gave
 * @param option - the option's name, for the error
 * @throws `ERR_SECRET_CONFIG` naming the option, for anything that is not a finite length >= 0
 */
export function toMilliseconds(duration: Duration, option: string): number {
  assertKind(option, 'text', 'toMilliseconds: the option');
  return milliseconds(duration, option);
}
