// A store that is looked at from time to time: what counts as a change, and what ends the looking.
import { SecretError } from '@keyfall/core';
import { pollForChanges } from '@keyfall/core/provider';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ManualClock, manualClock } from '../../src/index.ts';

const interval = 10_000;
let clock: ManualClock;
let stop: AbortController;
beforeEach(() => {
  clock = manualClock();
  stop = new AbortController();
});
afterEach(() => stop.abort());

function polled(
  look: (signal: AbortSignal) => Promise<unknown>,
  { onChange = () => {}, ...settings }: { onChange?: () => void; interval?: number } = {},
) {
  const looks = vi.fn(look);
  const changes = vi.fn(onChange);
  const options = { provider: 'store', interval, clock, ...settings };
  const ended = pollForChanges(({ signal }) => looks(signal), changes, stop.signal, options);
  return { looks, changes, ended };
}

test('what differs from the last answer is reported once, and the first answer is no change', async () => {
  const answers = [undefined, undefined, 'a', 'a', 'b', 'b'];
  const { looks, changes } = polled(async () => answers.shift());
  await clock.advance(1);
  expect(looks).toHaveBeenCalledTimes(1);
  const told: number[] = [];
  for (let look = 2; look <= 6; look += 1) {
    await clock.advance(interval);
    expect(looks).toHaveBeenCalledTimes(look);
    told.push(changes.mock.calls.length);
  }
  expect(told).toEqual([0, 1, 1, 2, 2]);
});

test('an outage is left out, and what changed meanwhile is reported after it', async () => {
  let answer: () => string = () => 'old';
  const { looks, changes } = polled(async () => answer());
  await clock.advance(1);
  answer = () => {
    throw new SecretError('ERR_SECRET_UNAVAILABLE', 'status 503');
  };
  await clock.advance(3 * interval);
  expect(looks.mock.calls.length).toBeGreaterThan(3);
  expect(changes).not.toHaveBeenCalled();
  answer = () => 'new';
  await clock.advance(interval);
  expect(changes).toHaveBeenCalledTimes(1);
});

test('an outage at the beginning makes no change of the first answer', async () => {
  let down = true;
  const { changes } = polled(async () => {
    if (down) throw new SecretError('ERR_SECRET_UNAVAILABLE', 'status 503');
    return 'a';
  });
  await clock.advance(interval);
  down = false;
  await clock.advance(2 * interval);
  expect(changes).not.toHaveBeenCalled();
});

test('a refusal at the beginning ends it, and one later is left out', async () => {
  const refusal = new SecretError('ERR_SECRET_UNAUTHENTICATED', 'the token has expired');
  const { ended } = polled(async () => {
    throw refusal;
  });
  await expect(ended).rejects.toBe(refusal);
  expect(clock.timers).toBe(0);

  let answer: () => string = () => 'old';
  const { changes } = polled(async () => answer());
  await clock.advance(1);
  answer = () => {
    throw refusal;
  };
  await clock.advance(3 * interval);
  answer = () => 'new';
  await clock.advance(interval);
  expect(changes).toHaveBeenCalledTimes(1);
});

test('a look that goes silent is given up, its signal fired, and the next one asks again', async () => {
  const signals: AbortSignal[] = [];
  const { looks } = polled(
    (signal) =>
      new Promise(() => {
        signals.push(signal);
      }),
  );
  await clock.advance(interval - 1);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  await clock.advance(interval + 1);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(looks).toHaveBeenCalledTimes(2);
});

test('a store that is looked at all the time has more time for an answer than that', async () => {
  const { changes } = polled(
    () => new Promise((resolve) => clock.schedule(() => resolve(clock.wall()), 1_000)),
    { interval: 100 },
  );
  await clock.advance(5_000);
  expect(changes).toHaveBeenCalled();
});

test('a listener that has enough of it ends it at once, with no timer left behind', async () => {
  let answer = 0;
  const { ended } = polled(async () => answer++, { onChange: () => stop.abort() });
  await clock.advance(interval);
  await ended;
  expect(clock.timers).toBe(0);
});

test.each([
  ['between two looks', async () => 'a'],
  ['in a look', () => new Promise(() => {})],
])('a signal that fires %s ends it, with no timer left behind', async (_, look) => {
  const { looks, ended } = polled(look);
  await clock.advance(1);
  stop.abort();
  await ended;
  await clock.advance(5 * interval);
  expect(looks).toHaveBeenCalledTimes(1);
  expect(clock.timers).toBe(0);
});

test('a pause keeps no program alive, and after the signal it does not begin', async () => {
  const { looks } = polled(async () => 'a');
  await clock.advance(1);
  expect([clock.timers, clock.foregroundTimers]).toEqual([1, 0]);
  expect(looks).toHaveBeenCalledTimes(1);
  await pollForChanges(() => expect.unreachable(), expect.unreachable, AbortSignal.abort(), {
    provider: 'store',
    interval,
  });
});

test('the first pause is a part of the interval, so that a fleet which starts at once does not look at once', async () => {
  const random = vi.spyOn(Math, 'random').mockReturnValue(0.25);
  const { looks } = polled(async () => 'a');
  await clock.advance(0.25 * interval - 1);
  expect(looks).toHaveBeenCalledTimes(1);
  await clock.advance(1);
  expect(looks).toHaveBeenCalledTimes(2);
  await clock.advance(interval - 1);
  expect(looks).toHaveBeenCalledTimes(2);
  await clock.advance(1);
  expect(looks).toHaveBeenCalledTimes(3);
  random.mockRestore();
});
