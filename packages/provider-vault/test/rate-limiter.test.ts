/** `VAULT_RATE_LIMIT`, on a clock that the test moves. */
import { isSecretError } from '@keyfall/core';
import { faultyServer } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { rateLimiter } from '../src/http/rate-limiter.ts';
import { vaultProvider } from '../src/index.ts';
import { context } from './harness.ts';

const from = 'the variable VAULT_RATE_LIMIT';
const patient = { signal: new AbortController().signal, remainingTimeout: () => 60_000 };
const hasty = { ...patient, remainingTimeout: () => 0 };
const refused = { kind: 'failure', what: 'rate-limit', detail: from, sent: false };

test('a burst goes out at once, and then as many as the rate allows', async () => {
  let now = 0;
  const limiter = rateLimiter({ rate: 2, burst: 3, from }, () => now);
  for (let turn = 0; turn < 3; turn += 1) expect(await limiter.turn(hasty)).toBeUndefined();
  expect(await limiter.turn(hasty)).toEqual(refused);
  now = 499;
  expect(await limiter.turn(hasty)).toEqual(refused);
  now = 500;
  expect(await limiter.turn(hasty)).toBeUndefined();
  expect(await limiter.turn(hasty)).toEqual(refused);
  now = 3_600_000; // never more than the burst is saved up
  for (let turn = 0; turn < 3; turn += 1) expect(await limiter.turn(hasty)).toBeUndefined();
  expect(await limiter.turn(hasty)).toEqual(refused);
});

test('a waiting request has its turn before a later one, and one that gives up leaves its turn', async () => {
  let now = 0;
  const limiter = rateLimiter({ rate: 1, burst: 1, from }, () => now);
  expect(await limiter.turn(hasty)).toBeUndefined();
  const caller = new AbortController();
  const waiting = limiter.turn({ ...patient, signal: caller.signal });
  now = 1_000; // this token is taken already
  expect(await limiter.turn(hasty)).toEqual(refused);
  caller.abort();
  expect(await waiting).toMatchObject({ what: 'aborted', sent: false });
  expect(await limiter.turn(hasty)).toBeUndefined();
});

test('a turn that comes is waited for', async () => {
  const limiter = rateLimiter({ rate: 1_000, burst: 1, from });
  const turns = await Promise.all(Array.from({ length: 5 }, () => limiter.turn(patient)));
  expect(turns).toEqual(Array(5).fill(undefined));
});

test('a read beyond the limit is not sent, and says whose limit it is', async () => {
  const body = { data: { data: {}, metadata: { version: 1 } } };
  const server = await faultyServer({ kind: 'status', status: 200, body });
  const provider = vaultProvider({
    path: 'shop',
    kvVersion: 2,
    env: { VAULT_ADDR: server.address, VAULT_TOKEN: 'token', BAO_RATE_LIMIT: '0.001:1' },
  });
  await provider.read('all', context());
  const error = await provider.read('all', context()).catch((why: unknown) => why);
  expect(isSecretError(error, 'ERR_SECRET_UNAVAILABLE') && error.reason).toContain(
    'BAO_RATE_LIMIT',
  );
  expect(server.requests).toHaveLength(1);
  await provider.close?.();
  await server.close();
});
