/**
 * A real PostgreSQL under OpenBao's database engine, set up by the commands of
 * `docs/providers/vault-dynamic.md`, and a pool under load that follows its credentials.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Secrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  findVaultBinary,
  type PostgresServer,
  startPostgresServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import pg from 'pg';
import { type VaultDynamicOptions, vaultDynamicProvider } from '../src/index.ts';
import { rotatingPool } from './rotating-pool.ts';

/** Where the credentials of the documented role are. */
export const shopPath = 'database/creds/shop';

export interface ShopDatabase {
  readonly server: VaultServer;
  /** The superuser's connection. */
  readonly admin: pg.Client;
  /** The users that the engine has made and not dropped. */
  users(): Promise<readonly string[]>;
  /** How many orders were written. */
  orders(): Promise<number>;
  provider(token: string, options?: Partial<VaultDynamicOptions>): SecretProvider;
  pool(credentials: Secrets): ReturnType<typeof rotatingPool>;
  close(): Promise<void>;
}

/** The text of a file of the repository. */
export function textOf(path: string): Promise<string> {
  return readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

export async function shopDatabase(): Promise<ShopDatabase> {
  const [server, postgres] = await Promise.all([
    startVaultServer({ external: false }),
    startPostgresServer(),
  ]);
  const { host, port, user, password, database } = postgres;
  const admin = new pg.Client({ host, port, user, password, database });
  await admin.connect();
  await admin.query('CREATE TABLE orders (id serial PRIMARY KEY, worker integer)');
  await admin.query('CREATE ROLE shop_app NOLOGIN');
  await admin.query('GRANT SELECT, INSERT ON orders TO shop_app');
  await admin.query('GRANT USAGE ON SEQUENCE orders_id_seq TO shop_app');
  await setUpAsDocumented(server, postgres);
  return {
    server,
    admin,
    async users() {
      const { rows } = await admin.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'`);
      return rows.map(({ rolname }) => rolname);
    },
    async orders() {
      return Number((await admin.query('SELECT count(*) FROM orders')).rows[0].count);
    },
    provider: (token, options) =>
      vaultDynamicProvider({ address: server.address, path: shopPath, token, env: {}, ...options }),
    pool: (credentials) => rotatingPool(credentials, { host, port, database }),
    async close() {
      await admin.end();
      await postgres.stop();
      await server.stop();
    },
  };
}

/** Types the commands of the documentation. */
async function setUpAsDocumented(server: VaultServer, postgres: PostgresServer): Promise<void> {
  const page = await textOf('docs/providers/vault-dynamic.md');
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

/** What workers under load have seen so far. */
export interface Load {
  readonly answered: number;
  readonly failures: readonly unknown[];
  /** The users as whom queries ran. */
  readonly seen: ReadonlySet<string>;
  /** Whether a worker's last query is one of this user, answered or not. */
  isAsking(user: string): boolean;
  end(): Promise<void>;
}

/** Workers that query without a pause, each waiting for its answer. */
export function underLoad(pool: { readonly current: pg.Pool }, workers = 4): Load {
  let over = false;
  let answered = 0;
  const failures: unknown[] = [];
  const seen = new Set<string>();
  /** As whom each worker asks now. */
  const asking = new Map<number, string | undefined>();
  const work = async (worker: number) => {
    while (!over)
      try {
        const sql = 'INSERT INTO orders (worker) VALUES ($1) RETURNING current_user AS who';
        const { current } = pool;
        asking.set(worker, current.options.user);
        const { rows } = await current.query(sql, [worker]);
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
    isAsking: (user) => [...asking.values()].includes(user),
    get answered() {
      return answered;
    },
    async end() {
      over = true;
      await all;
    },
  };
}
