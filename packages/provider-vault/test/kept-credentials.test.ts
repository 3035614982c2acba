/**
 * Credentials and the tokens that they live by, where the two change at the same moment: the server only
 * counts what is asked of it.
 */
import { SecretError } from '@keyfall/core';
import { type ManualClock, manualClock } from '@keyfall/testkit';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { keepCredentials } from '../src/leases/kept-credentials.ts';
import type { LeaseRequests } from '../src/leases/lease-requests.ts';
import type { SessionToken } from '../src/session/session-token.ts';
import { context, failureOf } from './harness.ts';

const minute = 60_000;
const window = 30_000;

let clock: ManualClock;
let said: string[];
/** The token that requests are sent with. */
let token: SessionToken;
/** What the making waits for. */
let held: Promise<void> | undefined;
let making: number;
let madeBy: number[];
let revoked: string[];
beforeEach(() => {
  clock = manualClock();
  said = [];
  token = tokenOf(1);
  held = undefined;
  making = 0;
  madeBy = [];
  revoked = [];
});

function tokenOf(epoch: number, more: Partial<SessionToken> = {}): SessionToken {
  return {
    text: `token-${epoch}`,
    epoch,
    revocable: true,
    remaining: () => Number.POSITIVE_INFINITY,
    ...more,
  };
}

function subject(requests: Partial<LeaseRequests> = {}) {
  const credentials = keepCredentials({
    clock,
    grace: window,
    path: 'database/creds/shop',
    provider: 'vault-dynamic',
    requests: {
      async make() {
        making += 1;
        // the token counts that was sent, however long the answer takes
        const sent = token;
        await held;
        madeBy.push(sent.epoch);
        const members = new Map([['username', `user-${madeBy.length}`]]);
        const leaseId = `lease-${madeBy.length}`;
        return { members, leaseId, renewable: false, duration: 60 * minute, token: sent };
      },
      renew: async (_, duration) => duration,
      async revoke(leaseId) {
        revoked.push(leaseId);
      },
      ...requests,
    },
  });
  const user = async () => (await credentials.current(context({}, said)))?.members.get('username');
  return { credentials, user };
}

/** Holds the making back until the returned function is called. */
function hold(): () => void {
  let release = (): void => {};
  held = new Promise((resolve) => {
    release = resolve;
  });
  return () => {
    held = undefined;
    release();
  };
}

/** A move that says whether it has ended. */
function moveTo(credentials: ReturnType<typeof subject>['credentials'], next: SessionToken) {
  token = next;
  const moving = { isOver: false };
  void credentials.moveTo(next).then(() => {
    moving.isOver = true;
  });
  return moving;
}

const watched = (credentials: ReturnType<typeof subject>['credentials']) => {
  const onChange = vi.fn();
  credentials.watch(onChange, new AbortController().signal);
  return onChange;
};

test('credentials that were being made with the old token are made once more with the new one', async () => {
  const { credentials, user } = subject();
  const release = hold();
  const first = user();
  await vi.waitFor(() => expect(making).toBe(1));
  const onChange = watched(credentials);
  const moving = moveTo(credentials, tokenOf(2));
  release();
  expect(await first).toBe('user-1');
  await vi.waitFor(() => expect(madeBy).toEqual([1, 2]));
  expect(await user()).toBe('user-2');
  expect(onChange).toHaveBeenCalledOnce();
  // the old token is not given free while somebody may be using what lives by it
  await clock.advance(window - 1);
  expect(revoked).toEqual([]);
  expect(moving.isOver).toBe(false);
  await clock.advance(1);
  expect(revoked).toEqual(['lease-1']);
  expect(moving.isOver).toBe(true);
  expect(said).toEqual([]);
  await credentials.close();
  expect(revoked).toEqual(['lease-1', 'lease-2']);
});

test('credentials that were being made with the new token already are left as they are', async () => {
  const { credentials, user } = subject();
  token = tokenOf(2);
  const release = hold();
  const first = user();
  await vi.waitFor(() => expect(making).toBe(1));
  const moving = moveTo(credentials, token);
  release();
  expect(await first).toBe('user-1');
  await vi.waitFor(() => expect(moving.isOver).toBe(true));
  expect(madeBy).toEqual([2]);
  expect(revoked).toEqual([]);
  await credentials.close();
});

