/**
 * Waiting on a machine that may be busy with other things: while this process gets no turn, none of its patience goes
 * by, so that a limit says of a process that it hangs, and not that it has had no turn either.
 */
import { setTimeout as wait } from 'node:timers/promises';

/** Milliseconds between two looks. */
const tick = 100;

/**
 * Waits until `condition` holds, for `patience` milliseconds of turns at the most.
 *
 * @returns whether it holds
 */
export async function until(condition: () => boolean, patience: number): Promise<boolean> {
  for (let waited = 0; waited < patience && !condition(); waited += tick) await wait(tick);
  return condition();
}
