/**
 * A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a free port of the
 * loopback interface, which dies with the test process however that ends. For providers whose
 * secrets are database users, and for applications that rotate them.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chown, readdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { onFreePorts } from '../machine/free-port.ts';
import { environmentWith, serverFolder, serverProcess } from './server-process.ts';

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
  const { folder, remove } = await serverFolder();
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
    { ...owner, cwd: folder, env: environmentWith() },
  );
  await rm(passwordFile);

  const settings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
  const startOn = async (port: number) => {
    const server = serverProcess({
      binary: join(programs, 'postgres'),
      args: [
        ...['-D', data, '-k', folder, '-h', '127.0.0.1', '-p', String(port)],
        ...settings.flatMap((setting) => ['-c', setting]),
      ],
      owner,
      cwd: folder,
      ready: async () => server.log().includes('database system is ready to accept connections'),
    });
    await server.start();
    return { port, server };
  };
  const started = await onFreePorts(async (nextPort) => startOn(await nextPort())).catch(
    async (error: unknown) => {
      await remove();
      throw error;
    },
  );
  const stop = async (): Promise<void> => {
    await started.server.end('SIGINT');
    await remove();
  };
  return {
    host: '127.0.0.1',
    port: started.port,
    user: 'postgres',
    password,
    database: 'postgres',
    log: () => started.server.log(),
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
