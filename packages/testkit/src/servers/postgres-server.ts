/**
 * A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a free port of the
 * loopback interface, which dies with the test process however that ends. For providers whose
 * secrets are database users, and for applications that rotate them.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { dieWithParent, until } from './server-process.ts';
import { freePort } from './vault-server.ts';

const run = promisify(execFile);

/** A running server. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** The superuser, and what it logs in with over TCP (SCRAM). */
  readonly user: string;
  readonly password: string;
  /** The database that there is. */
  readonly database: string;
  /** The end of the server's own log, up to 16 KiB. */
  log(): string;
  /** Ends every connection and the server, waits until it is gone and removes its files. */
  stop(): Promise<void>;
  /** As {@link stop}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a PostgreSQL with an empty database `postgres`. Takes some seconds. It runs as this user, or
 * as `nobody` where this user is root, whom PostgreSQL refuses. Nothing is synced to the disk: a
 * crash loses it.
 *
 * @throws an `Error` that says how to get the programs `initdb` and `postgres`, or with the end of the
 *   server's log if it does not start
 * @example
 * ```ts
 * import { startPostgresServer } from '@keyfall/testkit';
 *
 * const postgres = await startPostgresServer();
 * const { host, port, user, password, database } = postgres;
 * // … connect with any client …
 * await postgres.stop();
 * ```
 */
export async function startPostgresServer(): Promise<PostgresServer> {
  const programs = await findPrograms();
  const owner = await unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-postgres-'));
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(folder, 'password');
  const data = join(folder, 'data');
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [folder, passwordFile]) await chown(path, owner.uid, owner.gid);
  await run(
    join(programs, 'initdb'),
    [
      `--pgdata=${data}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { ...owner, cwd: folder, env: environment() },
  );
  await rm(passwordFile);

  const port = await freePort();
  const settings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
  const child = spawn(
    join(programs, 'postgres'),
    [
      ...['-D', data, '-k', folder, '-h', '127.0.0.1', '-p', String(port)],
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    { ...owner, cwd: folder, env: environment(), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-16_384);
  });
  // must not keep a process alive that forgot to stop it
  child.unref();
  (child.stderr as Socket).unref();
  dieWithParent(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.ref();
    child.kill('SIGINT'); // "fast": does not wait for clients to leave
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error('PostgreSQL ended at once.');
      return log.includes('database system is ready to accept connections');
    }, 'PostgreSQL to be ready');
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : ''}\n${log.trimEnd()}`);
  }
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    log: () => log,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The folder of the newest PostgreSQL: Debian keeps its programs off PATH. */
async function findPrograms(): Promise<string> {
  const debian = '/usr/lib/postgresql';
  const versions = await readdir(debian).catch(() => []);
  const folders = [
    ...versions
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
  ];
  for (const folder of folders) {
    const found = await Promise.all(
      ['initdb', 'postgres'].map((program) =>
        access(join(folder, program), constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (found.every(Boolean)) return folder;
  }
  throw new Error(
    'PostgreSQL is not installed: no initdb and postgres on PATH or under /usr/lib/postgresql. On Debian: apt-get install postgresql',
  );
}

/** Who the server runs as. */
async function unprivileged(): Promise<{ readonly uid: number; readonly gid: number }> {
  const [uid, gid] = [process.getuid?.() ?? -1, process.getgid?.() ?? -1];
  if (uid !== 0) return { uid, gid };
  const id = async (flag: string) => Number((await run('id', [flag, 'nobody'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

/** Without the developer's own PGHOST, PGDATA and the like. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PG/.test(name)));
}
