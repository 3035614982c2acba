/**
 * Starts the program of `run` so that it cannot tell the difference: no shell, the same terminal and
 * process group, its exit code ours.
 */
import type { ChildProcess } from 'node:child_process';
import { canReplaceProcess, findExecutable, kindOf, replaceProcess } from './executable.ts';
import { commandNotExecutableExitCode, commandNotFoundExitCode } from './exit-code.ts';
import { errnoCode } from './report-error.ts';
import { exitCodeOfSignal } from './signals.ts';
import { notice, printable } from './terminal.ts';

/** A program with its arguments and its whole environment. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What happens with what the program prints, if it is not to go out as it is. */
export type OutputFilter = (child: ChildProcess) => Promise<void>;

/** A program that runs. Its promises never reject. */
export interface RunningChild {
  /**
   * Its exit code once it ended: its own, 128+n if signal n ended
   * it, 127 if there is no such program, 126 if it cannot be executed (both said on stderr).
   */
  readonly exited: Promise<number>;
  /** The same, once all that it and what it left behind prints is written. */
  readonly ended: Promise<number>;
  /** Sends it a signal, if it still runs. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Becomes the program, where Node can and the call cannot fail: then this never returns. `undefined`
 * where it is to be started beside us.
 */
export function becomeChild(command: ChildCommand): undefined {
  const found = findExecutable(command.file, command.env['PATH']);
  if ('path' in found && canReplaceProcess(found.path, command))
    replaceProcess(found.path, command);
}

/** Starts the program. */
export function startChild(command: ChildCommand, filter?: OutputFilter): RunningChild {
  const { file, args, env } = command;
  const found = findExecutable(file, env['PATH']);
  if ('problem' in found) {
    notice(`${printable(file)}: ${found.problem}`);
    return notStarted(found.exitCode);
  }
  // execvp(3) would hand it to a shell, which would run whatever text is in it
  if (kindOf(found.path) === 'broken')
    return notStarted(reportFailure(file, Object.assign(new Error(), { code: 'ENOEXEC' })));
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
    return notStarted(reportFailure(file, error));
  }
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      // a signal that could not be sent is told here too
      if (child.pid === undefined) resolve(reportFailure(file, error));
    });
    child.once('exit', (exitCode, signal) =>
      resolve(signal === null ? (exitCode ?? 0) : exitCodeOfSignal(signal)),
    );
  });
  const written = child.pid === undefined ? undefined : filter?.(child);
  return {
    exited,
    ended: Promise.all([exited, written]).then(([exitCode]) => exitCode),
    kill: (signal) => void child.kill(signal),
  };
}

function notStarted(exitCode: number): RunningChild {
  const exited = Promise.resolve(exitCode);
  return { exited, ended: exited, kill() {} };
}

/** Says why a program that was found could not be started; the exit code of a shell for it. */
function reportFailure(file: string, error: unknown): number {
  const code = errnoCode(error);
  // the file is there, so ENOENT is about the interpreter that its first line names
  if (code === 'ENOENT') {
    notice(`${printable(file)}: its interpreter was not found`);
    return commandNotFoundExitCode;
  }
  const why =
    code === 'E2BIG' ? 'its arguments and environment are too large' : 'cannot be executed';
  notice(`${printable(file)}: ${why}${code === undefined ? '' : ` (${code})`}`);
  return commandNotExecutableExitCode;
}
