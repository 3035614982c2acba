/**
 * Which file a command names, and whether our own process can become it.
 */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, resolve } from 'node:path';
import type { ChildCommand } from './child-process.ts';
import { commandNotExecutableExitCode, commandNotFoundExitCode } from './exit-code.ts';
import { errnoCode } from './report-error.ts';

/** Where a program is, or why there is none to start and a shell's exit code for that. */
export type Executable =
  | { readonly path: string }
  | { readonly problem: string; readonly exitCode: number };

/** Looks a program up as execvp(3) does, in this PATH. */
export function findExecutable(file: string, path = '/usr/local/bin:/usr/bin:/bin'): Executable {
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

function execve(): Execve | undefined {
  return (process as unknown as { readonly execve?: Execve }).execve;
}

/**
 * Whether our process can become this program: `process.execve` exists (Node 22.15 and later, not on
 * Windows), and the call cannot fail. If it does, Node aborts with a core dump.
 */
export function canReplaceProcess(path: string, { args, env }: ChildCommand): boolean {
  return (
    execve() !== undefined &&
    process.platform !== 'win32' &&
    isSmall(args, env) &&
    isUnderstood(path)
  );
}

/** Becomes the program; see {@link canReplaceProcess}. */
export function replaceProcess(path: string, { file, args, env }: ChildCommand): void {
  // Node ignores these two, and what is ignored stays ignored across execve: `yes | head` in the
  // child would complain. What has a handler goes back to the default.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  execve()?.call(process, path, [file, ...args], { ...env });
}

/**
 * Whether the system can start it for certain: a program of the same kind as Node itself (format, word
 * size and processor in the header of ELF and Mach-O), or a script whose interpreter is one.
 */
function isUnderstood(path: string, scripts = 2): boolean {
  try {
    const theirs = firstBytes(path, 256);
    if (theirs.subarray(0, 2).toString() !== '#!') {
      const ours = firstBytes(process.execPath, 20);
      return (
        ours.subarray(0, 6).equals(theirs.subarray(0, 6)) &&
        ours.subarray(18, 20).equals(theirs.subarray(18, 20))
      );
    }
    // a longer first line is cut off by some systems and refused by others
    const [, interpreter] = /^#![ \t]*([^\s\0]+)[^\n]{0,100}\n/.exec(theirs.toString()) ?? [];
    if (interpreter === undefined || !isAbsolute(interpreter) || scripts === 0) return false;
    accessSync(interpreter, constants.X_OK);
    return isUnderstood(interpreter, scripts - 1);
  } catch {
    return false; // may be executable without being readable
  }
}

function firstBytes(path: string, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

/** Far below every system's limit for arguments and environment together (E2BIG). */
function isSmall(args: readonly string[], env: Readonly<Record<string, string>>): boolean {
  const texts = [...args, ...Object.entries(env).flat()];
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text) + 16, 0) < 100_000;
}
