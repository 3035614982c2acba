/**
 * A program that a document starts, while it runs: what it prints, and what becomes of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

/** How a program is started. */
export interface StartOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A program. It ends with the test, and all that it has started with it. */
export interface StartedProgram {
  readonly child: ChildProcess;
  /** What it ends with; of a signal 128 and its number, as a shell has it. */
  readonly ended: Promise<number>;
  /** The same, when nothing writes to its output any more. */
  readonly closed: Promise<number>;
  /** What it and those below it have printed so far, on both streams. */
  output(): string;
  /** Resolves when this has been printed. @throws an `Error` with all that was printed, if it ends before */
  printed(text: string | RegExp): Promise<void>;
  /** Sends a signal to it and to all below it, as hosts do. */
  signalAll(signal: NodeJS.Signals): void;
}

const numbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Starts a program in a process group of its own. */
export function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env }: StartOptions,
): StartedProgram {
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const codeAt = async (event: 'exit' | 'close'): Promise<number> => {
    const [code, signal] = await once(child, event);
    return code ?? 128 + (numbers[String(signal)] ?? 0);
  };
  const ended = codeAt('exit');
  const closed = codeAt('close');
  const signalAll = (signal: NodeJS.Signals) => {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      // all of it has ended
    }
  };
  onTestFinished(() => signalAll('SIGKILL'));
  return {
    child,
    ended,
    closed,
    output: () => output,
    signalAll,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const isThere = () =>
          typeof text === 'string' ? output.includes(text) : text.test(output);
        const look = () => {
          if (isThere()) resolve();
        };
        for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
        look();
        void closed.then(() => reject(new Error(`It ended without printing ${text}:\n${output}`)));
      }),
  };
}
