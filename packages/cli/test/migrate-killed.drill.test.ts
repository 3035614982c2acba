/**
 * Kills a migration, and a restore, at every one of its steps. Whatever the step, nothing is lost, the
 * next run ends what was begun, and a restore brings back all that was there.
 */
import { expect, test, vi } from 'vitest';
import {
  isUndone,
  type KilledMigrations,
  killedMigrations,
  moveStepsOf,
  moveSurvives,
  restoreStepsOf,
  restoreSurvives,
  stepsOf,
  survives,
} from './killed-migration.ts';

vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: () => {},
  report: () => {},
  writeLine: () => {},
}));

const where = killedMigrations();

/** What does not survive, of all the steps; four at a time. */
async function failuresAt(
  steps: readonly string[],
  survives: (where: KilledMigrations, step: number) => Promise<void>,
): Promise<readonly string[]> {
  const failures: string[] = [];
  const left = [...steps.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, what] = next;
      await survives(where, index + 1).catch((error: Error) => {
        failures.push(`killed before "${what}" (${index + 1}): ${error.message}`);
      });
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return failures;
}

test('a migration that is killed at any step is taken up, and can be undone', async () => {
  const steps = await stepsOf(where);
  expect(steps.length).toBeGreaterThan(60);
  expect(await failuresAt(steps, survives)).toEqual([]);
}, 120_000);

test('a migration that is killed at any step can be undone at once', async () => {
  expect(await failuresAt(await stepsOf(where), isUndone)).toEqual([]);
}, 120_000);

test('a migration between stores that is killed at any step is taken up, and can be undone', async () => {
  const steps = await moveStepsOf(where);
  expect(steps.length).toBeGreaterThan(40);
  expect(await failuresAt(steps, moveSurvives)).toEqual([]);
}, 300_000);

test('a restore that is killed at any step ends when it is run again', async () => {
  const steps = await restoreStepsOf(where);
  expect(steps.length).toBeGreaterThan(30);
  expect(await failuresAt(steps, restoreSurvives)).toEqual([]);
}, 120_000);