test('a move while none could be made ends once there are others and the old ones are revoked', async () => {
  let isAway = false;
  let made = 0;
  const { credentials, user } = subject({
    async make() {
      if (isAway) throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');
      made += 1;
      return {
        members: new Map([['username', `user-${made}`]]),
        leaseId: `lease-${made}`,
        renewable: false,
        duration: 60 * minute,
        token,
      };
    },
  });
  await user();
  const onChange = watched(credentials);
  isAway = true;
  const moving = moveTo(credentials, tokenOf(2));
  await clock.advance(5 * minute);
  expect(said).toEqual([expect.stringMatching(/: it is away$/)]);
  expect(onChange).not.toHaveBeenCalled();
  expect(moving.isOver).toBe(false);
  expect(await user()).toBe('user-1');
  isAway = false;
  // the longest pause between two attempts, and the window
  await clock.advance(10 * minute);
  expect(onChange).toHaveBeenCalledOnce();
  expect(await user()).toBe('user-2');
  expect(revoked).toEqual(['lease-1']);
  expect(moving.isOver).toBe(true);
  await credentials.close();
});

test('what ended with its token is not waited for, and not revoked', async () => {
  let isGone = false;
  token = tokenOf(1, { remaining: () => (isGone ? 0 : Number.POSITIVE_INFINITY) });
  const { credentials, user } = subject();
  await user();
  isGone = true;
  const moving = moveTo(credentials, tokenOf(2));
  await vi.waitFor(() => expect(moving.isOver).toBe(true));
  expect(credentials.left()).toBe(0);
  // nothing watches: the next read has them made
  expect(madeBy).toEqual([1]);
  expect(await user()).toBe('user-2');
  await clock.advance(2 * window);
  await credentials.close();
  expect(revoked).toEqual(['lease-2']);
});

test('a move during the end, and one after it, have nothing to wait for', async () => {
  const { credentials, user } = subject();
  await user();
  const during = moveTo(credentials, tokenOf(2));
  await credentials.close();
  await vi.waitFor(() => expect(during.isOver).toBe(true));
  const after = moveTo(credentials, tokenOf(3));
  await vi.waitFor(() => expect(after.isOver).toBe(true));
  expect([...revoked].sort()).toEqual(madeBy.map((_, index) => `lease-${index + 1}`));
  expect(clock.timers).toBe(0);
});

test.each([
  ['that can be revoked', true, []],
  [
    'that cannot',
    false,
    [expect.stringMatching(/database\/creds\/shop.* 60 min\b.*: not allowed$/)],
  ],
])('a denied revocation of a lease of a token %s', async (_, revocable, told) => {
  token = tokenOf(1, { revocable });
  const { credentials, user } = subject({
    async revoke() {
      throw new SecretError('ERR_SECRET_DENIED', 'not allowed');
    },
  });
  await user();
  await credentials.close();
  expect(said).toEqual(told);
});

test('who has stopped watching is not called, and has none made', async () => {
  const { credentials, user } = subject();
  await user();
  const stop = new AbortController();
  const [stopped, other] = [vi.fn(), vi.fn()];
  credentials.watch(stopped, stop.signal);
  credentials.watch(other, stop.signal);
  stop.abort();
  credentials.watch(other, stop.signal);
  await clock.advance(59.9 * minute);
  expect(madeBy).toEqual([1]);
  await user();
  expect(madeBy).toEqual([1, 1]);
  expect(stopped).not.toHaveBeenCalled();
  expect(other).not.toHaveBeenCalled();
  await credentials.close();
});

/** What a read is given, and how long a program may use it. */
async function given(credentials: ReturnType<typeof subject>['credentials']) {
  const { members, goodFor } = (await credentials.current(context({}, said))) ?? {};
  return { user: members?.get('username'), minutes: (goodFor ?? 0) / minute };
}

test('they are given out until one window before their end, and in it until the end', async () => {
  token = tokenOf(1, { remaining: () => 90 * minute - clock.monotonic() });
  let isAway = false;
  const { credentials } = subject({
    async make() {
      if (isAway) throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');
      madeBy.push(1);
      const members = new Map([['username', 'user']]);
      return { members, leaseId: 'lease', renewable: false, duration: 60 * minute, token };
    },
  });
  expect((await given(credentials)).minutes).toBe(59.5);
  expect(credentials.left()).toBe(60 * minute);
  await clock.advance(59.75 * minute);
  isAway = true;
  // there are none better: they are good to their end
  expect((await given(credentials)).minutes).toBe(0.25);
  expect(said).toEqual([expect.stringMatching(/: it is away$/)]);
  await credentials.close();
});

