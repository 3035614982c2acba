/**
 * The process behind a server: started, signalled, and never left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type TemporaryFolder, temporaryFolder } from '../machine/temporary-folder.ts';

/** What to start, and how to see that it runs. */
export interface ServerProcessOptions {
  /** The program: `bao` or `vault`. */
  readonly binary: string;
  readonly args: readonly string[];
  /** Written to its stdin, which then ends. Default: it has none. */
  readonly input?: string;
  /** Added to the environment, from which the developer's own `VAULT_`, `BAO_` and `PG` variables are taken. */
  readonly env?: Readonly<Record<string, string>>;
  /** The user that it runs as, and its folder. Default: those of this process. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly cwd?: string;
  /** Whether the started server can be used. Asked until it says so. */
  readonly ready: () => Promise<boolean>;
}

/** `SIGINT` is how PostgreSQL ends without waiting for its clients. */
type EndingSignal = 'SIGTERM' | 'SIGINT' | 'SIGKILL';

/** A server as a process of ours. */
export interface ServerProcess {
  start(): Promise<void>;
  end(signal: EndingSignal): Promise<void>;
  pause(): Promise<void>;
  /** Waits until it answers again. Does nothing to one that has ended. */
  resume(): Promise<void>;
  log(): string;
}

/** A server that is not yet started. */
export function serverProcess({
  binary,
  args,
  input,
  env,
  owner,
  cwd,
  ready,
}: ServerProcessOptions): ServerProcess {
  let child: ChildProcess | undefined;
  let log = '';

  async function start(): Promise<void> {
    const started = spawn(binary, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: environmentWith(env),
      cwd,
      ...owner,
    });
    child = started;
    log = '';
    // it may end before it has read that
    started.stdin?.on('error', () => {}).end(input);
    for (const stream of [started.stdout, started.stderr]) {
      if (stream === null) continue;
      stream.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-16_384);
      });
      (stream as Socket).unref();
    }
    started.unref();
    dieWithParent(started);
    let failed: string | undefined;
    started.once('error', (error: NodeJS.ErrnoException) => {
      failed = `${binary} cannot be started: ${error.code}`;
    });
    started.once('exit', (code, signal) => {
      failed = `${binary} ended with ${signal ?? code}`;
    });
    try {
      await until(async () => {
        if (failed !== undefined) throw new Error(failed);
        return ready();
      }, 'the server to be ready');
    } catch (error) {
      // what it wrote last may still be on its way through the pipe
      if (failed === undefined) await end('SIGKILL');
      else await wait(50);
      throw new Error(`${error instanceof Error ? error.message : ''}\n${log.trimEnd()}`);
    }
  }

  async function end(signal: EndingSignal): Promise<void> {
    const ending = child;
    if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.ref();
    const exited = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    ending.kill(signal);
    ending.kill('SIGCONT'); // a paused process takes SIGTERM only when it goes on
    const gone = await Promise.race([exited.then(() => true), wait(10_000, false, { ref: false })]);
    if (!gone) ending.kill('SIGKILL');
    await exited;
  }

  return {
    start,
    end,
    log: () => log,
    async pause() {
      child?.kill('SIGSTOP');
      const pid = child?.pid;
      if (process.platform === 'linux' && pid !== undefined)
        await until(() => standsStill(pid), 'the server to stand still');
    },
    async resume() {
      if (child?.kill('SIGCONT')) await until(ready, 'the server to answer again');
    },
  };
}

/** The environment without the developer's own settings for such servers, and with `more`. */
export function environmentWith(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(VAULT_|BAO_|PG)/.test(name));
  return { ...Object.fromEntries(own), ...more };
}

/** What goes with this process. */
const alive = new Set<ChildProcess>();
const folders = new Set<string>();
const nothingIsLeft = () => alive.size === 0 && folders.size === 0;

/** A folder for the files of a server. Where this process exits before `remove`, the folder goes too, after the servers. */
export async function serverFolder(): Promise<TemporaryFolder> {
  const { folder, remove } = await temporaryFolder();
  if (nothingIsLeft()) process.once('exit', leaveNothing);
  folders.add(folder);
  return {
    folder,
    async remove() {
      await remove();
      folders.delete(folder);
      if (nothingIsLeft()) process.off('exit', leaveNothing);
    },
  };
}

/**
 * The exit hook covers an orderly end. A test worker that is killed runs no hook: there a shell
 * waits for the end of our pipe to it, which the system closes however we end.
 */
function dieWithParent(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (nothingIsLeft()) process.once('exit', leaveNothing);
  alive.add(child);
  const watchdog =
    process.platform === 'win32'
      ? undefined
      : spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$1"', 'sh', String(child.pid)], {
          stdio: ['pipe', 'ignore', 'ignore'],
        }).on('error', () => {});
  watchdog?.unref();
  (watchdog?.stdin as Socket | undefined)?.unref();
  child.once('exit', () => {
    watchdog?.kill('SIGKILL'); // before the number of the process can be another's
    alive.delete(child);
    if (nothingIsLeft()) process.off('exit', leaveNothing);
  });
}

function leaveNothing(): void {
  for (const child of alive) child.kill('SIGKILL');
  // a killed server may write for a moment yet
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function standsStill(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ') T');
      return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    }),
  );
  return states.every((state) => state === 'T');
}

/** Whether an unsealed server answers there within 2 s. */
export async function healthy(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`${address}/v1/sys/health?standbyok=true`, {
      signal: AbortSignal.timeout(2_000),
    });
    return answer.ok;
  } catch {
    return false;
  }
}

/** Asks every 25 ms, for at most a minute. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited a minute for ${what}.`);
    await wait(25);
  }
}
