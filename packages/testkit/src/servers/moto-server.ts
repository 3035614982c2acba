/**
 * An emulated AWS for tests: moto's server, from PATH or installed once by pip into the user's cache.
 * It keeps everything in memory, and can check signatures and policies as AWS does.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, onPath, provideOnce } from './provide-once.ts';
import { type ServerProcessOptions, serverProcess } from './server-process.ts';

const run = promisify(execFile);
const version = '5.2.5';
const hint = 'Install it with "pip install moto[server]", so that moto_server is on PATH.';

/** A running moto. */
export interface MotoServer {
  /** `http://127.0.0.1:PORT`, for the SDK's `endpoint`. */
  readonly address: string;
  /** From now on signatures and IAM policies are checked (or not any more). Affects every client. */
  enforcePolicies(enforce: boolean): Promise<void>;
  /** Ends it. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts moto on a free port of the loopback interface. It dies with the process that started it.
 *
 * @throws an `Error` that says how to get moto, if there is none and pip cannot install it
 * @example
 * ```ts
 * import { startMotoServer } from '@keyfall/testkit';
 *
 * const aws = await startMotoServer();
 * process.env['AWS_ENDPOINT_URL'] = aws.address;
 * await aws.stop();
 * ```
 */
export async function startMotoServer(): Promise<MotoServer> {
  const { binary, args, env = {} } = await findMoto();
  let address = '';
  const server = serverProcess({
    binary,
    // on a port that the system gives it: one that was free a moment ago may be another's by now
    args: [...args, '-H', '127.0.0.1', '-p', '0'],
    env,
    async ready() {
      address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(server.log())?.[1] ?? '';
      return address !== '' && answers(address);
    },
  });
  await server.start();
  return {
    address,
    async enforcePolicies(enforce) {
      // how many more calls go unchecked: https://docs.getmoto.org/en/latest/docs/iam.html
      const body = enforce ? '0' : 'inf';
      const answer = await fetch(`${address}/moto-api/reset-auth`, { method: 'POST', body });
      if (!answer.ok) throw new Error(`moto answered ${answer.status} to reset-auth`);
    },
    stop: () => server.end('SIGTERM'),
  };
}

async function answers(address: string): Promise<boolean> {
  try {
    return (await fetch(`${address}/moto-api/`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** How to start moto: its own program, or its package in the cache under the machine's python. */
async function findMoto(): Promise<Pick<ServerProcessOptions, 'binary' | 'args' | 'env'>> {
  const installed = await onPath('moto_server');
  if (installed !== undefined) return { binary: installed, args: [] };
  const python = (await onPath('python3')) ?? (await onPath('python'));
  if (python === undefined)
    throw new Error(`There is no python3 on PATH to run moto with. ${hint}`);
  const cache = cacheFolder('moto');
  const folder = join(cache, version);
  await provideOnce({
    what: 'moto',
    cache,
    target: join(folder, 'bin', 'moto_server'),
    provide: () => install(python, cache, folder),
  });
  return { binary: python, args: ['-m', 'moto.server'], env: { PYTHONPATH: folder } };
}

async function install(python: string, cache: string, folder: string): Promise<void> {
  const work = await mkdtemp(join(cache, 'work-'));
  // into a folder, since a venv needs a Debian package of its own and cannot be moved
  const pip = '-m pip install --quiet --disable-pip-version-check --target'.split(' ');
  try {
    await run(python, [...pip, work, `moto[server]==${version}`], { timeout: 14 * 60_000 });
    await rename(work, folder);
  } catch (error) {
    // pip's own text names package indexes, which may carry credentials: only the exit code
    const code = (error as { code?: unknown }).code ?? 'a signal';
    throw new Error(`"pip install moto[server]==${version}" failed (${code}). ${hint}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
