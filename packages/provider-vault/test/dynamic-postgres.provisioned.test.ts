/**
 * Database users of a real PostgreSQL under the policy of `docs/vault/dynamic.hcl`, and the pool of the
 * documentation, which follows them.
 */
import { createSecrets } from '@keyfall/core';
import { assertNoLeak, manualClock } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from './harness.ts';
import { loginRelay } from './login-relay.ts';
import { type ShopDatabase, shopDatabase, shopPath, textOf, underLoad } from './shop-database.ts';
import { leasesOf } from './user-registry.ts';

const minute = 60_000;

let shop: ShopDatabase;
beforeAll(async () => {
  shop = await shopDatabase();
});
afterAll(() => shop?.close());

test('answers every query through ten rotations', async () => {
  const before = await shop.orders();
  const clock = manualClock();
  // the server's own time stands still beside ours: a renewal would move the end for ever
  const rules = (await textOf('docs/vault/dynamic.hcl')).replace('sys/leases/renew', 'sys/none');
  const policy = await shop.server.createPolicy(rules);
  const { token } = await shop.server.createToken({
    policies: [policy],
    more: { no_default_policy: true },
  });
  const relay = await loginRelay(shop.server.address);
  const { address } = relay;
  const credentials = createSecrets({
    providers: [shop.provider(token, { clock, address })],
    clock,
  });
  const said: string[] = [];
  credentials.on('warning', ({ message }) => said.push(message));
  const secretsSeen: string[] = [];
  const pool = await shop.pool(credentials);
  const queries = underLoad(pool);
  /** Until when at the latest those that are given out were made. */
  let made = 0;
  for (let rotation = 1; rotation <= 10; rotation += 1) {
    const { username: old = '', password = '' } = await credentials.getAll();
    secretsSeen.push(password);
    await eventually(() => expect(queries.seen).toContain(old));
    // the clock stands still whenever a server or a pool is waited for; a renewal is denied at two thirds
    await clock.advance(made + 45 * minute - clock.monotonic());
    await eventually(() => expect(relay.count('POST sys/leases/renew')).toBe(rotation));
    // replaced at 59 min, revoked half a minute later: between the two we look
    await clock.advance(made + 59 * minute + 1_000 - clock.monotonic());
    made = clock.monotonic();
    await eventually(async () => expect((await credentials.getAll())['username']).not.toBe(old));
    const { username: fresh } = await credentials.getAll();
    await eventually(() => expect(queries.seen).toContain(fresh));
    // until the old pool has ended, both users are there; one that is still asked may open another connection
    await eventually(async () => {
      expect(queries.isAsking(old)).toBe(false);
      const sql = 'SELECT count(*) FROM pg_stat_activity WHERE usename = $1';
      expect(Number((await shop.admin.query(sql, [old])).rows[0].count)).toBe(0);
    });
    expect([...(await shop.users())].sort()).toEqual([old, fresh].sort());
    await clock.advance(0.5 * minute);
    await eventually(async () => expect(await shop.users()).toEqual([fresh]));
  }
  await queries.end();
  expect(queries.failures).toEqual([]);
  expect(queries.seen.size).toBe(11);
  const after = await shop.orders();
  expect(after - before).toBe(queries.answered);
  await pool.close();
  await credentials.close();
  await relay.close();
  expect(await shop.users()).toEqual([]);
  expect(await leasesOf(shop.server, shopPath)).toEqual([]);
  expect(said).toEqual([expect.stringContaining('could not be renewed')]);
  assertNoLeak([token, ...secretsSeen], said, credentials.status());
}, 120_000);

test('the pool is the one that the documentation shows', async () => {
  const shown = await textOf('docs/providers/vault-dynamic.md');
  const own = await textOf('packages/provider-vault/test/rotating-pool.ts');
  expect(shown).toContain(own.trim());
});
