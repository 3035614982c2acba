import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  assertNoLeak,
  sharedVaultServer,
  startPostgresServer,
  type VaultServer,
} from '@keyfall/testkit';
import pg from 'pg';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { exampleEnvironment } from '../../../test/started-example.ts';
import { startMariaDb, startRedis } from './servers.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));

let server: VaultServer;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv({ version: 2 });
});

const newPassword = () => `canary-${randomBytes(8).toString('hex')}`;
const store = (data: object) => server.request('POST', `${mount}/data/example`, { data });

/** `npm start` on a database at this port, and what it has printed. */
function start(kind: string, port: number) {
  const child = spawn('npm', ['--silent', 'start', '--', kind], {
    cwd,
    env: exampleEnvironment({
      VAULT_ADDR: server.address,
      VAULT_TOKEN: server.token,
      VAULT_MOUNT_POINT: mount,
      TTL: '100ms',
      DB_PORT: `${port}`,
    }),
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
    });
  const ended = once(child, 'close');
  const group = -(child.pid ?? Number.NaN);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(group, 'SIGKILL');
    await ended;
  });
  const count = (line: RegExp) => output.match(line)?.length ?? 0;
  const until = (line: RegExp, times: number) =>
    vi.waitFor(
      () => {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`It has ended:\n${output}`);
        expect(count(line)).toBeGreaterThanOrEqual(times);
      },
      { timeout: 60_000, interval: 20 },
    );
  return {
    /** Waits until so many more of its queries were answered. */
    answered: (queries: number) => until(/^answered/gm, count(/^answered/gm) + queries / 100),
    /** Waits until it has noticed so many changes. */
    changed: (times: number) => until(/^changed/gm, times),
    async stop() {
      process.kill(group, 'SIGINT');
      await ended;
      return output;
    },
  };
}

/** A database whose only password of the user changes, first in the store or first in itself. */
async function rotate(
  kind: string,
  port: number,
  setPassword: (password: string) => Promise<unknown>,
): Promise<void> {
  const passwords = [newPassword()];
  await setPassword(passwords[0] ?? '');
  await store({ DB_PASS: passwords[0] });
  const application = start(kind, port);
  await application.answered(100);
  for (let rotation = 1; rotation <= 10; rotation += 1) {
    const next = newPassword();
    passwords.push(next);
    const isStoreFirst = rotation % 2 === 1;
    if (!isStoreFirst) await setPassword(next);
    await store({ DB_PASS: next });
    await application.changed(rotation);
    // until now it logs in with what the database does not know yet
    if (isStoreFirst) await setPassword(next);
    // more than all connections of a pool may be used for
    await application.answered(300);
  }
  const output = await application.stop();
  expect(output).toContain('ended without a failed query');
  assertNoLeak([...passwords, server.token], output);
}

test('pg goes through ten rotations of a password without a failed query', async () => {
  const postgres = await startPostgresServer();
  onTestFinished(() => postgres.stop());
  const { host, port, user, password, database } = postgres;
  const admin = new pg.Client({ host, port, user, password, database });
  await admin.connect();
  await admin.query('CREATE ROLE shop LOGIN');
  await rotate('postgres', port, (next) => admin.query(`ALTER ROLE shop PASSWORD '${next}'`));
  const { rows } = await admin.query('SELECT count(*) FROM pg_stat_activity WHERE usename = $1', [
    'shop',
  ]);
  expect(Number(rows[0].count)).toBe(0);
  await admin.end();
});

test('mysql2 goes through ten rotations of a password without a failed query', async () => {
  const { port, admin } = await startMariaDb();
  await admin.query("CREATE USER shop IDENTIFIED BY 'first'");
  await rotate('mysql', port, (next) => admin.query('ALTER USER shop IDENTIFIED BY ?', [next]));
});

test('ioredis goes through ten rotations of a password without a failed query', async () => {
  const { port, admin } = await startRedis();
  let old = newPassword();
  const passwords = [old];
  await admin.call('ACL', 'SETUSER', 'shop', 'on', `>${old}`, '~*', '+@all');
  await store({ REDIS_PASS: old });
  const application = start('redis', port);
  await application.answered(100);
  for (let rotation = 1; rotation <= 10; rotation += 1) {
    const next = newPassword();
    passwords.push(next);
    await admin.call('ACL', 'SETUSER', 'shop', `>${next}`);
    await store({ REDIS_PASS: next });
    await application.changed(rotation);
    await admin.call('ACL', 'SETUSER', 'shop', `<${old}`);
    expect(await admin.call('CLIENT', 'KILL', 'USER', 'shop')).toBe(1);
    old = next;
    await application.answered(100);
  }
  const output = await application.stop();
  expect(output).toContain('ended without a failed query');
  assertNoLeak([...passwords, server.token], output);
});
