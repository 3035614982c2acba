/**
 * Time that a test steps by hand, so that no test sleeps and none depends on the machine's speed.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@keyfall/core';

/** A {@link Clock} that stands still until it is moved. */
export interface ManualClock extends Clock {
  /**
   * Time passes: both clocks go on by `milliseconds`, and timers fire in order, each at its own
   * moment. Between them whatever waits for a promise goes on, so that timers which that sets are
   * seen too.
   */
  advance(milliseconds: number): Promise<void>;
  /** Somebody sets the machine's clock: the wall clock jumps, running time does not, no timer fires. */
  setWall(milliseconds: number): void;
  /**
   * The machine sleeps and wakes up: the clocks jump at once, and the timers that came due fire
   * late, all at the moment of waking. `monotonic: false` is a system whose running time stands
   * still in sleep (Linux), so that only the wall clock jumps and timers fire later still.
   */
  suspend(milliseconds: number, options?: { readonly monotonic?: boolean }): Promise<void>;
  /** How many timers are set, those in the background included. */
  readonly timers: number;
  /** How many of them keep a process alive. */
  readonly foregroundTimers: number;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
  readonly background: boolean;
}

/**
 * A clock that stands at `monotonic` 0 and at `wall`.
 *
 * @param wall - milliseconds since the epoch. Default: 2026-01-01T00:00:00Z
 * @example
 * ```ts
 * import { createSecrets, memoryProvider } from '@keyfall/core';
 * import { manualClock } from '@keyfall/testkit';
 *
 * const clock = manualClock();
 * const secrets = createSecrets({ providers: [memoryProvider({ A: '1' })], ttl: '5m', clock });
 * await secrets.get('A');
 * await clock.advance(5 * 60_000); // the answer is not fresh any more
 * ```
 */
export function manualClock(wall: number = Date.UTC(2026, 0, 1)): ManualClock {
  let now = 0;
  let epoch = wall;
  const timers = new Set<Timer>();

  const nextDue = (limit: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers)
      if (timer.due <= limit && (next === undefined || timer.due < next.due)) next = timer;
    return next;
  };

  const move = (to: number): void => {
    epoch += to - now;
    now = to;
  };

  /** Fires what is due until `limit`; `late`: without going through the moments in between. */
  async function fireUntil(limit: number, late: boolean): Promise<void> {
    if (late) move(limit);
    for (;;) {
      await turn();
      const timer = nextDue(limit);
      if (timer === undefined) break;
      if (!late) move(Math.max(now, timer.due));
      timers.delete(timer);
      timer.callback();
    }
    move(limit);
    await turn();
  }

  return {
    monotonic: () => now,
    wall: () => epoch,
    schedule(callback, delay, background = false) {
      // as setTimeout: a delay below 1 ms or above 2^31-1 ms counts as 1 ms
      const due = now + (delay >= 1 && delay <= 2_147_483_647 ? delay : 1);
      const timer: Timer = { due, callback, background };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (milliseconds) => fireUntil(now + milliseconds, false),
    setWall(milliseconds) {
      epoch = milliseconds;
    },
    async suspend(milliseconds, { monotonic = true } = {}) {
      if (monotonic) return fireUntil(now + milliseconds, true);
      epoch += milliseconds;
      await turn();
    },
    get timers() {
      return timers.size;
    },
    get foregroundTimers() {
      return [...timers].filter(({ background }) => !background).length;
    },
  };
}
