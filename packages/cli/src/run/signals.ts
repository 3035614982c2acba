/**
 * Signals to our process: while a program of `run` is there it gets them, and else they stop our own work.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SecretError, systemClock } from '@keyfall/core';
import { isTerminal } from '../terminal/terminal.ts';
import { endTree, onWindows } from './windows.ts';

/** A program that runs. Its promises never reject. */
export interface RunningChild {
  /**
   * Its exit code once it ended: its own, 128+n if signal n ended
   * it, 127 if there is no such program, 126 if it cannot be executed (both said on stderr).
   */
  readonly exited: Promise<number>;
  /** The same, once all its output, and that of programs it left behind, is written. */
  readonly ended: Promise<number>;
  /** Sends it a signal. After its end, a signal that would have ended it ends the wait for `ended`. */
  kill(signal: NodeJS.Signals): void;
}

const handled = [
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGINT',
  // Ctrl-Break, on Windows alone
  'SIGBREAK',
] as const;

/** Signals that ask a program to exit. */
const endings: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGBREAK']);

/** Whether this signal ends a program that does not handle it. */
export function endsProgram(signal: NodeJS.Signals): boolean {
  return endings.has(signal) || signal === 'SIGHUP';
}

/** What happens to signals, from before the program starts until it has ended. */
export interface SignalHandling {
  /** Forwards signals to this program from now on; `undefined`: there is no program at the moment. */
  forwardTo(child: RunningChild | undefined): void;
  /** The first signal that asked us to exit while there was no program. */
  readonly endedBy: NodeJS.Signals | undefined;
  /** Restores Node's own handling. */
  stop(): void;
}

/**
 * Handles the signals to our process, so that none ends it and leaves the program, a lease or a login behind.
 *
 * @param cancel - called for a signal that asks us to exit while there is no program
 * @param killAfter - milliseconds after which a program that was asked to exit is killed
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
    if (!hasProgramGot(signal)) child.kill(signal);
    const asked = child;
    if (killAfter !== undefined && endings.has(signal))
      cancelKill ??= systemClock.schedule(() => asked.kill('SIGKILL'), killAfter);
  };
  for (const signal of handled) process.on(signal, handle);
  return {
    forwardTo(next) {
      // the program that was asked to exit is another one
      cancelKill?.();
      cancelKill = undefined;
      child = next;
    },
    get endedBy() {
      return endedBy;
    },
    stop() {
      cancelKill?.();
      for (const signal of handled) process.off(signal, handle);
    },
  };
}

/**
 * Whether the program has got this signal as well: a terminal's Ctrl-C, and on Windows, where the console is what signals
 * come from, each.
 */
function hasProgramGot(signal: NodeJS.Signals): boolean {
  return onWindows || (signal === 'SIGINT' && isForegroundOfTerminal());
}

/** Sends a program a signal. On Windows, where none can be sent, it is ended. */
export function sendSignal(child: ChildProcess, signal: NodeJS.Signals): void {
  if (onWindows) endTree(child);
  else child.kill(signal);
}

/**
 * Whether a terminal sends its Ctrl-C to our process group. Linux says so, wherever the streams go; elsewhere a
 * stream that is a terminal is taken as a yes.
 */
function isForegroundOfTerminal(): boolean {
  try {
    // proc_pid_stat(5): after the name, which may contain anything, state ppid pgrp session tty_nr tpgid
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

/** Not imported, since a process that becomes the program does not need it. */
function signalNumbers() {
  return process.getBuiltinModule('node:os').constants.signals;
}

/**
 * A signal by its name, `HUP` or `SIGHUP`.
 * @throws `ERR_SECRET_CONFIG` if no signal has this name, or no program can handle it; `ERR_SECRET_UNSUPPORTED` on Windows
 */
export function signalOf(name: string, windows: boolean = onWindows): NodeJS.Signals {
  if (windows)
    throw new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      '--reload-signal cannot be used: no program can be sent a signal on Windows',
      { hint: 'Leave it out: then the program is restarted.' },
    );
  const signal = `SIG${name.toUpperCase().replace(/^SIG/, '')}`;
  if (Object.hasOwn(signalNumbers(), signal) && signal !== 'SIGKILL' && signal !== 'SIGSTOP')
    return signal as NodeJS.Signals;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    '--reload-signal must name a signal that can be handled',
    {
      hint: 'Name one such as HUP or USR1.',
    },
  );
}
