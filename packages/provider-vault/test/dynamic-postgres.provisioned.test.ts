/**
 * Database users from OpenBao's database engine on a real PostgreSQL, under the policy of
 * `docs/vault/dynamic.hcl`, and a real pool that follows them.
 */
import { readFile } from 'node:fs/promises';
import { createSecrets, type Secrets } from '@keyfall/core';
import {
  assertNoLeak,
  manualClock,
  type PostgresServer,
  startPostgresServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type VaultDynamicOptions, vaultDynamic } from '../src/index.ts';
import { tokenFor } from './harness.ts';
import { rotatingPool } from './rotating-pool.ts';
import { leasesOf } from './user-registry.ts';

const minute = 60_000;
const text = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

let server: VaultServer;
let postgres: PostgresServer;
let admin: pg.Client;
let token: string;

beforeAll(async () => {
  [server, postgres] = await Promise.all([
    startVaultServer({ external: false }),
    startPostgresServer(),
  ]);
  const { host, port, user, password, database } = postgres;
  admin = new pg.Client({ host, port, user, password, database });
  await admin.connect();
  await admin.query('CREATE TABLE orders (id serial PRIMARY KEY, worker integer)');
  await server.request('POST', 'sys/mounts/database', { type: 'database' });
  await server.request('POST', 'database/config/shop', {
    plugin_name: 'postgresql-database-plugin',
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=disable`,
    allowed_roles: '*',
    username: user,
    password,
  });
  await role('shop', '1h', '1h');
});
afterAll(async () => {
  await admin?.end();
  await postgres?.stop();
  await server?.stop();
});

/** A role of the engine. Its users may read and write orders, and are dropped at the end of their lease. */
async function role(name: string, ttl: string, maxTtl: string): Promise<void> {
  await server.request('POST', `database/roles/${name}`, {
    db_name: 'shop',
    creation_statements: [
      `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
      'GRANT SELECT, INSERT ON orders TO "{{name}}"',
      'GRANT USAGE ON SEQUENCE orders_id_seq TO "{{name}}"',
    ],
    default_ttl: ttl,
    max_ttl: maxTtl,
  });
}

/** The users that the engine has made and not dropped. */
async function users(): Promise<readonly string[]> {
  const { rows } = await admin.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'`);
  return rows.map(({ rolname }) => rolname);
}

const dynamic = (options: Partial<VaultDynamicOptions> = {}) =>
  vaultDynamic({
    address: server.address,
    path: 'database/creds/shop',
    token,
    env: {},
    ...options,
  });

const poolOf = (credentials: Secrets) =>
  rotatingPool(credentials, { host: postgres.host, port: postgres.port, database: 'postgres' });

/** Workers that query without a pause, each waiting for its answer. */
function load(pool: { readonly current: pg.Pool }, workers = 4) {
  let over = false;
  let answered = 0;
  const failures: unknown[] = [];
  const seen = new Set<string>();
  const work = async (worker: number) => {
    while (!over)
      try {
        const sql = 'INSERT INTO orders (worker) VALUES ($1) RETURNING current_user AS who';
        const { rows } = await pool.current.query(sql, [worker]);
        seen.add(rows[0].who);
        answered += 1;
      } catch (error) {
        failures.push(error);
      }
  };
  const all = Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return {
    failures,
    seen,
    get answered() {
      return answered;
    },
    async end() {
      over = true;
      await all;
    },
  };
}

describe('a pool', () => {
  test('answers every query through ten rotations', async () => {
    const before = Number((await admin.query('SELECT count(*) FROM orders')).rows[0].count);
    const clock = manualClock();
    // the server's own time stands still beside ours: a renewal would move the end for ever
    const rules = (await text('docs/vault/dynamic.hcl')).replace('sys/leases/renew', 'sys/none');
    const policy = await server.createPolicy(rules);
    ({ token } = await server.createToken({
      policies: [policy],
      more: { no_default_policy: true },
    }));
    const credentials = createSecrets({ providers: [dynamic({ clock })], clock });
    const said: string[] = [];
    credentials.on('warning', ({ message }) => said.push(message));
    const secretsSeen: string[] = [];
    const pool = await poolOf(credentials);
    const queries = load(pool);
    for (let rotation = 1; rotation <= 10; rotation += 1) {
      const { username: old = '', password = '' } = await credentials.getAll();
      secretsSeen.push(password);
      await vi.waitFor(() => expect(queries.seen).toContain(old), 20_000);
      // replaced at 59 min, revoked half a minute later: between the two we look
      await clock.advance(58.4 * minute);
      await vi.waitFor(
        async () => {
          await clock.advance(1_000);
          expect((await credentials.getAll())['username']).not.toBe(old);
        },
        { timeout: 20_000, interval: 5 },
      );
      const { username: fresh } = await credentials.getAll();
      await vi.waitFor(() => expect(queries.seen).toContain(fresh), 20_000);
      // until the old pool has ended, both users are there
      await vi.waitFor(async () => {
        const sql = 'SELECT count(*) FROM pg_stat_activity WHERE usename = $1';
        expect(Number((await admin.query(sql, [old])).rows[0].count)).toBe(0);
      }, 20_000);
      expect([...(await users())].sort()).toEqual([old, fresh].sort());
      await clock.advance(0.5 * minute);
      await vi.waitFor(async () => expect(await users()).toEqual([fresh]), 20_000);
    }
    await queries.end();
    expect(queries.failures).toEqual([]);
    expect(queries.seen.size).toBe(11);
    const after = Number((await admin.query('SELECT count(*) FROM orders')).rows[0].count);
    expect(after - before).toBe(queries.answered);
    await pool.close();
    await credentials.close();
    expect(await users()).toEqual([]);
    expect(await leasesOf(server, 'database/creds/shop')).toEqual([]);
    expect(said).toEqual([expect.stringContaining('could not be renewed')]);
    assertNoLeak([token, ...secretsSeen], said, credentials.status());
  }, 120_000);

  test('follows leases that are renewed to their longest life and then really end', async () => {
    await role('brief', '4s', '6s');
    ({ token } = await tokenFor(
      server,
      (await text('docs/vault/dynamic.hcl')).replace('creds/shop', 'creds/brief'),
    ));
    const credentials = createSecrets({ providers: [dynamic({ path: 'database/creds/brief' })] });
    const said: unknown[] = [];
    credentials.on('warning', (event) => said.push(event));
    const pool = await poolOf(credentials);
    const queries = load(pool, 2);
    await vi.waitFor(() => expect(queries.seen.size).toBeGreaterThanOrEqual(4), 60_000);
    await queries.end();
    expect(queries.failures).toEqual([]);
    expect(said).toEqual([]);
    await pool.close();
    await credentials.close();
    expect(await users()).toEqual([]);
  }, 90_000);

  test('is the one that the documentation shows', async () => {
    const shown = await text('docs/providers/vault-dynamic.md');
    const own = await text('packages/provider-vault/test/rotating-pool.ts');
    expect(shown).toContain(own.trim());
  });
});
