import { expect, test } from 'vitest';
import { manualClock } from '../src/index.ts';

test('advance fires timers in order, each at its own moment', async () => {
  const clock = manualClock(1_000);
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name} ${clock.monotonic()} ${clock.wall()}`);
  clock.schedule(note('late'), 300);
  clock.schedule(note('first'), 100);
  clock.schedule(note('second'), 100);
  clock.schedule(note('never'), 501);
  await clock.advance(500);
  expect(fired).toEqual(['first 100 1100', 'second 100 1100', 'late 300 1300']);
  expect([clock.monotonic(), clock.wall(), clock.timers]).toEqual([500, 1_500, 1]);
});

test('a timer that is set in response to another one fires in the same advance', async () => {
  const clock = manualClock();
  const sleep = (delay: number) =>
    new Promise<void>((resolve) => {
      clock.schedule(resolve, delay);
    });
  let rounds = 0;
  const loop = (async () => {
    for (; rounds < 5; rounds += 1) await sleep(100);
  })();
  await clock.advance(350);
  expect(rounds).toBe(3);
  await clock.advance(200);
  await loop;
  expect(rounds).toBe(5);
});

test('a timer that was cancelled does not fire', async () => {
  const clock = manualClock();
  let fired = 0;
  const cancel = clock.schedule(() => {
    fired += 1;
  }, 10);
  clock.schedule(cancel, 5, true);
  expect([clock.timers, clock.foregroundTimers]).toEqual([2, 1]);
  await clock.advance(20);
  expect([fired, clock.timers]).toEqual([0, 0]);
});

test('setWall moves the wall clock alone', async () => {
  const clock = manualClock();
  let fired = 0;
  clock.schedule(() => {
    fired += 1;
  }, 1_000);
  clock.setWall(clock.wall() + 3_600_000);
  await clock.advance(999);
  expect([fired, clock.monotonic()]).toEqual([0, 999]);
});

test('timers that come due during sleep fire at the moment of waking', async () => {
  const clock = manualClock(0);
  const fired: number[] = [];
  for (const delay of [100, 200]) clock.schedule(() => fired.push(clock.monotonic()), delay);
  await clock.suspend(5_000);
  expect([fired, clock.wall()]).toEqual([[5_000, 5_000], 5_000]);
});

test('timers keep waiting if running time stands still during sleep', async () => {
  const clock = manualClock(0);
  const fired: number[] = [];
  clock.schedule(() => fired.push(clock.wall()), 100);
  await clock.suspend(5_000, { monotonic: false });
  expect([fired, clock.monotonic(), clock.wall()]).toEqual([[], 0, 5_000]);
  await clock.advance(100);
  expect(fired).toEqual([5_100]);
});

test('a timer with a delay beyond 2^31-1 ms fires at once, as with setTimeout', async () => {
  const clock = manualClock();
  let fired = 0;
  clock.schedule(() => {
    fired += 1;
  }, 2 ** 31);
  await clock.advance(1);
  expect(fired).toBe(1);
});
