/**
 * What keeps a grant good, with a grant that only counts what is done to it.
 */
import { SecretError } from '@keyfall/core';
import { type ManualClock, manualClock } from '@keyfall/testkit';
import { beforeEach, expect, test, vi } from 'vitest';
import { createLifetime, type LifetimeOptions, type Renewal } from '../src/lifetimes/lifetime.ts';
import { context, failureOf } from './harness.ts';

const hour = 3_600_000;
const unavailable = () => new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');

let clock: ManualClock;
let said: string[];
beforeEach(() => {
  clock = manualClock();
  said = [];
});

/** A lifetime of numbered things that live for an hour. */
function subject(more: Partial<LifetimeOptions<number>> = {}) {
  let made = 0;
  const revoked: number[] = [];
  const lifetime = createLifetime<number>({
    clock,
    provider: 'vault',
    makeTimeout: 1_000,
    leftBehind: 'left behind',
    async make() {
      made += 1;
      return { thing: made, life: hour, isRenewable: false };
    },
    renew: async (): Promise<Renewal> => ({ kind: 'failed' }),
    async revoke({ thing }) {
      revoked.push(thing);
      return undefined;
    },
    dueOf: () => hour / 10,
    spareOf: () => 0,
    isWanted: () => true,
    mayServe: () => false,
    handOver: async () => true,
    noOther: (left) => `no other, ${left} left`,
    notRevoked: (_, { reason }) => `not revoked: ${reason}`,
    ...more,
  });
  const current = async () => (await lifetime.current(context({}, said)))?.thing;
  return { lifetime, current, revoked };
}

test('a revocation that fails is tried again while the server is away, and not after a refusal', async () => {
  const answers = [unavailable(), new SecretError('ERR_SECRET_DENIED', 'it may not'), undefined];
  const revoke = vi.fn(async () => answers.shift());
  const { lifetime, current } = subject({ revoke });
  await current();
  await lifetime.make();
  await vi.waitFor(() => expect(said).toEqual(['not revoked: it is away']));
  expect(revoke).toHaveBeenCalledTimes(1);
  await clock.advance(20_000);
  await vi.waitFor(() => expect(said).toHaveLength(2));
  await clock.advance(hour / 2);
  expect(revoke).toHaveBeenCalledTimes(2);
  // what was refused once is not tried again at the end: only the one at hand is revoked then
  await lifetime.close();
  expect(revoke).toHaveBeenCalledTimes(3);
  expect(clock.timers).toBe(0);
});

test('what could not be handed over is kept until the end, and revoked then', async () => {
  const { lifetime, current, revoked } = subject({
    handOver: async () => Promise.reject(new Error('it cannot move')),
  });
  expect(await current()).toBe(1);
  await lifetime.make();
  expect(await current()).toBe(2);
  expect(revoked).toEqual([]);
  await lifetime.close();
  expect(revoked.sort()).toEqual([1, 2]);
});

test.each([
  ['before it is made', 'early'],
  ['after it was made', 'late'],
])('closing %s leaves nothing behind', async (_, when) => {
  let finish = (): void => {};
  const { lifetime, current, revoked } = subject({
    make: () =>
      new Promise((resolve) => {
        finish = () => resolve({ thing: 7, life: hour, isRenewable: false });
      }),
  });
  const asking = current().catch((error: unknown) => error);
  await vi.waitFor(() => expect(finish).not.toHaveLength(1));
  if (when === 'late') {
    finish();
    expect(await asking).toBe(7);
  }
  const closing = lifetime.close();
  finish();
  await closing;
  expect(revoked).toEqual([7]);
  expect((await failureOf(current())).code).toBe('ERR_SECRET_ABORTED');
  if (when === 'early') expect(await asking).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  expect(clock.timers).toBe(0);
});

test('one whose making outlasts the end is said to be left behind', async () => {
  const { lifetime, current, revoked } = subject({
    make: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  });
  const asking = failureOf(current());
  await Promise.resolve();
  const closing = lifetime.close();
  await vi.waitFor(() => expect(clock.timers).toBe(1));
  await clock.advance(2_000);
  await closing;
  expect((await asking).code).toBe('ERR_SECRET_ABORTED');
  expect(said).toEqual(['left behind']);
  expect(revoked).toEqual([]);
});

