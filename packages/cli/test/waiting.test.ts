/**
 * What a log is told of a wait: nothing of a short one, and one line of a long one.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { showProgress } from '../src/migration/progress.ts';
import { waitingFor } from '../src/terminal/waiting.ts';

const lines: string[] = [];
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  writeSync: (_: number, bytes: Buffer) => {
    lines.push(bytes.toString());
    return bytes.length;
  },
}));
beforeEach(() => {
  vi.useFakeTimers();
  const isatty = vi.fn(() => false);
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(((id: string) =>
    id === 'node:tty' ? { isatty } : undefined) as typeof process.getBuiltinModule);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  lines.length = 0;
});

test('a wait for a store that answers late is said once, and a short one is not', async () => {
  let answer = (_: string): void => {};
  const waited = waitingFor(
    'reading vault',
    () => new Promise<string>((resolve) => (answer = resolve)),
  );
  await vi.advanceTimersByTimeAsync(4_999);
  expect(lines).toEqual([]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toEqual(['keyfall: still reading vault.\n']);
  answer('done');
  expect(await waited).toBe('done');

  await waitingFor('reading vault', async () => 'at once');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toHaveLength(1);
});

test('a long step of a migration is reported once', async () => {
  const progress = showProgress(2);
  progress.step('Writing 2 names to vault');
  await vi.advanceTimersByTimeAsync(4_999);
  progress.step('Reading it back and comparing');
  await vi.advanceTimersByTimeAsync(4_999);
  expect(lines).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(lines).toEqual(['keyfall: still reading it back and comparing.\n']);
  progress.end();
  progress.step('Editing .env');
  progress.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toHaveLength(1);
});
