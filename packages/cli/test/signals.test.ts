/**
 * Who gets a signal, and who is killed for not heeding it. The signals themselves are sent in the e2e tests.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunningChild } from '../src/run/signals.ts';
import { handleSignals, signalOf } from '../src/run/signals.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A program that heeds no signal, and the signals that it got. */
function stubborn() {
  const got: string[] = [];
  const exited = new Promise<number>(() => {});
  const child: RunningChild = { exited, ended: exited, kill: (signal) => void got.push(signal) };
  return { child, got };
}

/** The signal as Node hands it to us alone. */
function receive(signal: NodeJS.Signals): void {
  process.listeners(signal).at(-1)?.(signal);
}

test('a program is not killed because the one before it was asked to exit', () => {
  const [before, after] = [stubborn(), stubborn()];
  const signals = handleSignals(() => {}, 3_000);
  signals.forwardTo(before.child);
  receive('SIGTERM');
  expect(before.got).toEqual(['SIGTERM']);
  signals.forwardTo(undefined);
  signals.forwardTo(after.child);
  vi.advanceTimersByTime(10_000);
  expect(after.got).toEqual([]);
  receive('SIGQUIT');
  vi.advanceTimersByTime(2_999);
  expect(after.got).toEqual(['SIGQUIT']);
  vi.advanceTimersByTime(1);
  expect(after.got).toEqual(['SIGQUIT', 'SIGKILL']);
  signals.stop();
});

test('a signal that reloads is one that a program can handle, and on Windows there is none', () => {
  expect(signalOf('hup', false)).toBe('SIGHUP');
  expect(() => signalOf('KILL', false)).toThrow(
    expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
  );
  expect(() => signalOf('HUP', true)).toThrow(
    expect.objectContaining({ code: 'ERR_SECRET_UNSUPPORTED' }),
  );
});
