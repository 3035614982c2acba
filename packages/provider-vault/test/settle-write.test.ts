// What became of a write: whatever the server, its stale nodes and other writers do, what is said is true.

import { SecretError } from '@keyfall/core';
import type { ReadContext } from '@keyfall/core/provider';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type Look, type Pause, type Settling, settleWrite } from '../src/kv/settle-write.ts';

/** The time that passes in pauses alone, and what happens in each of them. */
let now = 0;
let inPause = () => {};
/** Not by a mock of node:timers: the files of this package share their modules. */
const pause: Pause = async (milliseconds, signal) => {
  now += milliseconds;
  inPause();
  signal.throwIfAborted();
};
const settle = <Found extends object>(settling: Settling<Found>, context: ReadContext) =>
  settleWrite(settling, context, pause);
beforeEach(() => {
  now = 0;
  inPause = () => {};
});

const ours = { version: 'ours' };
type Found = typeof ours;
const unavailable = new SecretError('ERR_SECRET_UNAVAILABLE', 'no answer');
const bounds = (limit = 10_000, signal = new AbortController().signal): ReadContext => ({
  signal,
  remainingTimeout: () => Math.max(0, limit - now),
  warn: () => {},
});

describe('in any order of what may happen', () => {
  const step = fc.record({
    /** Before the look: what comes to the server meanwhile. */
    comes: fc.constantFrom('nothing', 'nothing', 'our write', 'another write', 'two other writes'),
    look: fc.constantFrom('now', 'now', 'as it was', 'lost', 'gone'),
    again: fc.constantFrom('answered', 'answered', 'lost', 'lost on the way', 'away'),
  });

  async function settled(
    steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
    isConditional: boolean,
    limit: number,
  ) {
    const made: ('ours' | 'theirs')[] = [];
    let round = -1;
    let calls = 0;
    // ours names the version that it is made from: it takes effect as the first or not at all
    const arrive = (who: 'ours' | 'theirs') => {
      if (who === 'theirs' || made.length === 0) made.push(who);
      return made[0] === 'ours';
    };
    const at = () => steps[round];
    const settling: Settling<Found> = {
      async look() {
        round += 1;
        calls += 1;
        const before = made[0];
        const comes = at()?.comes ?? 'nothing';
        if (comes === 'our write') arrive('ours');
        if (comes === 'another write') arrive('theirs');
        if (comes === 'two other writes')
          for (const who of ['theirs', 'theirs'] as const) arrive(who);
        const how = at()?.look ?? 'now';
        if (how === 'lost') throw unavailable;
        const seen = how === 'as it was' ? before : made[0];
        if (seen === undefined) return { kind: 'none' };
        // a version that was deleted, or that is kept no more
        if (how === 'gone') return { kind: 'gone' };
        return seen === 'ours' ? { kind: 'ours', found: ours } : { kind: 'theirs' };
      },
      ...(isConditional && {
        async again() {
          calls += 1;
          const how = at()?.again ?? 'answered';
          if (how === 'away') throw unavailable;
          if (how === 'lost on the way') return undefined;
          if (made.length > 0) return how === 'lost' ? undefined : 'conflict';
          arrive('ours');
          return how === 'lost' ? undefined : ours;
        },
      }),
    };
    const result = await settle(settling, bounds(limit));
    return { result, made, calls, rounds: round + 1 };
  }

  test('what is said of it is true, for good, and is said in time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.boolean(),
        fc.constantFrom(0, 60, 1_000, 20_000),
        async (steps, isConditional, limit) => {
          now = 0;
          const { result, made, calls, rounds } = await settled(steps, isConditional, limit);
          if (typeof result === 'object') expect(made[0]).toBe('ours');
          if (result === 'overtaken') expect(made[0]).toBe('theirs');
          expect(made.filter((who) => who === 'ours').length).toBeLessThanOrEqual(1);
          expect(now).toBeLessThanOrEqual(limit);
          expect(calls).toBeLessThanOrEqual(2 * rounds);
          // with a server that answers in the end there is no doubt left
          const isGone = steps.slice(0, rounds).some(({ look }) => look === 'gone');
          if (isConditional && limit === 20_000 && !isGone) expect(result).not.toBe('unknown');
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('one by one', () => {
  const looking = (...looks: (Look<Found> | Error)[]) =>
    vi.fn(async (): Promise<Look<Found>> => {
      const next = looks.length > 1 ? looks.shift() : looks[0];
      if (next instanceof Error) throw next;
      return next ?? { kind: 'none' };
    });
  const none: Look<Found> = { kind: 'none' };

  test.each<[string, Look<Found>, Found | 'overtaken' | 'unknown']>([
    ['its version is ours', { kind: 'ours', found: ours }, ours],
    ["its version is another writer's", { kind: 'theirs' }, 'overtaken'],
    ['its version is gone', { kind: 'gone' }, 'unknown'],
  ])('%s: one look, and nothing is sent', async (_, seen, expected) => {
    const look = looking(seen);
    const again = vi.fn();
    expect(await settle({ look, again }, bounds())).toBe(expected);
    expect([look.mock.calls.length, again.mock.calls.length, now]).toEqual([1, 0, 0]);
  });

  test('a store that refuses the look, or the write, is not asked again', async () => {
    for (const error of [
      new SecretError('ERR_SECRET_DENIED', 'it may not'),
      new SecretError('ERR_SECRET_ABORTED', 'it was aborted'),
      new TypeError('a defect'),
    ]) {
      const look = looking(error);
      const again = vi.fn(() => Promise.reject(error));
      expect(await settle({ look, again }, bounds())).toBe('unknown');
      expect([look.mock.calls.length, again.mock.calls.length]).toEqual([1, 0]);
      expect(await settle({ look: looking(none), again }, bounds())).toBe('unknown');
      expect(again).toHaveBeenCalledTimes(1);
    }
    expect(now).toBe(0);
  });

  test('sent again, what is in its place is looked at without a pause, and four times at the most', async () => {
    const look = looking(none);
    const again = vi.fn(async () => 'conflict' as const);
    expect(await settle({ look, again }, bounds(1_000_000))).toBe('unknown');
    expect(again).toHaveBeenCalledTimes(1);
    expect(look).toHaveBeenCalledTimes(5);
    const seen = looking(none, { kind: 'theirs' });
    now = 0;
    expect(await settle({ look: seen, again }, bounds())).toBe('overtaken');
    expect(now).toBe(0);
  });

  test('where it could take effect twice it is looked for as long as there is time', async () => {
    const look = looking(none);
    expect(await settle({ look }, bounds(5_000))).toBe('unknown');
    expect(look.mock.calls.length).toBeGreaterThan(8);
    expect(now).toBeLessThanOrEqual(5_000);
    expect(now).toBeGreaterThan(4_000);
    now = 0;
    const late = looking(none, none, none, { kind: 'ours', found: ours });
    expect(await settle({ look: late }, bounds(5_000))).toBe(ours);
  });

  test('the pauses grow from 50 ms to half a second, each longer by up to a half', async () => {
    for (const [chance, expected] of [
      [0, [50, 100, 200, 400, 500, 500]],
      [0.5, [62.5, 125, 250, 500, 625, 625]],
    ] as const) {
      const random = vi.spyOn(Math, 'random').mockReturnValue(chance);
      const pauses: number[] = [];
      now = 0;
      let before = 0;
      inPause = () => {
        pauses.push(now - before);
        before = now;
      };
      await settle({ look: looking(none) }, bounds(3_000));
      expect(pauses.slice(0, 6)).toEqual(expected);
      random.mockRestore();
    }
  });

  test('an abort in a pause ends it: what became of it is not known', async () => {
    const stop = new AbortController();
    inPause = () => stop.abort();
    const look = looking(unavailable);
    expect(await settle({ look }, bounds(10_000, stop.signal))).toBe('unknown');
    expect(look).toHaveBeenCalledTimes(1);
  });

  test('the pause itself is a real one, and ends with the signal', async () => {
    const stop = new AbortController();
    const look = vi.fn(async (): Promise<Look<Found>> => {
      setImmediate(() => stop.abort());
      return none;
    });
    const context = { ...bounds(), signal: stop.signal, remainingTimeout: () => 60_000 };
    expect(await settleWrite({ look }, context)).toBe('unknown');
    expect(look).toHaveBeenCalledTimes(1);
  });

  test('while the store cannot be read, nothing is sent again', async () => {
    const again = vi.fn(async () => ours);
    const look = looking(unavailable, unavailable, { kind: 'ours', found: ours });
    expect(await settle({ look, again }, bounds())).toBe(ours);
    expect([look.mock.calls.length, again.mock.calls.length]).toEqual([3, 0]);
    const missing = looking(none);
    expect(await settle({ look: missing, again }, bounds())).toBe(ours);
    expect([missing.mock.calls.length, again.mock.calls.length]).toEqual([1, 1]);
  });

  test('without any time left it has one look, and where a pause would take all of it', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    for (const limit of [0, 50]) {
      const look = looking(none);
      const again = vi.fn(async () => undefined);
      expect(await settle({ look, again }, bounds(limit))).toBe('unknown');
      expect([look.mock.calls.length, again.mock.calls.length]).toEqual([1, 1]);
    }
    random.mockRestore();
  });
});
