/**
 * A MariaDB and a Redis of a test, each in a folder of its own on a free port of the loopback interface.
 */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@keyfall/testkit';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';
import { onTestFinished, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';

/** Starts a server, which ends with the test. Returns what ends it before. */
function serve(program: string, args: readonly string[], cwd: string): () => Promise<void> {
  // where Debian has daemons
  const PATH = `${process.env['PATH']}:/usr/sbin`;
  const child = spawn(program, args, { cwd, stdio: 'ignore', env: { PATH } });
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(stop);
  return stop;
}

/**
 * Starts a Redis, and returns its port and a connection that may do everything.
 *
 * @param place - default: a free port of 127.0.0.1
 */
export async function startRedis(
  place?: Readonly<{ host: string; port: number }>,
): Promise<{ readonly port: number; readonly admin: Redis; stop(): Promise<void> }> {
  const { host, port } = place ?? { host: '127.0.0.1', port: await freePort() };
  const stop = serve(
    'redis-server',
    ['--port', `${port}`, '--bind', host, '--save', ''],
    await testFolder(),
  );
  const admin = new Redis({ port, host, retryStrategy: () => 50 });
  admin.on('error', () => {}); // until it listens
  onTestFinished(() => admin.disconnect());
  await admin.ping();
  return { port, admin, stop };
}

/** Starts a MariaDB, and returns its port and a connection that may do everything. */
export async function startMariaDb(): Promise<{
  readonly port: number;
  readonly admin: mysql.Connection;
}> {
  const [cwd, port] = [await testFolder(), await freePort()];
  const data = join(cwd, 'data');
  const own = ['--no-defaults', `--datadir=${data}`];
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? ['--user=root'] : [];
  await promisify(execFile)(
    'mariadb-install-db',
    [...own, ...user, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { cwd },
  );
  const socketPath = join(cwd, 'socket');
  const network = [`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${socketPath}`];
  serve('mariadbd', [...own, ...user, ...network], cwd);
  const admin = await vi.waitFor(() => mysql.createConnection({ socketPath, user: 'root' }), {
    timeout: 60_000,
    interval: 100,
  });
  onTestFinished(() => admin.destroy());
  return { port, admin };
}
