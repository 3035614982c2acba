/**
 * What became of a write whose answer was lost, was another server's, or came too late. A document that
 * still is as it was proves nothing: the request may wait in a server that is frozen, or in one that is
 * about to lead. What proves something is the version that the write would have made. Once that is there it
 * is ours or another writer's, for good; and where the write names the version that it is made from, it can
 * be sent again until that is so, since it takes effect once at the most.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isSecretError, type ReadContext } from '@keyfall/core/provider';

/** What a look at the version that the write would have made finds. */
export type Look<Found> =
  | { readonly kind: 'ours'; readonly found: Found }
  /**
   * `theirs`: it is there, and has another content. `gone`: there was one that cannot be read any more.
   * `none`: there is none, as far as the node knows that answered; without versions: it is not ours.
   */
  | { readonly kind: 'theirs' | 'gone' | 'none'; readonly found?: undefined };

/** How a write can be settled. Both may throw; what they throw says nothing about the write. */
export interface Settling<Found> {
  look(context: ReadContext): Promise<Look<Found>>;
  /**
   * Sends the same write again. Left out where it could take effect twice, or over another's.
   *
   * @returns what it made; `conflict`: its version is there by now; `undefined`: its answer was lost, too
   */
  again?(context: ReadContext): Promise<Found | 'conflict' | undefined>;
}

/** How often a version is looked for that must be there: where there is none by then, it is no longer kept. */
const mostLooks = 4;

/** Waits so many milliseconds. Rejects when the signal fires. */
export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

const realPause: Pause = (milliseconds, signal) => wait(milliseconds, undefined, { signal });

/**
 * @param pause - for tests
 * @returns what the write made; `overtaken` if it cannot have been carried out and never will be, since
 *   another writer's version is in its place; `unknown` if the time is over, or it can never be known. Does not
 *   reject: an abort is `unknown` as well
 */
export async function settleWrite<Found extends object>(
  { look, again }: Settling<Found>,
  context: ReadContext,
  pause: Pause = realPause,
): Promise<Found | 'overtaken' | 'unknown'> {
  let looksAfterConflict = 0;
  let conflict = false;
  for (let round = 0; ; round += 1) {
    const seen = await unlessRefused(() => look(context));
    if (seen === 'refused') return 'unknown';
    if (seen !== 'later') {
      if (seen.kind === 'ours') return seen.found;
      if (seen.kind === 'gone') return 'unknown';
      if (seen.kind === 'theirs') return 'overtaken';
      if (conflict) looksAfterConflict += 1;
      else if (again) {
        const sent = await unlessRefused(() => again(context));
        if (typeof sent === 'object') return sent;
        if (sent === 'refused') return 'unknown';
        conflict = sent === 'conflict';
        // it is there now: to be looked at without a pause
        if (conflict) continue;
      }
    }
    const delay = Math.min(50 * 2 ** round, 500) * (1 + Math.random() / 2);
    if (looksAfterConflict >= mostLooks || delay >= context.remainingTimeout()) return 'unknown';
    try {
      await pause(delay, context.signal);
    } catch {
      return 'unknown';
    }
  }
}

/** `later`: asking again may help. `refused`: it will not. */
async function unlessRefused<Answer>(
  ask: () => Promise<Answer>,
): Promise<Answer | 'refused' | 'later'> {
  try {
    return await ask();
  } catch (error) {
    return isSecretError(error, 'ERR_SECRET_UNAVAILABLE') ? 'later' : 'refused';
  }
}
