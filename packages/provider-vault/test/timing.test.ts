/**
 * When something is done about what lives for a while.
 */
import { manualClock } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import {
  alarmOf,
  backOff,
  graceOf,
  leftOf,
  momentOf,
  renewalDelay,
} from '../src/lifetimes/timing.ts';
import { spanOf } from '../src/wire/time.ts';

const runs = Array.from({ length: 200 }, (_, index) => index);

test('the grace is 10 to 20 %, and not the same for all', () => {
  const graces = runs.map(() => graceOf(1_000));
  expect(Math.min(...graces)).toBeGreaterThanOrEqual(100);
  expect(Math.max(...graces)).toBeLessThanOrEqual(200);
  expect(new Set(graces).size).toBeGreaterThan(100);
});

test('renewal comes after two thirds and a third of the grace', () => {
  expect(renewalDelay(900, 90)).toBe(630);
  // what is left is less than the grace was: not later than its end
  expect(renewalDelay(30, 90)).toBe(30);
});

test('the back-off doubles from 10 s to 5 min, half of it at random, and ends before the token', () => {
  for (const [failures, most] of [
    [1, 10_000],
    [2, 20_000],
    [6, 300_000],
    [60, 300_000],
  ] as const)
    for (const _ of runs) {
      const delay = backOff(failures, Number.POSITIVE_INFINITY);
      expect(delay).toBeGreaterThanOrEqual(most / 2);
      expect(delay).toBeLessThanOrEqual(most * 1.5);
    }
  expect(backOff(9, 30_000)).toBe(10_000);
  expect(backOff(9, 30)).toBe(1_000);
});

test('of two clocks the one that has gone further counts', async () => {
  const clock = manualClock();
  const start = momentOf(clock);
  await clock.advance(1_000);
  expect(leftOf(5_000, start, clock)).toBe(4_000);
  clock.setWall(start.wall + 3_000);
  expect(leftOf(5_000, start, clock)).toBe(2_000);
  clock.setWall(start.wall - 86_400_000);
  expect(leftOf(5_000, start, clock)).toBe(4_000);
  expect(leftOf(Number.POSITIVE_INFINITY, start, clock)).toBe(Number.POSITIVE_INFINITY);
  await clock.advance(10_000);
  expect(leftOf(5_000, start, clock)).toBe(0);
});

test('an alarm waits longer than a timer can, once', async () => {
  const clock = manualClock();
  const alarm = alarmOf(clock);
  const day = 86_400_000;
  let rung = 0;
  alarm.set(60 * day, () => {
    rung += 1;
  });
  await clock.advance(59 * day);
  expect(rung).toBe(0);
  expect(clock.foregroundTimers).toBe(0);
  await clock.advance(61 * day);
  expect(rung).toBe(1);
  expect(clock.timers).toBe(0);
});

test('an alarm whose timer is late is made good at the next look', async () => {
  const clock = manualClock();
  const alarm = alarmOf(clock);
  let rung = 0;
  alarm.set(1_000, () => {
    rung += 1;
  });
  alarm.check();
  expect(rung).toBe(0);
  await clock.suspend(5_000, { monotonic: false });
  alarm.check();
  alarm.check();
  expect(rung).toBe(1);
  expect(clock.timers).toBe(0);
  alarm.set(1_000, () => {
    rung += 1;
  });
  alarm.cancel();
  await clock.advance(5_000);
  expect(rung).toBe(1);
});

test('lengths of time are written in the units that people use', () => {
  expect([0, 45_000, 119_000, 1_200_000, 10_800_000, 2_764_800_000].map(spanOf)).toEqual([
    '0 s',
    '45 s',
    '119 s',
    '20 min',
    '3 h',
    '32 d',
  ]);
});
