/**
 * Database users from OpenBao's database engine on a real PostgreSQL, under the policy of
 * `docs/vault/dynamic.hcl`, and a real pool that follows them.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSecrets, type Secrets } from '@keyfall/core';
import {
  assertNoLeak,
  findVaultBinary,
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
  await admin.query('CREATE ROLE shop_app NOLOGIN');
  await admin.query('GRANT SELECT, INSERT ON orders TO shop_app');
  await admin.query('GRANT USAGE ON SEQUENCE orders_id_seq TO shop_app');
  await setUpAsDocumented();
});
afterAll(async () => {
  await admin?.end();
  await postgres?.stop();
  await server?.stop();
});

/** Types the commands of the documentation. */
async function setUpAsDocumented(): Promise<void> {
  const page = await text('docs/providers/vault-dynamic.md');
  const [, commands = ''] = /^```sh no-test=needs-postgresql\n([\s\S]+?)^```$/m.exec(page) ?? [];
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-database-'));
  await writeFile(join(folder, 'superuser-password'), postgres.password, { mode: 0o600 });
  await symlink(await findVaultBinary(), join(folder, 'bao'));
  await symlink(fileURLToPath(new URL('../../../docs', import.meta.url)), join(folder, 'docs'));
  await promisify(execFile)(
    'bash',
    ['-euc', commands.replace('127.0.0.1:5432', `${postgres.host}:${postgres.port}`)],
    {
      cwd: folder,
      env: {
        PATH: `${folder}:${process.env['PATH']}`,
        HOME: folder,
        BAO_ADDR: server.address,
        BAO_TOKEN: server.token,
      },
    },
  );
  await rm(folder, { recursive: true });
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
    const { body } = await server.request('GET', 'database/roles/shop');
    const brief = { ...body.data, default_ttl: '4s', max_ttl: '6s' };
    await server.request('POST', 'database/roles/shop', brief);
    ({ token } = await tokenFor(server, await text('docs/vault/dynamic.hcl')));
    const credentials = createSecrets({ providers: [dynamic()] });
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
