/**
 * The processes of a soak: started without anything of this process's environment, with all that they print searched
 * for values, and held to end by themselves.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { leaksOf } from '@keyfall/testkit';
import { now } from './messages.ts';
import type { Oracle } from './oracle.ts';
import { until } from './until.ts';

const endingTime = 60_000;

/** A process that was started. */
export interface Program {
  readonly id: string;
  readonly child: ChildProcess;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Whether it has printed anything to stderr. */
  readonly hasComplained: () => boolean;
  /** The end of what it has printed to stderr, unless that shows a value. */
  readonly complaints: () => string;
}

/** What to start. */
interface ProgramOptions {
  readonly id: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Is given each line of its stdout. */
  readonly onLine?: (line: string, program: Program) => void;
  readonly onMessage?: (message: unknown) => void;
}

/** All processes of a run. */
export interface Programs {
  start(options: ProgramOptions): Program;
  /** Waits until it has ended by itself, with one of `codes`. A process that does not is killed, and a violation. */
  ending(program: Program, codes: readonly (number | string)[]): Promise<void>;
  /** Looks for values in the arguments of all that run. */
  searchArguments(): void;
  readonly started: number;
  /** Ends all, as at the end of a failed run. */
  killAll(): void;
}

/**
 * @param canaries - what nothing may show: each value begins with one of them, or is one
 * @param limit - milliseconds in which a process that has nothing left to do has to end. Default: a minute
 */
export function createPrograms(
  oracle: Oracle,
  canaries: readonly string[],
  limit: number = endingTime,
): Programs {
  const running = new Set<Program>();
  let started = 0;

  function search(program: string, where: string, text: string): void {
    if (leaksOf(canaries, text).length > 0)
      oracle.violated('leak', program, `a value or a credential is in ${where}`, now());
  }

  function start({ id, args, env, cwd, onLine, onMessage }: ProgramOptions): Program {
    started += 1;
    const child = spawn(process.execPath, args, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(onMessage ? ['ipc' as const] : [])],
    });
    let complaints = '';
    const ended = new Promise<number | string>((resolve) => {
      child.once('error', () => resolve('not started'));
      child.once('close', (code, signal) => {
        running.delete(program);
        resolve(code ?? signal ?? 'unknown');
      });
    });
    const program: Program = {
      id,
      child,
      ended,
      hasComplained: () => complaints !== '',
      complaints: () =>
        leaksOf(canaries, complaints).length > 0 ? '(it shows a value)' : complaints.slice(-2_000),
    };
    running.add(program);
    // a value may be cut: what is searched overlaps
    const pipe = (name: 'stdout' | 'stderr', onText: (text: string) => void) => {
      let tail = '';
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        search(id, name, tail + text);
        tail = (tail + text).slice(-400);
        onText(text);
      });
    };
    let rest = '';
    pipe('stdout', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line, program);
    });
    pipe('stderr', (text) => {
      complaints = (complaints + text).slice(-20_000);
      if (/MaxListenersExceededWarning/.test(text))
        oracle.violated('listeners', id, 'Node warns of too many listeners', now());
    });
    if (onMessage) child.on('message', onMessage);
    return program;
  }

  return {
    start,
    get started() {
      return started;
    },
    async ending(program, codes) {
      let end: number | string | undefined;
      void program.ended.then((code) => {
        end = code;
      });
      await until(() => end !== undefined, limit);
      if (end === undefined) {
        oracle.violated('ending', program.id, `still runs ${limit / 1_000} s after its end`, now());
        program.child.kill('SIGKILL');
      } else if (!codes.includes(end))
        oracle.violated(
          'ending',
          program.id,
          `ended with ${end} in place of ${codes.join(' or ')}`,
          now(),
        );
    },
    searchArguments() {
      if (process.platform !== 'linux') return;
      for (const { id, child } of running)
        try {
          search(id, 'its arguments', readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'));
        } catch {
          // it has just ended
        }
    },
    killAll() {
      for (const { child } of running) child.kill('SIGKILL');
    },
  };
}
