/**
 * Leases of database users that really end: no query fails when one is replaced, and no user is left.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, tokenFor } from '../harness.ts';
import { type ShopDatabase, shopDatabase, shopPath, textOf, underLoad } from '../shop-database.ts';
import { leasesOf } from '../user-registry.ts';
import { witness } from './witness.ts';

let shop: ShopDatabase;
beforeAll(async () => {
  shop = await shopDatabase();
});
afterAll(() => shop?.close());

test('a pool follows leases that are renewed to their longest life and then end', async () => {
  const { body } = await shop.server.request('GET', 'database/roles/shop');
  const brief = { ...body.data, default_ttl: '8s', max_ttl: '12s' };
  await shop.server.request('POST', 'database/roles/shop', brief);
  const { token } = await tokenFor(shop.server, await textOf('docs/vault/dynamic.hcl'));
  const canaries = [token, shop.server.token];
  const drill = witness(canaries);
  const credentials = drill.open({ providers: [shop.provider(token)] });
  const pool = await shop.pool(credentials);
  const queries = underLoad(pool, 2);
  await eventually(async () => {
    const { password = '' } = await credentials.getAll();
    if (!canaries.includes(password)) canaries.push(password);
    expect(queries.seen.size).toBe(3);
  }, 60_000);
  await queries.end();
  expect(queries.failures).toEqual([]);
  await pool.close();
  await drill.finish();
  expect(drill.events.filter(({ type }) => type === 'warning' || type === 'failed')).toEqual([]);
  expect(await shop.users()).toEqual([]);
  expect(await leasesOf(shop.server, shopPath)).toEqual([]);
}, 90_000);
