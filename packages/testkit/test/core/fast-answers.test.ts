// The answers that a hot path gets without a look at a provider: never older than they may be, by either
// clock, and gone with their timer once they are not in use.
import { expect, test } from 'vitest';
import { FastAnswers } from '../../../core/src/chain/fast-answers.ts';
import { manualClock } from '../../src/index.ts';

function kept(freshFor: number, clock = manualClock()) {
  const answers = new FastAnswers(clock);
  const source = { hits: 0 };
  answers.keep('A', 'a', source, freshFor);
  return { answers, source, clock };
}

/** Has the name asked for, so often and so fast that most answers are given without a look at the clocks. */
function heatUp(answers: FastAnswers): void {
  // each look spares 31 of the next answers: so many calls end right after one
  for (let count = 0; count < 1_001 + 32 * 10; count += 1) void answers.get('A');
}

test('gives what is kept, and counts it for its provider', async () => {
  const { answers, source } = kept(1_000);
  expect(answers.get('B')).toBeUndefined();
  expect([await answers.get('A'), await answers.get('A')]).toEqual(['a', 'a']);
  expect(source.hits).toBe(2);
});

test.each([
  [250, 0],
  [251, 1],
])('what is fresh for %i ms is kept %i times: a timer has to be worth it', (freshFor, count) => {
  const { answers, clock } = kept(freshFor);
  expect(clock.timers).toBe(count);
  expect(clock.foregroundTimers).toBe(0);
  expect(answers.get('A') === undefined).toBe(count === 0);
});

test.each([
  ['running time', { monotonic: 1, wall: 0 }],
  ['the time of day', { monotonic: 0, wall: 1 }],
])('is over at its end by %s alone, to the millisecond, without a timer', (_, speed) => {
  let passed = 0;
  const clock = {
    monotonic: () => passed * speed.monotonic,
    wall: () => passed * speed.wall,
    schedule: () => () => {},
  };
  const answers = new FastAnswers(clock);
  answers.keep('A', 'a', { hits: 0 }, 1_000);
  passed = 999;
  expect(answers.get('A')).toBeDefined();
  passed = 1_000;
  expect(answers.get('A')).toBeUndefined();
  passed = 0;
  expect(answers.get('A')).toBeUndefined();
});

test.each([
  [1_000, 5_000],
  [5_000, 1_000],
])('of two that are fresh for %i and %i ms, the first to end ends both', async (one, other) => {
  for (const late of ['monotonic', 'wall'] as const) {
    let passed = 0;
    const clock = {
      monotonic: () => (late === 'monotonic' ? passed : 0),
      wall: () => (late === 'wall' ? passed : 0),
      schedule: () => () => {},
    };
    const answers = new FastAnswers(clock);
    answers.keep('A', 'a', { hits: 0 }, one);
    answers.keep('B', 'b', { hits: 0 }, other);
    passed = 999;
    expect([await answers.get('A'), await answers.get('B')]).toEqual(['a', 'b']);
    passed = 1_000;
    expect([answers.get('B'), answers.get('A')]).toEqual([undefined, undefined]);
    expect(answers.clears).toBe(1);
  }
});

test('the end of what was let go is not that of what is kept next', async () => {
  const { answers, clock } = kept(1_000);
  answers.clear();
  expect(answers.get('A')).toBeUndefined();
  answers.keep('A', 'a2', { hits: 0 }, 5_000);
  for (let count = 0; count < 20; count += 1) {
    await clock.advance(200);
    expect(await answers.get('A')).toBe('a2');
  }
});

test('a tick lets all go that would end before the next, and all that is not in use', async () => {
  const busy = kept(1_000);
  for (const at of [250, 500]) {
    expect(await busy.answers.get('A')).toBe('a');
    await busy.clock.advance(250);
    expect([at, busy.answers.clears, busy.clock.timers]).toEqual([at, 0, 1]);
    expect(busy.clock.foregroundTimers).toBe(0);
  }
  void busy.answers.get('A');
  await busy.clock.advance(250);
  expect([busy.answers.clears, busy.clock.timers]).toEqual([1, 0]);
  expect(busy.answers.get('A')).toBeUndefined();

  const idle = kept(10_000);
  void idle.answers.get('A');
  await idle.clock.advance(250);
  expect([idle.answers.clears, idle.clock.timers]).toEqual([0, 1]);
  await idle.clock.advance(250);
  expect([idle.answers.clears, idle.clock.timers]).toEqual([1, 0]);
});

