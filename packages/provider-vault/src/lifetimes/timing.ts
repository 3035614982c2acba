/**
 * When something is done about what lives for a while: time that counts by two clocks, how long to wait, and one
 * thing to do later.
 */
import type { Clock } from '@keyfall/core/provider';
import { longestTimer } from '../wire/time.ts';

/** A moment on both clocks. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

/**
 * Milliseconds left of `length` since `start`. The clock by which more time has gone counts: the
 * monotonic one stands still in some systems' sleep, and the wall clock may be set back. The server's
 * own `expire_time` is never compared with, since its clock is another one.
 */
export function leftOf(length: number, start: Moment, clock: Clock): number {
  if (length === Number.POSITIVE_INFINITY) return length;
  const now = momentOf(clock);
  const gone = Math.max(now.monotonic - start.monotonic, now.wall - start.wall, 0);
  return Math.max(0, length - gone);
}

/**
 * Milliseconds at the end of a life in which it is not worth renewing any more: 10 to 20 %, at random, so that a
 * fleet that started at once does not come at once.
 */
export function graceOf(life: number): number {
  return life * (0.1 + Math.random() * 0.1);
}

/** Milliseconds until what has `remaining` left should be renewed: two thirds, a little at random. */
export function renewalDelay(remaining: number, grace: number): number {
  return (remaining * 2 + Math.min(grace, remaining)) / 3;
}

/**
 * Milliseconds to the next attempt after `failures` in a row: 10 s doubled up to 5 min, half of it at
 * random, and never so long that it ends in the meantime.
 */
export function backOff(failures: number, remaining: number): number {
  const growing = Math.min(10_000 * 2 ** Math.min(failures - 1, 5), 300_000);
  return Math.max(1_000, Math.min(growing * (0.5 + Math.random()), remaining / 3));
}

/** One thing to do later. */
export interface Alarm {
  /** Does `work` in `delay` milliseconds instead of whatever was to be done. */
  set(delay: number, work: () => void): void;
  /** Does it now if its time has come, though the timer has not fired: timers are late after a sleep. */
  check(): void;
  cancel(): void;
}

/** An alarm that does not keep the process alive. */
export function alarmOf(clock: Clock): Alarm {
  let cancel = (): void => {};
  let pending: { readonly work: () => void; left(): number } | undefined;

  function arm(): void {
    if (!pending) return;
    // a clamped timer, or one that fired a little early, is set again
    cancel = clock.schedule(
      () => (isDue() ? fire() : arm()),
      Math.min(Math.max(1, Math.ceil(pending.left())), longestTimer),
      true,
    );
  }

  const isDue = (): boolean => pending?.left() === 0;

  function stop(): void {
    cancel();
    pending = undefined;
  }

  function fire(): void {
    const work = pending?.work;
    stop();
    work?.();
  }

  return {
    set(delay, work) {
      stop();
      const start = momentOf(clock);
      pending = { work, left: () => leftOf(delay, start, clock) };
      arm();
    },
    check: () => {
      if (isDue()) fire();
    },
    cancel: stop,
  };
}
