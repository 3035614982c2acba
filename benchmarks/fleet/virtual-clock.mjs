/**
 * Time that goes as fast as the work in it: a heap of timers, for 100,000 processes in one. All that is due within a
 * millisecond fires together, then whatever waits for a promise goes on. With the numbers of `seeded`, a run is the same
 * on every machine.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** A `Clock` of core that stands at 0, and is moved by `runUntil`. */
export function virtualClock(epoch = Date.UTC(2026, 0, 1)) {
  /** A binary heap by `due`, then by `order`. */
  const heap = [];
  let now = 0;
  let order = 0;

  const isBefore = (one, other) =>
    one.due < other.due || (one.due === other.due && one.order < other.order);

  function push(timer) {
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = timer;
  }

  function pop() {
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    monotonic: () => now,
    wall: () => epoch + now,
    schedule(callback, delay) {
      order += 1;
      const timer = { due: Math.ceil(now + Math.max(delay, 1)), order, callback };
      push(timer);
      return () => {
        timer.callback = undefined;
      };
    },
    /** Lets time pass until the moment `limit`, in milliseconds since the start. */
    async runUntil(limit) {
      await turn();
      while (heap.length > 0 && heap[0].due <= limit) {
        now = heap[0].due;
        let isIdle = true;
        while (heap.length > 0 && heap[0].due <= now) {
          const { callback } = pop();
          if (callback === undefined) continue;
          isIdle = false;
          callback();
        }
        if (!isIdle) await turn();
      }
      now = limit;
    },
  };
}

/** Random numbers by a seed, in place of `Math.random`: mulberry32, which is in the public domain. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