test('a tick after a jump of the time of day alone lets all go', async () => {
  const { answers, clock } = kept(10_000);
  void answers.get('A');
  clock.setWall(clock.wall() + 9_600);
  await clock.advance(250);
  expect([answers.clears, clock.timers]).toEqual([1, 0]);
});

test.each(['monotonic', 'wall'] as const)(
  'a tick lets all go whose end by the %s clock alone is a tick away',
  async (moving) => {
    for (const [at, cleared] of [
      [4_749, 0],
      [4_750, 1],
    ] as const) {
      let passed = 0;
      let tick = () => {};
      const answers = new FastAnswers({
        monotonic: () => (moving === 'monotonic' ? passed : 0),
        wall: () => (moving === 'wall' ? passed : 0),
        schedule: (callback) => {
          tick = callback;
          return () => {};
        },
      });
      answers.keep('A', 'a', { hits: 0 }, 5_000);
      void answers.get('A');
      passed = at;
      tick();
      expect([at, answers.clears]).toEqual([at, cleared]);
    }
  },
);

test('what is let go leaves no timer', () => {
  const { answers, clock } = kept(10_000);
  answers.clear();
  expect([answers.clears, clock.timers]).toEqual([1, 0]);
  answers.clear();
  expect(answers.clears).toBe(2);
});

/** A clock whose looks are counted, and which goes on by itself at each. */
function countedClock(step: () => number) {
  let [now, looks] = [0, 0];
  let tick = () => {};
  return {
    monotonic: () => {
      looks += 1;
      now += step();
      return now;
    },
    wall: () => 0,
    schedule: (callback: () => void) => {
      tick = callback;
      return () => {};
    },
    get looks() {
      return looks;
    },
    tick: () => tick(),
  };
}
const looksOf = (clock: { readonly looks: number }, work: () => void): number => {
  const before = clock.looks;
  work();
  return clock.looks - before;
};
const ask = (answers: FastAnswers, times: number) => () => {
  for (let count = 0; count < times; count += 1) void answers.get('A');
};

test('one answer in 32 has a look once a thousand looks in a row came close together', () => {
  const clock = countedClock(() => 0.01);
  const answers = new FastAnswers(clock);
  answers.keep('A', 'a', { hits: 0 }, 1_000_000);
  expect(looksOf(clock, ask(answers, 1_000))).toBe(1_000);
  expect(looksOf(clock, ask(answers, 31))).toBe(0);
  expect(looksOf(clock, ask(answers, 3_200))).toBe(100);
});

test('looks that are a tenth of a millisecond apart are not close together', () => {
  const clock = countedClock(() => 0.125);
  const answers = new FastAnswers(clock);
  answers.keep('A', 'a', { hits: 0 }, 1_000_000);
  expect(looksOf(clock, ask(answers, 3_000))).toBe(3_000);
});

test('a pause of up to a tick does not begin the count again, and a longer one does', () => {
  for (const [pause, spared] of [
    [250, true],
    [251, false],
  ] as const) {
    // a sum of these is exact
    let step = 1 / 64;
    const clock = countedClock(() => step);
    const answers = new FastAnswers(clock);
    answers.keep('A', 'a', { hits: 0 }, 1_000_000);
    ask(answers, 999)();
    step = pause;
    ask(answers, 1)();
    step = 1 / 64;
    ask(answers, 1)();
    expect(looksOf(clock, ask(answers, 31)) === 0).toBe(spared);
  }
});

test('every tick, and whatever lets go, has the next answer look', () => {
  for (const end of ['tick', 'clear'] as const) {
    const clock = countedClock(() => 0.01);
    const answers = new FastAnswers(clock);
    answers.keep('A', 'a', { hits: 0 }, 1_000_000);
    heatUp(answers);
    expect(looksOf(clock, ask(answers, 1))).toBe(0);
    if (end === 'tick') clock.tick();
    else {
      answers.clear();
      answers.keep('A', 'a', { hits: 0 }, 1_000_000);
    }
    expect(looksOf(clock, ask(answers, 1))).toBe(1);
    // only a tick has it cool down: an answer that changed is asked for as fast as before
    expect(looksOf(clock, ask(answers, 31))).toBe(end === 'tick' ? 31 : 0);
  }
});
