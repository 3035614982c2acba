/**
 * What a signal to us means for the program of `run`: it is handed on.
 */

import { readFileSync } from 'node:fs';
import { SecretError, systemClock } from '@keyfall/core';
import { isTerminal } from '../terminal/terminal.ts';

/** A program that runs. Its promises never reject. */
export interface RunningChild {
  /**
   * Its exit code once it ended: its own, 128+n if signal n ended
   * it, 127 if there is no such program, 126 if it cannot be executed (both said on stderr).
   */
  readonly exited: Promise<number>;
  /** The same, once all that it and what it left behind prints is written. */
  readonly ended: Promise<number>;
  /**
   * Sends it a signal. If it has ended, and only what it left behind still prints, a signal that would end
   * it ends the wait for that.
   */
  kill(signal: NodeJS.Signals): void;
}

const handed = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGINT'] as const;

/** Signals that ask a program to end. */
const endings: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT']);

/** Whether this signal ends what does not handle it, as somebody wants who sends it. */
export function endsProgram(signal: NodeJS.Signals): boolean {
  return endings.has(signal) || signal === 'SIGHUP';
}

/** The signals to us, from before the program starts until it ended. */
export interface SignalHandling {
  /** Hands signals on to this program from now on; `undefined`: there is none for now. */
  handTo(child: RunningChild | undefined): void;
  /** The signal that was to end us while there was no program. */
  readonly endedBy: NodeJS.Signals | undefined;
  /** Back to Node's own handling. */
  stop(): void;
}

/**
 * Takes the signals to us over, so that none ends us and leaves the program, a lease or a login behind.
 *
 * @param cancel - is called for a signal that is to end us while there is no program
 * @param killAfter - milliseconds after which a program that was asked to end is killed
 */
export function handleSignals(cancel: () => void, killAfter: number | undefined): SignalHandling {
  let child: RunningChild | undefined;
  let endedBy: NodeJS.Signals | undefined;
  let cancelKill: (() => void) | undefined;
  const handle = (signal: NodeJS.Signals): void => {
    if (child === undefined) {
      if (!endsProgram(signal)) return;
      endedBy ??= signal;
      cancel();
      return;
    }
    // a terminal sends its own Ctrl-C to the program as well: once is enough
    if (signal !== 'SIGINT' || !hearsTerminal()) child.kill(signal);
    const asked = child;
    if (killAfter !== undefined && endings.has(signal))
      cancelKill ??= systemClock.schedule(() => asked.kill('SIGKILL'), killAfter);
  };
  for (const signal of handed) process.on(signal, handle);
  return {
    handTo(next) {
      // who was asked to end is another one
      cancelKill?.();
      cancelKill = undefined;
      child = next;
    },
    get endedBy() {
      return endedBy;
    },
    stop() {
      cancelKill?.();
      for (const signal of handed) process.off(signal, handle);
    },
  };
}

/**
 * Whether a terminal sends its Ctrl-C to our process group. On Linux the system says so, wherever the
 * streams go; elsewhere the streams tell whether there is a terminal at all.
 */
function hearsTerminal(): boolean {
  try {
    // proc_pid_stat(5): after the name, which may hold anything, state ppid pgrp session tty_nr tpgid
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return group === foreground;
  } catch {
    return [0, 1, 2].some(isTerminal);
  }
}

/** The exit code for a signal, as a shell has it. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + signalNumbers()[signal];
}

/** Not imported: who becomes the program has no need of it. */
function signalNumbers() {
  return process.getBuiltinModule('node:os').constants.signals;
}

/**
 * A signal by its name, `HUP` or `SIGHUP`.
 * @throws `ERR_SECRET_CONFIG` if there is none of this name, or no program can see it
 */
export function signalOf(name: string): NodeJS.Signals {
  const signal = `SIG${name.toUpperCase().replace(/^SIG/, '')}`;
  if (Object.hasOwn(signalNumbers(), signal) && signal !== 'SIGKILL' && signal !== 'SIGSTOP')
    return signal as NodeJS.Signals;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    '--reload-signal names no signal that can be handled',
    {
      hint: 'Name one such as HUP or USR1.',
    },
  );
}
