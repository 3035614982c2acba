/**
 * The line that a person sees while a migration goes on. What a log is told of it is in `waiting.test.ts`.
 */
import { beforeEach, expect, test, vi } from 'vitest';
import { showProgress } from '../src/migration/progress.ts';

const drawn: string[] = [];
let clear: (() => void) | undefined;
let isQuiet = false;
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  isQuiet: () => isQuiet,
  canRedraw: () => true,
  redraw: (line: string) => drawn.push(line),
  onBeforeLine: (given: typeof clear) => {
    clear = given;
  },
}));
beforeEach(() => {
  drawn.length = 0;
  isQuiet = false;
  clear = undefined;
});

test('fills with each step that is over, makes room for other lines, and leaves nothing', () => {
  const progress = showProgress(2);
  progress.end(); // nothing was begun
  expect(drawn).toEqual([]);
  for (const step of ['one', 'two\r', 'three', 'more than there are']) progress.step(step);
  expect(drawn).toEqual([
    '[....................] one',
    '[##########..........] two\\u{d}',
    '[####################] three',
    '[####################] more than there are',
  ]);
  clear?.();
  expect(drawn.pop()).toBe('');
  progress.end();
  expect(drawn.pop()).toBe('');
  expect(clear).toBeUndefined();
  progress.end();
  expect(drawn).toHaveLength(4);
});

test('is not shown with --quiet', () => {
  isQuiet = true;
  const progress = showProgress(2);
  progress.step('one');
  progress.end();
  expect(drawn).toEqual([]);
});
