/**
 * `Secrets.watch`: the changes of the chain's answers, one after another.
 */
import { assertKind } from '../arguments/arguments.ts';
import { onAbort } from '../calls/on-abort.ts';
import type { Resolution } from './chain.ts';
import type { SecretChange } from './secrets.ts';
import type { Watching } from './watching.ts';

/**
 * As `Secrets.watch`.
 *
 * @param resolve - asks the chain; rejects if it is closed, the name is none, or the signal fires
 * @param stop - ends it from outside, and so does `signal`
 */
export async function* changesOf(
  watching: Watching,
  resolve: (name: string, signal?: AbortSignal) => Promise<Resolution>,
  given: string | readonly string[],
  stop: AbortController,
  signal: AbortSignal | undefined,
): AsyncGenerator<SecretChange, void, undefined> {
  const names = typeof given === 'string' ? [given] : given;
  assertKind(names, 'a list of texts', 'watch: the names');
  if (names.length === 0 || signal?.aborted) return;
  const ignore = signal && onAbort(signal, () => stop.abort());
  // one place for each name that has not been taken yet: a slow consumer loses no state and piles nothing up
  const pending = new Map<string, SecretChange>();
  const last = new Map<string, Resolution>();
  let wake = () => {};
  let over = false;

  const look = async (name: string, signal?: AbortSignal): Promise<number> => {
    const now = await resolve(name, signal);
    const before = last.get(name);
    // a failing store changes nothing: the last answer stays until a new one is read
    if (now.kind !== 'failed' || !before) last.set(name, now);
    const change = before && now.kind !== 'failed' ? changeOf(name, before, now) : undefined;
    if (change) {
      const { versionBefore } = pending.get(name) ?? change;
      pending.set(name, { ...change, ...(versionBefore !== undefined && { versionBefore }) });
      wake();
    }
    const kept = last.get(name) as Resolution;
    return kept.kind === 'found'
      ? watching.timeLeftOf(kept.record, kept.age, kept === now ? kept.freshFor : 0)
      : Number.POSITIVE_INFINITY;
  };
  const lookAtAll = async (signal?: AbortSignal) =>
    Math.min(...(await Promise.all(names.map((name) => look(name, signal)))));

  const end = () => {
    over = true;
    wake();
  };

  try {
    await lookAtAll(stop.signal);
    watching.follow(() => lookAtAll(), stop.signal, end);
    for (;;) {
      const [change] = pending.values();
      if (over) return;
      if (change) {
        pending.delete(change.name);
        yield change;
      } else {
        await new Promise<void>((resolve) => {
          const rest = watching.keepAlive();
          wake = () => {
            rest();
            resolve();
          };
        });
      }
    }
  } catch (error) {
    // who ends it, ends it as quietly before its first answer as after it
    if (!stop.signal.aborted) throw error;
  } finally {
    ignore?.();
    stop.abort();
  }
}

function changeOf(name: string, before: Resolution, now: Resolution): SecretChange | undefined {
  const old = before.kind === 'found' ? before.record : undefined;
  const record = now.kind === 'found' ? now.record : undefined;
  if (old?.value === record?.value) return undefined;
  return {
    name,
    ...(now.kind === 'found' && { provider: now.cached.provider.name }),
    ...(old?.version !== undefined && { versionBefore: old.version }),
    ...(record?.version !== undefined && { versionAfter: record.version }),
  };
}