test.each<[string, Renewal]>([
  ['a refusal', { kind: 'refused', isGone: true }],
  ['more time', { kind: 'granted', life: 9 * hour, isRenewable: false }],
])(
  'a renewal of one that was replaced meanwhile is answered with %s, which changes nothing',
  async (_, late) => {
    let answer = (_: Renewal): void => {};
    let made = 0;
    const { lifetime, current, revoked } = subject({
      make: async () => {
        made += 1;
        return { thing: made, life: hour, isRenewable: true };
      },
      renew: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    await current();
    const old = lifetime.held;
    await clock.advance(0.75 * hour);
    const next = await lifetime.make();
    answer(late);
    await vi.waitFor(() => expect(revoked).toEqual([1]));
    expect(lifetime.held).toBe(next);
    expect(next).toMatchObject({ thing: 2, life: hour, isGone: false, isRenewable: true });
    expect(old).toMatchObject({ life: hour, isGone: false, isRenewable: true });
    expect(said).toEqual([]);
    await lifetime.close();
    expect(revoked).toEqual([1, 2]);
  },
);

test('closing while a renewal is under way revokes once, and its late answer plans nothing', async () => {
  let answer = (_: Renewal): void => {};
  const { lifetime, current, revoked } = subject({
    make: async () => ({ thing: 1, life: hour, isRenewable: true }),
    renew: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  await current();
  await clock.advance(0.75 * hour);
  const closing = lifetime.close();
  answer({ kind: 'granted', life: hour, isRenewable: true });
  await closing;
  await clock.advance(2 * hour);
  expect(revoked).toEqual([1]);
  expect(said).toEqual([]);
  expect(clock.timers).toBe(0);
});

test.each([
  ['is made all the same', [1, 2]],
  ['fails', [1]],
])('closing while another one is being made, which %s, revokes all there are', async (_, all) => {
  let finish = (): void => {};
  let made = 0;
  const handOver = vi.fn(async () => true);
  const { lifetime, current, revoked } = subject({
    handOver,
    async make() {
      made += 1;
      if (made === 2)
        await new Promise<void>((resolve, reject) => {
          finish = all.length === 2 ? resolve : () => reject(unavailable());
        });
      return { thing: made, life: hour, isRenewable: false };
    },
  });
  await current();
  const making = lifetime.make().catch(() => {});
  await vi.waitFor(() => expect(made).toBe(2));
  const closing = lifetime.close();
  finish();
  await Promise.all([making, closing]);
  expect(revoked.sort()).toEqual(all);
  // what lives by it ends, too: there is nothing to move to
  expect(handOver).not.toHaveBeenCalled();
  expect(said).toEqual([]);
  expect(clock.timers).toBe(0);
});

test('closing between two attempts of a revocation makes one more, and no other after it', async () => {
  const answers = [unavailable(), unavailable()];
  const revoke = vi.fn(async ({ thing }: { thing: number }) =>
    thing === 1 ? answers.shift() : undefined,
  );
  const { lifetime, current } = subject({ revoke });
  await current();
  await lifetime.make();
  await vi.waitFor(() => expect(said).toHaveLength(1));
  await lifetime.close();
  expect(revoke.mock.calls.map(([{ thing }]) => thing).sort()).toEqual([1, 1, 2]);
  expect(said).toEqual(['not revoked: it is away', 'not revoked: it is away']);
  await clock.advance(2 * hour);
  expect(revoke).toHaveBeenCalledTimes(3);
  expect(clock.timers).toBe(0);
});

test('closing during a hand-over revokes at once, and not again when the hand-over ends', async () => {
  let moved = (_: boolean): void => {};
  const { lifetime, current, revoked } = subject({
    handOver: () =>
      new Promise((resolve) => {
        moved = resolve;
      }),
  });
  await current();
  await lifetime.make();
  expect(revoked).toEqual([]);
  await lifetime.close();
  moved(true);
  await Promise.resolve();
  expect(revoked.sort()).toEqual([1, 2]);
});

test('a caller that gives up ends its own wait: what is being made is kept for the next', async () => {
  let finish = (): void => {};
  const make = vi.fn(
    () =>
      new Promise<{ thing: number; life: number; isRenewable: boolean }>((resolve) => {
        finish = () => resolve({ thing: 1, life: hour, isRenewable: false });
      }),
  );
  const { lifetime, current } = subject({ make });
  const impatient = new AbortController();
  const first = failureOf(lifetime.current(context({ signal: impatient.signal })));
  await vi.waitFor(() => expect(make).toHaveBeenCalled());
  impatient.abort();
  expect((await first).code).toBe('ERR_SECRET_ABORTED');
  expect(make.mock.lastCall).toMatchObject([{ signal: { aborted: false } }]);
  const second = current();
  finish();
  expect(await second).toBe(1);
  expect(make).toHaveBeenCalledTimes(1);
  await lifetime.close();
});

test.each([
  ['before half of its time is over', 400, true],
  ['when half of its time is over', 600, false],
])('a caller in the last moments gives up %s', async (_, after, isAborted) => {
  let made = 0;
  const { lifetime, current } = subject({
    spareOf: () => hour / 20,
    mayServe: (_, left) => left > 0,
    make() {
      made += 1;
      if (made === 1) return Promise.resolve({ thing: 1, life: hour, isRenewable: false });
      return new Promise(() => {});
    },
  });
  await current();
  await clock.advance(0.96 * hour);
  const stop = new AbortController();
  const bounds = { ...context({ signal: stop.signal }, said), remainingTimeout: () => 1_000 };
  const asking = lifetime.current(bounds).then(
    (held) => held?.thing,
    (error: unknown) => error,
  );
  await clock.advance(after);
  stop.abort();
  // whoever gave up gets an end, and who had waited long enough already has what is at hand
  if (isAborted) expect(await asking).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  else expect(await asking).toBe(1);
  const closing = lifetime.close();
  await clock.advance(2_000);
  await closing;
  expect(clock.timers).toBe(0);
});

test('a replacement that fails is tried again ever later, with a warning at first and when little is left, and ends', async () => {
  let isAway = false;
  const attempts: number[] = [];
  let made = 0;
  const { lifetime, current, revoked } = subject({
    async make() {
      attempts.push(clock.monotonic());
      if (isAway) throw unavailable();
      made += 1;
      return { thing: made, life: hour, isRenewable: false };
    },
  });
  await current();
  isAway = true;
  await clock.advance(0.97 * hour);
  expect(await current()).toBe(1);
  const waits = attempts.slice(2).map((at, index) => at - (attempts[index + 1] ?? 0));
  expect(waits.length).toBeGreaterThan(2);
  expect(waits.length).toBeLessThan(12);
  expect(Math.max(...waits)).toBeGreaterThan(2 * (waits[0] ?? 0));
  expect(said[0]).toMatch(/^no other, /);
  expect(said.length).toBeLessThan(attempts.length - 1);
  const before = said.length;
  isAway = false;
  await clock.advance(0.02 * hour);
  expect(await current()).toBe(2);
  await vi.waitFor(() => expect(revoked).toEqual([1]));
  expect(said).toHaveLength(before);
  await lifetime.close();
});

test('one that is not wanted any more is not tried for again', async () => {
  let isWanted = true;
  const make = vi.fn(async () => {
    if (make.mock.calls.length > 1) throw unavailable();
    return { thing: 1, life: hour, isRenewable: false };
  });
  const { lifetime, current } = subject({ make, isWanted: () => isWanted });
  await current();
  await clock.advance(0.91 * hour);
  await vi.waitFor(() => expect(said).toHaveLength(1));
  isWanted = false;
  const attempts = make.mock.calls.length;
  await clock.advance(2 * hour);
  expect(make).toHaveBeenCalledTimes(attempts);
  expect(clock.timers).toBe(0);
  // the next caller asks for one itself, and has the error for itself
  expect((await failureOf(current())).code).toBe('ERR_SECRET_UNAVAILABLE');
  expect(make).toHaveBeenCalledTimes(attempts + 1);
  await lifetime.close();
});

test('a renewal that fails is repeated ever later, and as at first once one has succeeded', async () => {
  let isAway = true;
  const attempts: number[] = [];
  const { lifetime, current } = subject({
    make: async () => ({ thing: 1, life: hour, isRenewable: true }),
    async renew() {
      attempts.push(clock.monotonic());
      return isAway ? { kind: 'failed' } : { kind: 'granted', life: hour, isRenewable: true };
    },
  });
  // by chance 0 the first renewal is not early
  const random = vi.spyOn(Math, 'random').mockReturnValue(0);
  await current();
  random.mockReturnValue(0.5);
  await clock.advance(0.75 * hour);
  const waits = () => attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
  expect(waits().map((wait) => Math.round(wait / 1_000))).toEqual([10, 20, 40, 80]);
  isAway = false;
  await clock.advance(0.05 * hour);
  isAway = true;
  const succeeded = attempts.length;
  await clock.advance(0.75 * hour);
  const [first = 0, second = 0] = attempts.slice(succeeded);
  expect(Math.round((second - first) / 1_000)).toBe(10);
  expect(await current()).toBe(1);
  expect(said).toEqual([]);
  vi.mocked(Math.random).mockRestore();
  await lifetime.close();
});

test('a fleet that has made its grants at once renews them one after another', async () => {
  const moments: number[] = [];
  const fleet = Array.from({ length: 100 }, () =>
    subject({
      make: async () => ({ thing: 1, life: hour, isRenewable: true }),
      async renew() {
        moments.push(clock.monotonic());
        return { kind: 'granted', life: hour, isRenewable: true };
      },
    }),
  );
  for (const { current } of fleet) await current();
  const start = clock.monotonic();
  const later = async (share: number) => {
    await clock.advance(share * hour);
    return moments.length;
  };
  expect(await later(0.34)).toBe(0);
  const [first, second, third, last] = [
    await later(0.1),
    await later(0.1),
    await later(0.1),
    await later(0.1),
  ];
  for (const many of [first, second - first, third - second, last - third])
    expect(many).toBeLessThan(60);
  expect(last).toBe(100);
  // the second time they are as far apart as the first time
  await clock.advance(hour);
  const second100 = moments.slice(100, 200).map((moment) => moment - start);
  expect(Math.max(...second100) - Math.min(...second100)).toBeGreaterThan(0.2 * hour);
  for (const { lifetime } of fleet) await lifetime.close();
});

test('a hundred callers wait for one, and each failure is an error of theirs alone', async () => {
  const make = vi
    .fn(async () => ({ thing: 1, life: hour, isRenewable: false }))
    .mockRejectedValueOnce(unavailable());
  const { lifetime, current } = subject({ make });
  const asked = await Promise.allSettled(Array.from({ length: 100 }, current));
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set(['rejected']));
  expect(make).toHaveBeenCalledTimes(1);
  expect(await Promise.all(Array.from({ length: 100 }, current))).toEqual(Array(100).fill(1));
  expect(make).toHaveBeenCalledTimes(2);
  await lifetime.close();
});

test('one that cannot be made again is announced as soon as it comes to its longest life, once', async () => {
  const lives = [hour, 0.5 * hour, 0.25 * hour];
  const { lifetime } = subject({
    make: undefined,
    noMore: (left) => `no more, ${Math.round(left / 60_000)} min left`,
    renew: async () => ({ kind: 'granted', life: lives.shift() ?? 0, isRenewable: true }),
  });
  lifetime.hear(context({}, said));
  lifetime.hold({ thing: 1, life: hour, isRenewable: true });
  lifetime.plan();
  await clock.advance(0.75 * hour);
  expect(said).toEqual([]);
  await clock.advance(0.75 * hour);
  expect(said).toEqual(['no more, 30 min left']);
  await clock.advance(0.4 * hour);
  expect(lives).toEqual([]);
  expect(said).toHaveLength(1);
  await lifetime.close();
});

test('one that is not renewable any more is announced, too, and what the server says of its life is believed', async () => {
  const { lifetime } = subject({
    make: undefined,
    noMore: (left) => `no more, ${Math.round(left / 60_000)} min left`,
    renew: async () => ({ kind: 'granted', life: hour, isRenewable: false }),
  });
  lifetime.hear(context({}, said));
  const held = lifetime.hold({ thing: 1, life: Number.POSITIVE_INFINITY, isRenewable: false });
  lifetime.plan();
  expect(clock.timers).toBe(0);
  const start = { monotonic: clock.monotonic(), wall: clock.wall() };
  lifetime.learn(held, { life: hour, isRenewable: true, start });
  expect(said).toEqual([]);
  await clock.advance(0.75 * hour);
  expect(said).toEqual(['no more, 60 min left']);
  lifetime.learn(held, { life: 0.5 * hour, isRenewable: false, start });
  expect(said).toHaveLength(2);
  await lifetime.close();
});

test('a renewal that gives more time puts the next one off by its two thirds', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const renewed: number[] = [];
  const { lifetime, current } = subject({
    make: async () => ({ thing: 1, life: hour, isRenewable: true }),
    async renew() {
      renewed.push(clock.monotonic() / hour);
      return { kind: 'granted', life: 4 * hour, isRenewable: true };
    },
  });
  await current();
  await clock.advance(4 * hour);
  // two thirds and a third of the grace, which is a tenth of each life: 0.7 of one hour, then 0.7 of four
  expect(renewed.map((at) => Math.round(at * 10) / 10)).toEqual([0.7, 3.5]);
  vi.mocked(Math.random).mockRestore();
  await lifetime.close();
});

test('calls while others are being tried for begin no attempts of their own', async () => {
  let isAway = false;
  const make = vi.fn(async () => {
    if (isAway) throw unavailable();
    return { thing: 1, life: hour, isRenewable: false };
  });
  const { lifetime, current } = subject({ make });
  await current();
  isAway = true;
  await clock.advance(0.9 * hour);
  await vi.waitFor(() => expect(said).toHaveLength(1));
  const attempts = make.mock.calls.length;
  for (let calls = 0; calls < 10; calls += 1) expect(await current()).toBe(1);
  expect(make).toHaveBeenCalledTimes(attempts);
  await lifetime.close();
});

test('what could not be revoked before it ends by itself is not tried for again, nor is its end a problem', async () => {
  const revoke = vi.fn(async ({ thing }: { thing: number }) =>
    thing === 1 ? unavailable() : undefined,
  );
  const { lifetime, current } = subject({ revoke, isWanted: () => false });
  await current();
  await clock.advance(hour - 1_000);
  await lifetime.make();
  await vi.waitFor(() => expect(said).toHaveLength(1));
  await clock.advance(hour / 2);
  expect(revoke).toHaveBeenCalledTimes(1);
  expect(said).toEqual(['not revoked: it is away']);
  await lifetime.close();
  expect(said).toHaveLength(1);
});

test('a revocation that is answered after the end of what it is about is no problem', async () => {
  let answer: ((error: SecretError) => void) | undefined;
  const revoke = vi.fn(async ({ thing }: { thing: number }) => {
    if (thing !== 1) return undefined;
    return new Promise<SecretError>((resolve) => {
      answer = resolve;
    });
  });
  const { lifetime, current } = subject({ revoke, isWanted: () => false });
  await current();
  await lifetime.make();
  await vi.waitFor(() => expect(answer).toBeDefined());
  await clock.advance(hour);
  answer?.(unavailable());
  await clock.advance(0);
  await lifetime.close();
  expect(revoke).toHaveBeenCalledTimes(2);
  expect(said).toEqual([]);
});

test('something else than an error of ours, thrown by a revocation, is said without its text', async () => {
  const canary = 'canary-of-a-defect';
  const { lifetime, current } = subject({ revoke: () => Promise.reject(new Error(canary)) });
  await current();
  await lifetime.close();
  expect(said).toEqual([expect.stringMatching(/^not revoked: /)]);
  expect(said.join()).not.toContain(canary);
});

test('what happens between two calls is said through the last one, which may be asked to ask again', async () => {
  const askAgain = vi.fn();
  const { lifetime } = subject();
  // before any call there is no way to say it
  lifetime.warn('unheard');
  lifetime.askAgain();
  lifetime.hear({ ...context({}, said), askAgain });
  lifetime.hear(context({}, said));
  lifetime.warn('heard');
  lifetime.askAgain();
  expect(said).toEqual(['heard']);
  expect(askAgain).toHaveBeenCalledTimes(1);
  const { unattended, signal } = lifetime.background();
  expect(unattended).toBe(true);
  expect(lifetime.isClosing).toBe(false);
  const closing = lifetime.close();
  expect(lifetime.isClosing).toBe(true);
  await closing;
  expect(signal.aborted).toBe(true);
});
