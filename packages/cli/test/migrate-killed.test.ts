/**
 * Kills a migration where it matters most. `migrate-killed.drill.test.ts` does it at every step.
 */
import { beforeEach, expect, test, vi } from 'vitest';
import {
  allMigrated,
  changedWhileKilled,
  heldBefore,
  isRunAgainEdited,
  isUndone,
  killedMigrations,
  stepsOf,
  survives,
} from './killed-migration.ts';

vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: () => {},
  writeLine: () => {},
}));
const said: string[] = [];
beforeEach(() => {
  said.length = 0;
});

const where = killedMigrations();

test('a migration that is killed at a step that changes something is resumed, or undone at once', async () => {
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

test('a migration that was killed before or after its write is reported correctly after the file was edited', async () => {
  const steps = await stepsOf(where);
  const write = steps.lastIndexOf('request', steps.lastIndexOf('request') - 1) + 1;
  const wrote = (...created: string[]) => ({ state: 'done', created });
  const unwritten = await isRunAgainEdited(where, write);
  expect(unwritten.journals).toMatchObject([wrote('TOKEN', 'EXTRA')]);
  expect(said.join('\n')).not.toContain('--restore');
  said.length = 0;
  const written = await isRunAgainEdited(where, write + 1);
  expect(written.journals).toMatchObject([wrote('TOKEN'), wrote('EXTRA')]);
  expect(said.join('\n')).toMatch(/keyfall migrate --restore \S+/);
  for (const { stored } of [unwritten, written])
    expect(stored).toEqual({ ...allMigrated, EXTRA: '1' });
});

test('a migration that was killed while it read back keeps what it may have written, although its source changed', async () => {
  const taken = await changedWhileKilled(where);
  const before = await taken.readJournal();
  expect(before).not.toContain('canary');
  // the store holds another value than the source does by now, be it our own: nobody has chosen
  expect(await taken.runAgain()).toBe(1);
  expect(await taken.readJournal()).toBe(before);
  expect(await taken.runAgain('--on-conflict', 'overwrite')).toBe(0);
  expect(await taken.stored()).toEqual({ ...heldBefore, A: 'canary-second', GONE: 'canary-gone' });
  const journal = await taken.readJournal();
  expect(JSON.parse(journal)).toMatchObject({
    state: 'done',
    created: ['A', 'GONE'],
    overwritten: [],
  });
  expect(journal).not.toContain('canary');
  // whose value GONE has nobody can tell by now: it is left, and that is told
  expect(await taken.restore()).toBe(1);
  expect(await taken.stored()).toEqual({ ...heldBefore, GONE: 'canary-gone' });

  const undone = await changedWhileKilled(where);
  expect(await undone.restore()).toBe(1);
  expect(await undone.stored()).toEqual({ ...heldBefore, A: 'canary-first', GONE: 'canary-gone' });
});
