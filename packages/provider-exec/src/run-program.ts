/**
 * One run of a program: no shell, pipes for what it reads and prints, nothing of its stderr, and an end with all that it
 * has started when the call is over.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { SecretError } from '@keyfall/core/provider';
import { errnoOf, programFile } from '@keyfall/core/provider/files';
import type { Variables } from './variables.ts';

/** What is started. */
export interface Program {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** What the program is called in messages. */
  readonly label: string;
  /** A path, or a name that is looked up on `PATH`. */
  readonly file: string;
  readonly args: readonly string[];
  /** The working directory. */
  readonly folder: string;
  readonly env: Variables;
}

/** What limits a run. */
export interface RunLimits {
  readonly signal: AbortSignal;
  /** Bytes that it may print. */
  readonly maxOutput: number;
  /** Is called once it has been started. */
  readonly onStart?: (() => void) | undefined;
}

/** How a program ended that ended by itself. */
export interface Ended {
  readonly exitCode: number;
  /** What it printed on stdout. */
  readonly output: Buffer;
}

/**
 * Runs a program to its end.
 *
 * @param input - what it reads on stdin; without it stdin is empty
 * @throws `ERR_SECRET_ABORTED` once `signal` fires; `ERR_SECRET_CONFIG` if it cannot be started; `ERR_SECRET_UNAVAILABLE` if
 *   the machine has no room for a process, or the program was ended by a signal; `ERR_SECRET_INVALID` if it prints too much
 */
export function runProgram(
  program: Program,
  input: string | undefined,
  { signal, maxOutput, onStart }: RunLimits,
): Promise<Ended> {
  const { provider, label, file, args, folder, env } = program;
  const aborted = () =>
    new SecretError('ERR_SECRET_ABORTED', `${label} was not waited for`, { provider });
  if (signal.aborted) return Promise.reject(aborted());
  const found = programFile(file, env);
  if (found === undefined) return Promise.reject(notStarted(program, 'ENOENT'));
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = spawn(found, args, {
        cwd: folder,
        env: { ...env },
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'],
        // a group of its own, which can be ended as a whole
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
    } catch (error) {
      reject(notStarted(program, errnoOf(error)));
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const giveUp = (error: SecretError) => {
      end(child);
      settle();
      reject(error);
    };
    const onAbort = () => giveUp(aborted());
    const settle = () => {
      signal.removeEventListener('abort', onAbort);
      running.delete(child);
      // a process that it left behind may hold the pipe open
      child.stdout?.destroy();
    };
    watchOver(child);
    if (onStart) child.on('spawn', onStart);
    signal.addEventListener('abort', onAbort);
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxOutput) chunks.push(chunk);
      else
        giveUp(
          new SecretError(
            'ERR_SECRET_INVALID',
            `${label} prints more than ${maxOutput / 1024 / 1024} MiB`,
            { provider },
          ),
        );
    });
    child.stdout?.on('error', () => undefined);
    // it may end before it has read everything; its exit code says why
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    child.on('error', (error) => {
      settle();
      reject(notStarted(program, errnoOf(error)));
    });
    child.on('close', (exitCode, name) => {
      settle();
      if (exitCode !== null) resolve({ exitCode, output: Buffer.concat(chunks) });
      else
        reject(
          new SecretError('ERR_SECRET_UNAVAILABLE', `${label} was ended by ${name}`, { provider }),
        );
    });
  });
}

/** What says that the machine is short of something, and not that the command is wrong. */
const shortages = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);

function notStarted({ provider, label, file }: Program, errno: string): SecretError {
  if (shortages.has(errno))
    return new SecretError('ERR_SECRET_UNAVAILABLE', `${label} could not be started (${errno})`, {
      provider,
    });
  const isNamed = !/[\\/]/.test(file);
  return new SecretError(
    'ERR_SECRET_CONFIG',
    errno === 'ENOENT' && isNamed
      ? `${label} is not on PATH`
      : `${label} cannot be started${errno === '' ? '' : ` (${errno})`}`,
    {
      provider,
      setting: { option: 'command' },
      hint: isNamed
        ? 'Install it, or name its path.'
        : 'Check its path, and whether it may be executed.',
    },
  );
}

const running = new Set<ChildProcess>();
let isWatching = false;

/** A process that ends in the middle of a call leaves no program behind. */
function watchOver(child: ChildProcess): void {
  running.add(child);
  if (isWatching) return;
  isWatching = true;
  process.on('exit', () => {
    for (const each of running) end(each);
  });
}

/** Ends it with all that it started; on Windows, where there are no groups, itself alone. */
function end(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-pid, 'SIGKILL');
  } catch {
    // it has just ended by itself
  }
}
