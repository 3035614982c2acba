/**
 * `run --watch`: restarts the program, or signals it, when the secrets change.
 */
import { systemClock } from '@keyfall/core';
import type { CliChain } from '../chain/cli-chain.ts';
import { listNames, notice } from '../terminal/terminal.ts';
import type { ChildEnvironment } from './child-environment.ts';
import { exitCodeOfSignal, type RunningChild, type SignalHandling } from './signals.ts';
import { watchSecrets } from './watch-secrets.ts';

type Environment = ChildEnvironment['env'];

/** Options of {@link superviseChild}. */
export interface Supervision {
  readonly start: (env: Environment) => RunningChild;
  /** The environment of the first start. */
  readonly env: Environment;
  /** The environment of a start at this moment. */
  readonly resolve: () => Promise<Environment>;
  readonly chain: CliChain;
  readonly signals: SignalHandling;
  /** The signal that tells the program of a change. Default: it is restarted. */
  readonly reload: NodeJS.Signals | undefined;
  /** Milliseconds after which a program that does not exit for a restart is killed. */
  readonly killAfter: number;
}

/** Runs the program until it ends by itself, or a signal ends it, and returns its exit code. */
export async function superviseChild(options: Supervision): Promise<number> {
  const { start, resolve, chain, signals, reload, killAfter } = options;
  const over = new AbortController();
  let end = (_exitCode: number): void => {};
  const ended = new Promise<number>((settle) => {
    end = settle;
  });
  /** `undefined` during a restart. */
  let running: RunningChild | undefined;
  const run = (child: RunningChild): void => {
    running = child;
    signals.forwardTo(child);
    void child.ended.then((exitCode) => {
      if (running === child) end(exitCode);
    });
  };
  let env = options.env;
  run(start(env));
  const watching = watchSecrets({
    chain,
    resolve,
    first: env,
    isSame: (one, other) => differences(one, other).length === 0,
    signal: over.signal,
    async changed(next) {
      const names = listNames(differences(env, next));
      env = next;
      const old = running;
      if (old === undefined) return;
      if (reload !== undefined) {
        notice(`${names} changed: the program gets ${reload}.`);
        old.kill(reload);
        return;
      }
      notice(`${names} changed: the program is restarted.`);
      running = undefined;
      signals.forwardTo(undefined);
      const cancelKill = systemClock.schedule(() => old.kill('SIGKILL'), killAfter);
      old.kill('SIGTERM');
      await old.exited;
      cancelKill();
      if (signals.endedBy !== undefined) end(exitCodeOfSignal(signals.endedBy));
      else run(start(next));
    },
  });
  try {
    // a watch ends before the program only by an error
    return await Promise.race([ended, watching.then(() => ended)]);
  } finally {
    over.abort();
  }
}

/** The names that have different values in the two environments, sorted. */
function differences(one: Environment, other: Environment): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}
