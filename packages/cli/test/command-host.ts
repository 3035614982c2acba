/**
 * The process in which commands run one after the other (`host.mjs`), seen from the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A command to run. */
interface HostedCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What it printed, and its exit code. */
interface HostedResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands, one at a time. */
export interface CommandHost {
  /** Whether a command runs there now. */
  readonly isBusy: boolean;
  run(command: HostedCommand): Promise<HostedResult>;
}

/** Makes one for this executable. Its process starts with the first command, and ends with ours. */
export function commandHost(bin: string): CommandHost {
  let isBusy = false;
  let child: ChildProcess | undefined;
  const end = `\0${randomUUID()}`;

  function running(): ChildProcess {
    if (child?.connected) return child;
    const program = fileURLToPath(new URL('./host.mjs', import.meta.url));
    child = spawn(process.execPath, [program, bin], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {}, // some variables count when Node starts: NODE_PATH, which a package manager sets
    });
    child.on('error', () => {}); // it ends then, which is noticed below
    return child;
  }

  return {
    get isBusy() {
      return isBusy;
    },
    async run(command) {
      const host = running();
      isBusy = true;
      keepAlive(host, true);
      try {
        const [code, stdout, stderr] = await Promise.all([
          answered(host),
          textUntil(host.stdout as Socket, end),
          textUntil(host.stderr as Socket, end),
          host.send({ ...command, end }),
        ]);
        return { code, stdout, stderr };
      } finally {
        isBusy = false;
        keepAlive(host, false);
      }
    },
  };
}

/** A host that waits for a command must not keep a test process from ending. */
function keepAlive(host: ChildProcess, alive: boolean): void {
  for (const each of [host, host.channel, host.stdout as Socket, host.stderr as Socket])
    if (alive) each?.ref();
    else each?.unref();
}

function answered(host: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the process of the commands ended'));
    host.once('exit', gone);
    host.once('message', (code) => {
      host.off('exit', gone);
      resolve(Number(code));
    });
  });
}

function textUntil(stream: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const gone = (): void => reject(new Error('the process of the commands ended'));
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      if (!text.endsWith(end)) return;
      stream.off('data', take).off('end', gone);
      resolve(text.slice(0, -end.length));
    };
    stream.on('data', take).once('end', gone);
  });
}
