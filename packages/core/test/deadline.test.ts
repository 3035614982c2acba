import { expect, test } from 'vitest';
import { deadlineIn } from '../src/calls/deadline.ts';

test('a deadline counts down from its timeout, and stops at 0', () => {
  let now = 1_000;
  const clock = { monotonic: () => now, wall: () => 0, schedule: () => () => {} };
  const remaining = deadlineIn(500, clock);
  expect(remaining()).toBe(500);
  now += 200;
  expect(remaining()).toBe(300);
  now += 1_000;
  expect(remaining()).toBe(0);
});

test("the machine's own clock is the default", () => {
  expect(deadlineIn(60_000)()).toBeGreaterThan(0);
});
