/**
 * Starts the program of `run` so that it cannot tell the difference: no shell, the same terminal and
 * process group, its exit code ours.
 */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { SecretError } from '@keyfall/core';
import { errnoOf } from '@keyfall/core/provider/files';
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
import { endsProgram, exitCodeOfSignal, type RunningChild, sendSignal } from './signals.ts';
import { isTooMuchForBatch, onWindows } from './windows.ts';

/** A program's output on its way through a filter. */
export interface FilteredOutput {
  /** Resolves when everything is written. Never rejects. */
  readonly written: Promise<void>;
  /** Stops reading it. */
  stop(): void;
}

/** Writes the program's output in place of the program. */
export type OutputFilter = (child: ChildProcess) => FilteredOutput;

/**
 * Replaces our process with the program, and then never returns. Returns where Node cannot do that, or the call would
 * fail: then the program is started as a child.
 */
export function becomeChild(command: ChildCommand): void {
  const found = findExecutable(command.file, command.env);
  if ('path' in found && canReplaceProcess(found.path, command))
    replaceProcess(found.path, command);
}

/** Why a program cannot be started, and a shell's exit code for that. */
interface StartProblem {
  readonly problem: string;
  readonly exitCode: number;
}

/** The program's file, or why it cannot be started, as far as that can be known without trying. */
function startable({ file, args, env }: ChildCommand): { readonly path: string } | StartProblem {
  const found = findExecutable(file, env);
  if ('problem' in found) return found;
  // execvp(3) would give it to a shell, which would run whatever text is in it
  if (!onWindows && kindOf(found.path) === 'not-executable') return problemOf('ENOEXEC');
  if (onWindows && isTooMuchForBatch(found.path, args))
    return {
      problem:
        'is a batch file, and its arguments have a line break, or a double quote beside one of & | < > ^, which it could take for a command',
      exitCode: commandNotExecutableExitCode,
    };
  return isTooLarge(args, env) ? problemOf('E2BIG') : found;
}

/** @throws `ERR_SECRET_CONFIG` if the program cannot be started, as far as that can be known without trying */
export function assertStartable(command: ChildCommand): void {
  const found = startable(command);
  if ('path' in found) return;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `${printable(command.file)} could not be restarted: ${found.problem}`,
  );
}

/**
 * What {@link startChild} starts programs by. On Windows most commands, `npm` among them, are scripts, which Node does not
 * start: the library has the command processor do that, and quotes the arguments for it.
 */
export async function spawner(): Promise<Spawn> {
  if (onWindows) return (await import('cross-spawn')).default;
  // not imported, since a process that becomes the program does not need it
  return process.getBuiltinModule('node:child_process').spawn;
}

type Spawn = (file: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

/**
 * Starts the program.
 *
 * @throws `ERR_SECRET_CONFIG` if Node itself would show its environment
 */
export function startChild(
  spawn: Spawn,
  command: ChildCommand,
  filter?: OutputFilter,
): RunningChild {
  const { file, args, env } = command;
  const found = startable(command);
  if ('problem' in found) return notStarted(file, found);
  assertNotShown();
  let child: ChildProcess;
  try {
    const output = filter === undefined ? 'inherit' : 'pipe';
    child = spawn(found.path, args, {
      // a script's command line begins with its command processor
      ...(!onWindows && { argv0: file }),
      env: { ...env },
      stdio: ['inherit', output, output],
    });
  } catch (error) {
    // Node throws some errno codes, E2BIG among them, and emits the others
    return notStarted(file, problemOf(errnoOf(error)));
  }
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      // also emitted for a signal that could not be sent
      if (child.pid === undefined) resolve(reportStartProblem(file, problemOf(errnoOf(error))));
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
      if (!hasEnded) sendSignal(child, signal);
      else if (signal === 'SIGKILL' || endsProgram(signal)) output?.stop();
    },
  };
}

function notStarted(file: string, why: StartProblem): RunningChild {
  const exited = Promise.resolve(reportStartProblem(file, why));
  return { exited, ended: exited, kill() {} };
}

/** Says why a program could not be started, and returns a shell's exit code for that. */
function reportStartProblem(file: string, { problem, exitCode }: StartProblem): number {
  notice(`${printable(file)}: ${problem}`);
  return exitCode;
}

/** What the system's error code means for a program that was found. */
function problemOf(code: string): StartProblem {
  // the file exists, so ENOENT is about the interpreter that its first line names
  if (code === 'ENOENT')
    return { problem: 'its interpreter was not found', exitCode: commandNotFoundExitCode };
  const why =
    code === 'E2BIG' ? 'its arguments and environment are too large' : 'cannot be executed';
  return {
    problem: `${why}${code === '' ? '' : ` (${code})`}`,
    exitCode: commandNotExecutableExitCode,
  };
}

/**
 * With `NODE_DEBUG=child_process` (or `*`) Node prints the environment of each program that it starts. It read that
 * variable at its own start, so it is too late to change it here.
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
    'NODE_DEBUG makes Node print the environment of the program, with every secret in it',
    {
      hint: 'Remove child_process and * from it, or set it for the program only: env NODE_DEBUG=….',
    },
  );
}
