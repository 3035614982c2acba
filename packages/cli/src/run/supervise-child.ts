/**
 * `run --watch`: starts the program anew, or tells it, when the secrets become others.
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
  /** What it is started with first. */
  readonly env: Environment;
  /** What it would be started with now. */
  readonly resolve: () => Promise<Environment>;
  readonly chain: CliChain;
  readonly signals: SignalHandling;
  /** The signal that tells the program of a change, instead of a new start. */
  readonly reload: NodeJS.Signals | undefined;
  /** Milliseconds until a program that does not end for a new start is killed. */
  readonly killAfter: number;
}

/** Runs the program, anew for every change, and returns the exit code of the last one. */
export function superviseChild(options: Supervision): Promise<number> {
  const { start, resolve, chain, signals, reload, killAfter } = options;
  const over = new AbortController();
  let finish = (_exitCode: number): void => {};
  let fail = (_error: unknown): void => {};
  const result = new Promise<number>((resolved, rejected) => {
    finish = resolved;
    fail = rejected;
  }).finally(() => over.abort());
  let running: RunningChild | undefined;
  let given = options.env;
  const run = (child: RunningChild) => {
    running = child;
    signals.handTo(child);
    void child.ended.then((exitCode) => {
      if (running === child) finish(exitCode);
    });
  };
  run(start(given));
  watchSecrets({
    chain,
    resolve,
    first: given,
    isSame: (one, other) => differences(one, other).length === 0,
    signal: over.signal,
    async changed(env) {
      const what = listNames(differences(given, env));
      given = env;
      const old = running;
      if (old === undefined) return;
      if (reload !== undefined) {
        notice(`${what} changed: the program gets ${reload}.`);
        old.kill(reload);
        return;
      }
      notice(`${what} changed: the program is started anew.`);
      running = undefined;
      signals.handTo(undefined);
      const cancelKill = systemClock.schedule(() => old.kill('SIGKILL'), killAfter);
      old.kill('SIGTERM');
      await old.exited;
      cancelKill();
      if (signals.endedBy !== undefined) finish(exitCodeOfSignal(signals.endedBy));
      else run(start(env));
    },
  }).catch(fail);
  return result;
}

/** Names that one environment has otherwise than the other, sorted. */
function differences(one: Environment, other: Environment): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}
