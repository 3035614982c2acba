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

test('the answer to a renewal of one that was replaced meanwhile changes nothing', async () => {
  let answer = (_: Renewal): void => {};
  const { lifetime, current } = subject({
    make: async () => ({ thing: 1, life: hour, isRenewable: true }),
    renew: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  await current();
  await clock.advance(0.75 * hour);
  const next = await lifetime.make();
  answer({ kind: 'refused', isGone: true });
  await Promise.resolve();
  expect(lifetime.held).toBe(next);
  expect(next).toMatchObject({ isGone: false, isRenewable: true });
  await lifetime.close();
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
