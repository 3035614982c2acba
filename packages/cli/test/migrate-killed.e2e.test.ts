/**
 * Kills a migration where it matters most. `migrate-killed.drill.test.ts` does it at every step.
 */
import { expect, test, vi } from 'vitest';
import { isUndone, killedMigrations, stepsOf, survives } from './killed-migration.ts';

vi.mock('../src/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal.ts')>()),
  notice: () => {},
  report: () => {},
  writeLine: () => {},
}));

const where = killedMigrations();

test('killed at a step that changes something, it is taken up, or undone at once', async () => {
  const steps = await stepsOf(where);
  const stepsLike = (what: RegExp) =>
    steps.flatMap((step, at) => (what.test(step) ? [at + 1] : []));
  const [journal = 0] = stepsLike(/^rename .*\.journal/);
  const [backup = 0] = stepsLike(/^open \S*\.env\.backup\.\w+$/);
  // its content and its name are on the disk before anything is written to the store
  expect(steps.slice(backup, backup + 4)).toEqual(['writeFile', 'half of it', 'sync', 'sync']);
  const [readBack = 0, write = 0] = stepsLike(/^answer$/).reverse();
  const [edit = 0] = stepsLike(/^rename \S*\.env\.keyfall-tmp$/);
  // before the first journal is there; before the backup, and half of it; before the store has
  // answered; before the new file is there; after all but the last lock
  const chosen = [journal, backup, backup + 2, write, readBack, edit, steps.length];
  expect(chosen.every((step) => step > 0)).toBe(true);
  expect(backup).toBeLessThan(write);
  for (const step of chosen) await survives(where, step);
  for (const step of [backup + 2, readBack, edit]) await isUndone(where, step);
}, 60_000);
