/**
 * Starts the program of `run` so that it cannot tell the difference: no shell, the same terminal and
 * process group, its exit code ours.
 */
import type { ChildProcess } from 'node:child_process';
import { SecretError } from '@keyfall/core';
import { errnoCode } from '../files/errno-code.ts';
import { commandNotExecutableExitCode, commandNotFoundExitCode } from '../terminal/exit-code.ts';
import { notice, printable } from '../terminal/terminal.ts';
import {
  type ChildCommand,
  canReplaceProcess,
  findExecutable,
  isTooLarge,
  kindOf,
  replaceProcess,
} from './executable.ts';
import type { RunningChild } from './signals.ts';
import { endsProgram, exitCodeOfSignal } from './signals.ts';

/** What a program prints, on its way through a filter. */
export interface FilteredOutput {
  /** Resolves when all is written. Never rejects. */
  readonly written: Promise<void>;
  /** Takes no more of it. */
  stop(): void;
}

/** What happens with what the program prints, if it is not to go out as it is. */
export type OutputFilter = (child: ChildProcess) => FilteredOutput;

/**
 * Becomes the program, where Node can and the call is not known to fail: then this never returns. `undefined`
 * where it is to be started beside us.
 */
export function becomeChild(command: ChildCommand): undefined {
  const found = findExecutable(command.file, command.env['PATH']);
  if ('path' in found && canReplaceProcess(found.path, command))
    replaceProcess(found.path, command);
}

/** Why a program cannot be started, and a shell's exit code for that. */
interface StartProblem {
  readonly problem: string;
  readonly exitCode: number;
}

/** The program's file, or what is known before it is tried to keep it from starting. */
function startable({ file, args, env }: ChildCommand): { readonly path: string } | StartProblem {
  const found = findExecutable(file, env['PATH']);
  if ('problem' in found) return found;
  // execvp(3) would hand it to a shell, which would run whatever text is in it
  if (kindOf(found.path) === 'broken') return problemOf('ENOEXEC');
  return isTooLarge(args, env) ? problemOf('E2BIG') : found;
}

/**
 * @throws `ERR_SECRET_CONFIG` if the program cannot be started with this, as far as can be known before
 *   it is tried
 */
export function assertStartable(command: ChildCommand): void {
  const found = startable(command);
  if ('path' in found) return;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `${printable(command.file)} could not be started anew: ${found.problem}`,
  );
}

/**
 * Starts the program.
 *
 * @throws `ERR_SECRET_CONFIG` if Node itself would show its environment
 */
export function startChild(command: ChildCommand, filter?: OutputFilter): RunningChild {
  const { file, args, env } = command;
  const found = startable(command);
  if ('problem' in found) return notStarted(file, found);
  assertNotShown();
  // not imported: who becomes the program has no need of it
  const { spawn } = process.getBuiltinModule('node:child_process');
  let child: ChildProcess;
  try {
    const output = filter === undefined ? 'inherit' : 'pipe';
    child = spawn(found.path, args, {
      argv0: file,
      env: { ...env },
      stdio: ['inherit', output, output],
    });
  } catch (error) {
    // Node throws some errno codes, E2BIG among them, and emits the others
    return notStarted(file, problemOf(errnoCode(error)));
  }
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      // a signal that could not be sent is told here too
      if (child.pid === undefined) resolve(told(file, problemOf(errnoCode(error))));
    });
    child.once('exit', (exitCode, signal) =>
      resolve(signal === null ? (exitCode ?? 0) : exitCodeOfSignal(signal)),
    );
  });
  const output = child.pid === undefined ? undefined : filter?.(child);
  return {
    exited,
    ended: Promise.all([exited, output?.written]).then(([exitCode]) => exitCode),
    kill(signal) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (!hasEnded) child.kill(signal);
      else if (signal === 'SIGKILL' || endsProgram(signal)) output?.stop();
    },
  };
}

function notStarted(file: string, why: StartProblem): RunningChild {
  const exited = Promise.resolve(told(file, why));
  return { exited, ended: exited, kill() {} };
}

/** Says why a program could not be started; the exit code of a shell for it. */
function told(file: string, { problem, exitCode }: StartProblem): number {
  notice(`${printable(file)}: ${problem}`);
  return exitCode;
}

/** What the system's code means of a program that was found. */
function problemOf(code: string | undefined): StartProblem {
  // the file is there, so ENOENT is about the interpreter that its first line names
  if (code === 'ENOENT')
    return { problem: 'its interpreter was not found', exitCode: commandNotFoundExitCode };
  const why =
    code === 'E2BIG' ? 'its arguments and environment are too large' : 'cannot be executed';
  return {
    problem: `${why}${code === undefined ? '' : ` (${code})`}`,
    exitCode: commandNotExecutableExitCode,
  };
}

/**
 * Node prints what it starts, its environment included, where `NODE_DEBUG` asks for that (`child_process`,
 * `*`). It has read that variable when it started: there is no way to have it forget.
 */
function assertNotShown(): void {
  const { NODE_DEBUG = '' } = process.env;
  const isShown = NODE_DEBUG.split(',').some((section) =>
    new RegExp(
      `^${section.replace(/[|\\{}()[\]^$+?.]/g, '\\$&').replaceAll('*', '.*')}$`,
      'i',
    ).test('child_process'),
  );
  if (!isShown) return;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    'NODE_DEBUG has Node print the environment of what it starts, with every secret in it',
    {
      hint: 'Leave child_process and * out of it, or set it for the program alone: env NODE_DEBUG=….',
    },
  );
}
