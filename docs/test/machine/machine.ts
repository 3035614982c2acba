/**
 * A machine for a document that makes users, installs services and says what happens after a reboot: see `boot.sh`. It
 * needs root, as itself or by `sudo -n`, and a Linux with the programs of systemd.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findVaultBinary } from '@keyfall/testkit';
import { root } from '../markdown.ts';

/** What a command ended with, and what it wrote to both streams. */
interface Typed {
  readonly status: number | null;
  readonly output: string;
}

/** How a command is typed. */
interface TypeOptions {
  /** Default: root. */
  readonly user?: string;
  /** Typed into a terminal, each when something asks. Default: there is no terminal. */
  readonly answers?: readonly string[];
}

export interface Machine {
  /** Runs a script of bash in the home folder of a user, with nothing of our environment. */
  type(script: string, options?: TypeOptions): Promise<Typed>;
  /** Resolves when it runs again after it was told to reboot. */
  rebooted(): Promise<void>;
  /** Ends all that runs in it, and removes what is stored in it. */
  stop(): Promise<void>;
}

const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];

/**
 * Starts a machine, and resolves when it has booted. It has `bao` and `node`.
 *
 * @param programs - what else is in its `/usr/local/bin`, by name
 */
export async function startMachine(
  programs: Readonly<Record<string, string>> = {},
): Promise<Machine> {
  const work = await realpath(await mkdtemp(join(tmpdir(), 'keyfall-machine-')));
  const script = fileURLToPath(new URL('boot.sh', import.meta.url));
  const node = await realpath(process.execPath);
  const all = Object.entries({ bao: await realpath(await findVaultBinary()), ...programs });
  const child = start([
    ...['setpriv', '--pdeathsig', 'TERM', script, work, root, node],
    ...all.map(([name, path]) => `${name}=${path}`),
  ]);
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  let running = true;
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => {
      running = false;
      resolve();
    });
  });
  /** The process of its init, as we see it. It is another one after a reboot. */
  let init = '';

  const machine: Machine = {
    type: (text, options) => typeInto(init, text, options),
    async rebooted() {
      const before = init;
      while (init === before) {
        if (!running) throw new Error(`The machine did not start:\n${log}`);
        await wait(50);
        init = (await readFile(join(work, 'init'), 'utf8').catch(() => before)).trim();
      }
      const isUp = 'until systemctl is-active --quiet multi-user.target; do sleep 0.1; done';
      const { status, output } = await machine.type(isUp);
      if (status !== 0) throw new Error(`The machine did not boot:\n${output}\n${log}`);
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(work, { recursive: true });
    },
  };
  await machine.rebooted().catch(async (error: unknown) => {
    await machine.stop();
    throw error;
  });
  return machine;
}

function start(command: readonly string[]) {
  const [program = '', ...args] = [...asRoot, ...command];
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** `init` is a process of the machine: all its namespaces are entered. */
async function typeInto(
  init: string,
  script: string,
  { user = 'root', answers }: TypeOptions = {},
): Promise<Typed> {
  const home = user === 'root' ? '/root' : `/home/${user}`;
  const bash = ['bash', '--noprofile', '--norc', '-c'];
  const child = start([
    ...['nsenter', `--target=${init}`, '--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup'],
    ...['env', '-i', 'TERM=dumb', 'NO_COLOR=1', 'LANG=C.UTF-8', 'SHELL=/bin/bash', `HOME=${home}`],
    ...['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', `TYPED=${script}`],
    ...['timeout', '180', 'runuser', '-u', user, '--'],
    ...(answers === undefined
      ? [...bash, 'cd; exec 2>&1; exec bash -c "$TYPED"']
      : ['script', '-qefc', 'cd; exec bash -c "$TYPED"', '/dev/null']),
  ]);
  if (answers === undefined) child.stdin.end();
  const left = [...(answers ?? [])];
  let output = '';
  let seen = 0;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      // what asks writes a colon at the end, and waits
      if (left.length > 0 && /: ?(?:\r\n)?$/.test(output.slice(seen))) {
        seen = output.length;
        child.stdin.write(`${left.shift()}\n`);
      }
    });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (left.length > 0) output += `\n${left.length} answers were not asked for.`;
  return { status: left.length > 0 ? null : status, output: output.replaceAll('\r', '') };
}
