/**
 * The command line as it is published and a user runs it: a process of its own, in a folder of its own,
 * with nothing of the test's environment.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { commandHost } from './command-host.ts';

/** The command line, as it is published. */
export const bin: string = fileURLToPath(new URL('../dist/bundle/bin.cjs', import.meta.url));
const host = commandHost(bin);

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  /** Where stdout goes, as an open file. Default: to the test. */
  readonly stdout?: number;
  /** The same for stderr. */
  readonly stderr?: number;
}

export interface RunResult {
  /** The exit code as a shell reports it: 128+n where signal n ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, for looking for leaks. */
  readonly output: string;
}

/**
 * Runs `keyfall` with these arguments to its end: in a process that it shares with the other commands of the test
 * file, unless it needs one of its own. See `host.mjs` for what differs; {@link start} is for tests of that.
 */
export async function keyfall(args: readonly string[], options: RunOptions): Promise<RunResult> {
  if (needsProcess(args, options) || host.isBusy)
    return finished(start(args, options), options.input);
  const { cwd, env } = options;
  const result = await host.run({ args, cwd, env: environmentOf(cwd, env) });
  return { ...result, output: result.stdout + result.stderr };
}

/**
 * Whether a command is more than what it prints and its exit code, or its configuration is a program. Of our own commands
 * `set` alone reads stdin; where Node can, `run` becomes its program.
 */
function needsProcess(
  args: readonly string[],
  { cwd, env = {}, input, stdout, stderr }: RunOptions,
): boolean {
  const runsOnStdin = args.includes('run') && (input !== undefined || 'execve' in process);
  return (
    runsOnStdin ||
    (stdout ?? stderr) !== undefined ||
    args.some((arg) => arg === 'set' || isProgram(arg)) ||
    Object.keys(env).some((name) => name.startsWith('NODE_')) ||
    readdirSync(cwd).some(isProgram)
  );
}

function isProgram(file: string): boolean {
  return /\.config\.[cm]?[jt]s$/.test(file);
}

/** Runs `keyfall … | head -n 1`: a pipe whose reader goes away. The exit code is that of `keyfall`. */
export function intoHead(args: readonly string[], { cwd }: RunOptions): Promise<RunResult> {
  const pipeline = 'set -o pipefail; "$@" | head -n 1';
  const { PATH = '' } = process.env;
  const shell = ['-c', pipeline, 'bash', process.execPath, bin, ...args];
  return finished(spawn('bash', shell, { cwd, env: { PATH, HOME: cwd } }));
}

/** Starts `keyfall` and leaves it running. */
export function start(
  args: readonly string[],
  { cwd, env = {}, stdout, stderr }: RunOptions,
): ChildProcess {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: environmentOf(cwd, env),
    stdio: ['pipe', stdout ?? 'pipe', stderr ?? 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended; // before its folder is removed, into which it may write
  });
  return child;
}

/** The environment of a command: nothing of the test's but where programs are. */
export function environmentOf(
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: cwd, ...env };
}

/** Waits for a process and gathers what it prints. Its stdin is `input`; `open`: it stays open. */
export function finished(
  child: ChildProcess,
  input: string | Buffer | { readonly open: true } = '',
): Promise<RunResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk) => stdout.push(chunk));
  child.stderr?.on('data', (chunk) => stderr.push(chunk));
  child.stdin?.on('error', () => {}); // it may end without reading
  if (typeof input === 'string' || Buffer.isBuffer(input)) child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      const [out, err] = [Buffer.concat(stdout).toString(), Buffer.concat(stderr).toString()];
      // where Node has process.execve, our process is the program itself and dies of its signal
      const code = exitCode ?? 128 + (signal ? constants.signals[signal] : 0);
      resolve({ code, stdout: out, stderr: err, output: out + err });
    });
  });
}

/** Resolves with what the process printed from now on, once `text` is in it. */
export function printed(
  child: ChildProcess,
  text: string,
  stream: 'stdout' | 'stderr' = 'stdout',
): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const gather = (chunk: Buffer): void => {
      output += chunk;
      if (!output.includes(text)) return;
      child[stream]?.off('data', gather);
      resolve(output);
    };
    child[stream]?.on('data', gather);
    child.once('exit', () => reject(new Error(`ended without printing ${text}: ${output}`)));
  });
}

/** A folder with a `.env` of this content, removed after the test. */
export async function folderWith(dotenv?: string | Buffer): Promise<string> {
  const folder = await testFolder();
  if (dotenv !== undefined) await writeFile(join(folder, '.env'), dotenv);
  return folder;
}

/** Makes a folder the root of a repository, with as much in it as git asks for. */
export async function makeRepository(root: string): Promise<void> {
  for (const name of ['objects', 'refs'])
    await mkdir(join(root, '.git', name), { recursive: true });
  await writeFile(join(root, '.git/HEAD'), 'ref: refs/heads/main\n');
}

/** Installs these packages of the repository in a folder, as they are built. */
export async function install(root: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const at = join(root, 'node_modules', name);
    await mkdir(dirname(at), { recursive: true });
    const folder = name === 'keyfall' ? 'cli' : name.replace('@keyfall/', '');
    await symlink(fileURLToPath(new URL(`../../${folder}`, import.meta.url)), at);
  }
}

/** A throw-away age key, and what its public part is. */
export const ageKey = {
  file: fileURLToPath(new URL('../../provider-sops/test/fixtures/keys/one.txt', import.meta.url)),
  get recipient(): string {
    return /age1\w+/.exec(readFileSync(this.file, 'utf8'))?.[0] ?? '';
  },
};
