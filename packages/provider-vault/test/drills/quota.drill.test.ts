/**
 * A rate-limit quota of a real server, which tells when to come back only if its operator says so.
 */
import { memoryProvider } from '@keyfall/core';
import { afterEach, expect, test } from 'vitest';
import { vaultProvider } from '../../src/index.ts';
import { context, writePolicy } from '../harness.ts';
import { drill, path, plain, relay, server, stage, token, value } from './stage.ts';

stage({ rules: writePolicy });
afterEach(async () => {
  await server.request('DELETE', 'sys/quotas/rate-limit/drill', undefined, { allow: [404] });
});

const provider = () =>
  vaultProvider({ address: relay.address, path, token, kvVersion: 2, env: {} });
const reads = () => relay.count(`GET secret/data/${path}`);

/** One request in so many seconds; `tell`: with `Retry-After`. */
async function limitTo(seconds: number, tell: boolean): Promise<void> {
  await server.request('POST', 'sys/quotas/config', {
    enable_rate_limit_response_headers: tell,
  });
  await server.request('POST', 'sys/quotas/rate-limit/drill', {
    path: 'secret/',
    rate: 1,
    interval: `${seconds}s`,
  });
}

test('with Retry-After: it is waited for where the time allows, and then the answer is there', async () => {
  await limitTo(2, true);
  const vault = provider();
  await vault.read('all', context());
  const { entries } = await vault.read('all', context());
  expect(entries.get('A')).toMatchObject({ value });
  // the first; the one that was refused; and hardly more, since it came when it was told to
  expect(reads()).toBeGreaterThanOrEqual(3);
  expect(reads()).toBeLessThanOrEqual(4);
  await vault.close?.();
});

test('with Retry-After beyond the time that is left: it fails at once, and the chain goes on', async () => {
  await limitTo(3_600, true);
  const secrets = drill.open({ providers: [provider()], ttl: 1 });
  expect(await secrets.get('A')).toBe(value);
  for (let count = 0; count < 20; count += 1) expect(await secrets.get('A')).toBe(value);
  expect(reads()).toBe(2);
  const late = drill.open({
    providers: [provider(), memoryProvider({ A: plain }, { name: 'dotenv' })],
  });
  expect(await late.get('A')).toBe(plain);
  expect(reads()).toBe(3);
  expect(drill.events).toContainEqual(
    expect.objectContaining({
      type: 'fallback',
      answeredBy: 'dotenv',
      detail: expect.stringContaining('limits the rate'),
    }),
  );
});

test('without it: two repeats and no more', async () => {
  await limitTo(3_600, false);
  const vault = provider();
  await vault.read('all', context());
  const refused = await drill.errorOf(vault.read('all', context()));
  expect(refused).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    storeStatus: 429,
    retryable: true,
  });
  expect(reads()).toBe(4);
  await vault.close?.();
});
