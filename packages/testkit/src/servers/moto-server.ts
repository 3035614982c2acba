/**
 * An emulated AWS for tests: moto's server, from PATH or installed once by pip into the user's cache.
 * It keeps everything in memory, and can check signatures and policies as AWS does.
 */
import { findPythonProgram } from './python-program.ts';
import { serverProcess } from './server-process.ts';

const version = '5.2.5';

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
  const { binary, args, env } = await findPythonProgram({
    package: 'moto[server]',
    version,
    name: 'moto',
    program: 'moto_server',
    module: 'moto.server',
  });
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
