/**
 * Secrets Manager calls nobody back: what changed shows in the facts that it tells without values.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isSecretError } from '@keyfall/core';
import type { CallBounds } from './secrets-manager-calls.ts';

/** Milliseconds that a look may take of a store that is polled faster still. */
const shortestLimit = 2_500;

/**
 * Calls `onChange` whenever `look` answers something else than before, until the signal fires. A look
 * that fails because the store cannot be asked is left out: who reads learns of that.
 *
 * @throws what `look` throws besides: a policy that forbids it will not change by itself
 */
export async function pollForChanges(
  onChange: () => void,
  signal: AbortSignal,
  interval: number,
  look: (bounds: CallBounds) => Promise<string>,
): Promise<void> {
  let before: string | undefined;
  while (!signal.aborted) {
    const over = AbortSignal.timeout(Math.max(interval, shortestLimit));
    try {
      // a store that has gone silent must not silence the watch
      const now = await look({ signal: AbortSignal.any([signal, over]) });
      if (before !== undefined && now !== before) onChange();
      before = now;
    } catch (error) {
      if (signal.aborted) return;
      if (!over.aborted && !isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
    }
    // jitter, so that a fleet does not look at once; unref'd, since nobody's program waits for it
    const pause = interval * (1 - Math.random() / 10);
    await wait(pause, undefined, { signal, ref: false }).catch(() => {});
  }
}