test('they are good for no longer than their token, and for a seventh less than a short lease', async () => {
  token = tokenOf(1, { remaining: () => 10 * minute });
  const { credentials } = subject();
  expect((await given(credentials)).minutes).toBe(10);
  expect(credentials.left()).toBe(10 * minute);
  await credentials.close();
  const short = subject({
    make: async () => ({
      members: new Map(),
      leaseId: 'lease',
      renewable: false,
      duration: minute,
      token: tokenOf(1),
    }),
  });
  // an eighth of a minute instead of the window of half a minute
  expect((await given(short.credentials)).minutes).toBe(7 / 8);
  await short.credentials.close();
});

test('the next read after the end of their token has others made', async () => {
  let isGone = false;
  token = tokenOf(1, { remaining: () => (isGone ? 0 : Number.POSITIVE_INFINITY) });
  const { credentials, user } = subject();
  expect(await user()).toBe('user-1');
  isGone = true;
  token = tokenOf(2);
  expect(await user()).toBe('user-2');
  await credentials.close();
  expect(revoked).toEqual(['lease-2']);
});

test('a program that does not watch keeps them for as long as it was promised', async () => {
  const { credentials, user } = subject();
  await user();
  const moving = moveTo(credentials, tokenOf(2));
  await vi.waitFor(() => expect(madeBy).toEqual([1, 2]));
  await clock.advance(59.4 * minute);
  expect(revoked).toEqual([]);
  await clock.advance(0.2 * minute);
  expect(revoked).toEqual(['lease-1']);
  expect(moving.isOver).toBe(true);
  await credentials.close();
});

describe('a renewal', () => {
  const renewable = (renew: LeaseRequests['renew']) => {
    let made = 0;
    return subject({
      renew,
      async make() {
        made += 1;
        const members = new Map([['username', `user-${made}`]]);
        return { members, leaseId: `lease-${made}`, renewable: true, duration: 60 * minute, token };
      },
    });
  };

  test.each<[string, () => Promise<number | undefined>, string, readonly unknown[]]>([
    ['that finds the lease gone', async () => undefined, 'user-2', []],
    [
      'with a token that is not known',
      () => Promise.reject(new SecretError('ERR_SECRET_UNAUTHENTICATED', 'unknown')),
      'user-2',
      [expect.stringMatching(/database\/creds\/shop.*: unknown$/)],
    ],
    [
      'that is not allowed leaves them good',
      () => Promise.reject(new SecretError('ERR_SECRET_DENIED', 'not allowed')),
      'user-1',
      [expect.stringMatching(/database\/creds\/shop.*: not allowed$/)],
    ],
  ])('%s', async (_, renew, next, told) => {
    const renewing = vi.fn(renew);
    const { credentials, user } = renewable(renewing);
    await user();
    await clock.advance(45 * minute);
    expect(renewing).toHaveBeenCalledTimes(1);
    expect(said).toEqual(told);
    expect(await user()).toBe(next);
    await credentials.close();
  });

  test('that gets no answer is repeated, and not after the end', async () => {
    const renewing = vi.fn(() =>
      Promise.reject(new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away')),
    );
    const { credentials, user } = renewable(renewing);
    await user();
    await clock.advance(50 * minute);
    expect(renewing.mock.calls.length).toBeGreaterThan(2);
    const before = [renewing.mock.calls.length, said.length];
    await credentials.close();
    await clock.advance(60 * minute);
    expect([renewing.mock.calls.length, said.length]).toEqual(before);
    expect(revoked).toEqual(['lease-1']);
  });
});

test('a refusal to make others is not hidden by those at hand', async () => {
  let isDenied = false;
  const { credentials, user } = subject({
    async make() {
      if (isDenied) throw new SecretError('ERR_SECRET_DENIED', 'not allowed');
      const members = new Map([['username', 'user']]);
      return { members, leaseId: 'lease', renewable: false, duration: 60 * minute, token };
    },
  });
  await user();
  await clock.advance(59.75 * minute);
  isDenied = true;
  expect((await failureOf(user())).code).toBe('ERR_SECRET_DENIED');
  await credentials.close();
});

test('a revocation that fails for another reason than a denial is said, whatever the token is', async () => {
  const { credentials, user } = subject({
    async revoke() {
      throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');
    },
  });
  await user();
  await credentials.close();
  expect(said).toEqual([expect.stringMatching(/: it is away$/)]);
});
