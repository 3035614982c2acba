/**
 * A call as a chain makes it, for tests that ask a provider themselves.
 */
import type { ReadContext } from '@keyfall/core/provider';

/**
 * The context that a chain hands to a provider. By default its signal does not fire, 20 s are left, and
 * warnings are dropped.
 *
 * @example
 * ```ts
 * import { memoryProvider } from '@keyfall/core';
 * import { callContext } from '@keyfall/testkit';
 *
 * const warnings: string[] = [];
 * const context = callContext({ warn: (message) => warnings.push(message) });
 * const { entries } = await memoryProvider({ TOKEN: 'value' }).read('all', context);
 * ```
 */
export function callContext(overrides: Partial<ReadContext> = {}): ReadContext {
  return {
    signal: new AbortController().signal,
    remainingTimeout: () => 20_000,
    warn: () => {},
    ...overrides,
  };
}
