/**
 * A provider asked directly, where a command means what the chain does not hand on: its checks, its
 * history. The chain's time limits and its manners hold here too.
 */
import { systemClock } from '@keyfall/core';
import { limitedCall, type ReadContext, type SecretProvider } from '@keyfall/core/provider';
import { notice } from '../terminal/terminal.ts';

/** How it is asked. */
export interface OneCallOptions {
  /** Print no warnings. Default: each goes to stderr, once. */
  readonly silent?: boolean;
  /** Milliseconds that it has, if its own limit is not longer: a call may take several requests. */
  readonly timeout?: number;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What `work` answers about the provider.
 *
 * @throws as `limitedCall` of core
 */
export function oneCall<Result>(
  provider: SecretProvider,
  work: (context: ReadContext) => Promise<Result>,
  { silent = false, timeout = 10_000, signal }: OneCallOptions = {},
): Promise<Result> {
  const warned = new Set<string>();
  return limitedCall(work, {
    clock: systemClock,
    timeout: Math.max(timeout, provider.timeout ?? 0),
    provider: provider.name,
    signal,
    warn(message) {
      if (!silent && !warned.has(message)) notice(`${provider.name}: ${message}`);
      warned.add(message);
    },
  });
}
