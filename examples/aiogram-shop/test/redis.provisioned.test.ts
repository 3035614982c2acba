/** The throttle on a real Redis, whose password changes. */
import { randomInt } from 'node:crypto';
import { createSecrets, memoryProvider } from '@keyfall/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startRedis } from '../../rotation/test/servers.ts';
import { liveSchema } from '../src/config.ts';
import { describeError } from '../src/log.ts';
import { openThrottle, type RedisLogin, type Throttle } from '../src/throttle.ts';
import { canaries, leaksIn, settings } from './fixtures.ts';

const first = canaries.REDIS_PASSWORD;
let lines: string[];

/** A Redis at the port that the bot asks, on an address of the loopback interface that nothing else has. */
async function startOwnRedis() {
  const host = `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
  const redis = await startRedis({ host, port: 6379 });
  await redis.admin.config('SET', 'requirepass', first);
  await redis.admin.auth(first);
  return { host, ...redis };
}

/** The throttle as the bot opens it, and its stores. */
async function openAt(host: string, password = first) {
  lines = [];
  const store = memoryProvider({ ...settings, REDIS_PASSWORD: password });
  const secrets = createSecrets({ providers: [store], ttl: '1h' });
  const live = await secrets.view(liveSchema);
  const others = createSecrets({ providers: [store] });
  const login: RedisLogin = {
    host,
    password: () => live.REDIS_PASSWORD,
    refresh: () => secrets.refresh(),
  };
  const throttle = await openThrottle(login, (line) => lines.push(line));
  onTestFinished(() => {
    throttle.close();
    return secrets.close();
  });
  return { throttle, change: (next: string) => others.set('REDIS_PASSWORD', next) };
}

const until = (throttle: Throttle, state: string) =>
  vi.waitFor(() => expect(throttle.state()).toBe(state), { timeout: 30_000, interval: 20 });

test('counts in Redis, where the name of a count holds no secret and lasts for a span', async () => {
  const { host, admin } = await startOwnRedis();
  const { throttle } = await openAt(host);
  expect(await throttle.count(800)).toBe('served');
  const [key = ''] = await admin.keys('*');
  expect(key).toMatch(/^throttle:800:\d+$/);
  expect(await admin.get(key)).toBe('1');
  expect(await admin.pttl(key)).toBeGreaterThan(0);
  expect(lines).toEqual([`Redis at ${host} answers.`]);
});

test('logs in with the new password after a change, whichever of the two had it first', async () => {
  const { host, admin } = await startOwnRedis();
  const { throttle, change } = await openAt(host);
  /** Redis has the password alone from now on, and ends the connections. */
  const changeInRedis = async (next: string) => {
    await admin.config('SET', 'requirepass', next);
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await admin.flushall();
  };
  const counted = () =>
    vi.waitFor(
      async () => {
        expect(await throttle.count(800)).toBe('served');
        expect(await admin.keys('throttle:*')).toHaveLength(1);
      },
      { timeout: 30_000, interval: 500 },
    );

  await changeInRedis('canary-redis-2');
  await until(throttle, 'refused');
  expect(await throttle.count(800)).toBe('served');
  expect(await admin.keys('*')).toEqual([]);
  await change('canary-redis-2');
  await counted();
  await change('canary-redis-3');
  await changeInRedis('canary-redis-3');
  await counted();
  expect(lines.join('\n')).not.toContain('canary');
});

test('distinguishes a password that is refused from a Redis that is down', async () => {
  const { host, stop } = await startOwnRedis();
  const refused = await openAt(host, 'canary-redis-wrong').catch((error: unknown) => error);
  expect(describeError(refused)).toBe('Redis does not accept REDIS_PASSWORD');
  const withoutPassword = await openAt(host, '').catch((error: unknown) => error);
  expect(describeError(withoutPassword)).toBe('Redis does not accept REDIS_PASSWORD');

  const { throttle } = await openAt(host);
  await stop();
  await until(throttle, 'unreachable');
  expect(await throttle.count(800)).toBe('served');
  const again = await startRedis({ host, port: 6379 });
  await again.admin.config('SET', 'requirepass', first);
  await until(throttle, 'ready');
  expect(lines).toEqual([
    `Redis at ${host} answers.`,
    `Redis at ${host} cannot be reached (ECONNREFUSED). Customers are counted in memory instead.`,
    `Redis at ${host} answers.`,
  ]);
  expect(leaksIn(lines.join('\n'))).toEqual([]);
});
