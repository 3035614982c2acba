/**
 * Starts the program of `run` so that it cannot tell the difference: no shell, the same terminal and
 * process group, our signals handed on, its exit code ours.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { constants as system } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { isatty } from 'node:tty';
import { commandNotExecutableExitCode, commandNotFoundExitCode } from './exit-code.ts';
import { errnoCode } from './report-error.ts';
import { notice, printable } from './terminal.ts';

/** A program with its arguments and its whole environment. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;

/**
 * Runs the program and returns its exit code: its own, 128+n if signal n ended it, 127 if there is
 * no such program, 126 if it cannot be executed (both said on stderr).
 *
 * Where Node can, the program takes our own process's place, and this never returns.
 */
export async function runChild(command: ChildCommand): Promise<number> {
  const found = findExecutable(command.file, command.env['PATH']);
  if ('problem' in found) {
    notice(`${printable(command.file)}: ${found.problem}`);
    return found.exitCode;
  }
  replaceProcess(found.path, command);
  return spawnChild(found.path, command);
}

type Executable =
  | { readonly path: string }
  | { readonly problem: string; readonly exitCode: number };

/** Looks a program up as execvp(3) does, in the child's PATH. */
function findExecutable(file: string, path = '/usr/local/bin:/usr/bin:/bin'): Executable {
  const candidates = file.includes('/')
    ? [resolve(file)]
    : path.split(delimiter).map((folder) => resolve(folder, file));
  let problem = 'command not found';
  let exitCode = commandNotFoundExitCode;
  for (const candidate of file === '' ? [] : candidates) {
    try {
      if (statSync(candidate).isDirectory()) {
        if (!file.includes('/')) continue;
        return { problem: 'is a folder', exitCode: commandNotExecutableExitCode };
      }
      accessSync(candidate, constants.X_OK);
      return { path: candidate };
    } catch (error) {
      if (errnoCode(error) !== 'EACCES') continue;
      problem = 'permission denied';
      exitCode = commandNotExecutableExitCode;
    }
  }
  return { problem, exitCode };
}

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

/**
 * Becomes the program, where `process.execve` exists (Node 22.15 and later, not on Windows). Returns
 * where it does not, or where the call could fail: then Node would abort with a core dump.
 */
function replaceProcess(path: string, { file, args, env }: ChildCommand): void {
  const { execve } = process as unknown as { readonly execve?: Execve };
  if (execve === undefined || process.platform === 'win32') return;
  if (!isNativeProgram(path) || !isSmall(args, env)) return;
  // Node ignores these two, and what is ignored stays ignored across execve: `yes | head` in the
  // child would complain. What has a handler goes back to the default.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  execve.call(process, path, [file, ...args], { ...env });
}

/**
 * Whether it is a program of the same kind as Node itself: format, word size and processor in the
 * header of ELF and Mach-O. A script may name an interpreter that is not there, or none.
 */
function isNativeProgram(path: string): boolean {
  try {
    const [ours, theirs] = [programHeader(process.execPath), programHeader(path)];
    return (
      ours.subarray(0, 6).equals(theirs.subarray(0, 6)) &&
      ours.subarray(18).equals(theirs.subarray(18))
    );
  } catch {
    return false; // may be executable without being readable
  }
}

function programHeader(path: string): Buffer {
  const header = Buffer.alloc(20);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, header);
  } finally {
    closeSync(descriptor);
  }
  return header;
}

/** Far below every system's limit for arguments and environment together (E2BIG). */
function isSmall(args: readonly string[], env: Readonly<Record<string, string>>): boolean {
  const texts = [...args, ...Object.entries(env).flat()];
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text) + 16, 0) < 100_000;
}

function spawnChild(path: string, { file, args, env }: ChildCommand): Promise<number> {
  return new Promise((resolve) => {
    // Where there is a terminal, it sends its own Ctrl-C to the child as well: once is enough.
    const terminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
    const signals = [...forwarded, 'SIGINT'] as const;
    const forward = (signal: NodeJS.Signals): void => {
      if (signal !== 'SIGINT' || !terminal) child?.kill(signal);
    };
    const settle = (exitCode: number): void => {
      for (const signal of signals) process.off(signal, forward);
      resolve(exitCode);
    };
    const fail = (error: unknown): void => {
      const code = errnoCode(error);
      // the file is there, so ENOENT is about the interpreter that its first line names
      if (code === 'ENOENT') {
        notice(`${printable(file)}: its interpreter was not found`);
        settle(commandNotFoundExitCode);
        return;
      }
      const why =
        code === 'E2BIG' ? 'its arguments and environment are too large' : 'cannot be executed';
      notice(`${printable(file)}: ${why}${code === undefined ? '' : ` (${code})`}`);
      settle(commandNotExecutableExitCode);
    };
    let child: ChildProcess | undefined;
    // before the start, so that no signal ends us and leaves the child behind
    for (const signal of signals) process.on(signal, forward);
    try {
      child = spawn(path, args, { argv0: file, env: { ...env }, stdio: 'inherit' });
    } catch (error) {
      fail(error); // Node throws some errno codes, E2BIG among them, and emits the others
      return;
    }
    child.once('error', fail);
    child.once('exit', (exitCode, signal) =>
      settle(signal === null ? (exitCode ?? 0) : 128 + system.signals[signal]),
    );
  });
}
