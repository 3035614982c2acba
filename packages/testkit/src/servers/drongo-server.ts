/**
 * An emulated Google Cloud for tests: drongo's server, from PATH or installed once by pip into the user's cache. It keeps
 * everything in memory, and checks no credentials.
 */
import { findPythonProgram } from './python-program.ts';
import { serverProcess } from './server-process.ts';

const version = '0.8.0';

/** A running drongo. */
export interface DrongoServer {
  /** `http://127.0.0.1:PORT`, in the place of `https://secretmanager.googleapis.com`. */
  readonly address: string;
  /** Ends it. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts drongo on a free port of the loopback interface. It dies with the process that started it.
 *
 * @throws an `Error` that says how to get drongo, if there is none and pip cannot install it
 * @example
 * ```ts
 * import { startDrongoServer } from '@keyfall/testkit';
 *
 * const cloud = await startDrongoServer();
 * await fetch(`${cloud.address}/v1/projects/shop/secrets?secretId=TOKEN`, { method: 'POST' });
 * await cloud.stop();
 * ```
 */
export async function startDrongoServer(): Promise<DrongoServer> {
  const { binary, args, env } = await findPythonProgram({
    package: 'drongo',
    version,
    name: 'drongo',
    program: 'drongo',
    module: 'drongo.cli',
  });
  let address = '';
  const server = serverProcess({
    binary,
    // on a port that the system gives it: one that was free a moment ago may be another's by now
    args: [...args, 'server', '--host', '127.0.0.1', '--port', '0'],
    env,
    async ready() {
      address = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(server.log())?.[1] ?? '';
      return address !== '';
    },
  });
  await server.start();
  return { address, stop: () => server.end('SIGTERM') };
}
