/**
 * Time, as the chain sees it. Injected, so that tests step it instead of sleeping.
 */

/** Where the core takes its time from. The default is the machine's own clocks and timers. */
export interface Clock {
  /** Milliseconds that never go back, as `performance.now()`. */
  monotonic(): number;
  /** Milliseconds since the epoch, as `Date.now()`. */
  wall(): number;
  /**
   * Calls `callback` once after `delay` milliseconds and returns what cancels it. Must not keep the
   * process alive when `background` is true.
   */
  schedule(callback: () => void, delay: number, background?: boolean): () => void;
}

/** Node's own, where there is one: for the first look at `performance` Node loads eight modules. */
const nanoseconds = globalThis.process?.hrtime?.bigint;

/** The machine's own clocks and timers. */
export const systemClock: Clock = {
  monotonic: nanoseconds ? () => Number(nanoseconds()) / 1e6 : () => performance.now(),
  wall: () => Date.now(),
  schedule(callback, delay, background = false) {
    const timer = setTimeout(callback, Math.min(delay, 2 ** 31 - 1));
    // Node, Bun and Deno's node types return an object; a browser's number has no unref
    if (background && typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
};
