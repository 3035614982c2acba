/**
 * Which files count as copies that migrations have left, and what still needs each. The commands over them are tried
 * in `backups.e2e.test.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backupsOf } from '../src/migration/backups.ts';
import { journalPath, type MigrationJournal, writeJournal } from '../src/migration/journal.ts';
import { folderWith } from './keyfall.ts';

const journal = {
  format: 1,
  source: { kind: 'dotenv', files: ['/shop/.env'] },
  target: { kind: 'x' },
  shown: { source: '.env', target: 'x' },
  created: [],
  overwritten: [],
} as const;

test('each backup has its time and its use, oldest first', async () => {
  const cwd = await folderWith('A=1\n');
  const states: readonly (MigrationJournal['state'] | 'none' | 'damaged')[] = [
    'started',
    'planned',
    'verified',
    'done',
    'restored',
    'none',
    'damaged',
  ];
  // neither in order nor the other way round: a folder may list them so
  for (const at of [3, 0, 5, 1, 6, 2, 4]) {
    const state = states[at] ?? 'none';
    const path = join(cwd, `.env.backup.2026010${at + 1}T030405678Z`);
    await writeFile(path, '');
    if (state === 'damaged') await writeFile(journalPath(path), '{');
    else if (state !== 'none') await writeJournal(journalPath(path), { ...journal, state });
  }
  const found = await backupsOf(join(cwd, '.env'));
  expect(found.map(({ use }) => use)).toEqual([
    'needed',
    'needed',
    'needed',
    'undoes',
    'nothing',
    'nothing',
    'needed',
  ]);
  expect(found[0]).toMatchObject({
    path: join(cwd, '.env.backup.20260101T030405678Z'),
    made: '20260101T030405678Z',
  });
  expect(found.map(({ made }) => made)).toEqual(found.map(({ made }) => made).sort());
});

test('a file with another form of name is not a backup of ours', async () => {
  const cwd = await folderWith('A=1\n');
  const time = '20260101T030405678Z';
  const ours = [`.env.backup.${time}`, `.env.backup.${time}-2`, `.env.backup.${time}-10`];
  for (const name of [
    ...ours,
    `.env.backup.${time}.journal`,
    `.env.backup.${time}-`,
    `.env.backup.${time}-x`,
    `.env.backup.${time}-2x`,
    `.env.backup.x${time}`,
    `.env.backup.0${time}`,
    '.env.backup.20260101T0304Z',
    '.env.backup.of-mine',
    `.env.prod.backup.${time}`,
    `x.env.backup.${time}`,
    `.env.copies.${time}`,
  ])
    await writeFile(join(cwd, name), '');
  const names = (await backupsOf(join(cwd, '.env'))).map(({ path }) => path);
  expect(names.sort()).toEqual(ours.map((name) => join(cwd, name)).sort());
  expect(await backupsOf(join(cwd, 'none', '.env'))).toEqual([]);
});
