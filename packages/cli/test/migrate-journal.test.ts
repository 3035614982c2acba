/**
 * The journal of a migration: what is none is never taken for one, and what it stands for goes in the order
 * that leaves a way back.
 */
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { discard } from '../src/migration/interrupted.ts';
import {
  journalPath,
  type MigrationJournal,
  readJournal,
  writeJournal,
} from '../src/migration/journal.ts';
import { folderWith } from './keyfall.ts';

const said: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
}));

const journal: MigrationJournal = {
  format: 1,
  state: 'planned',
  source: { kind: 'dotenv', files: ['/shop/.env'] },
  target: { kind: 'vault', address: 'https://vault.example', paths: ['secret/shop'] },
  shown: { source: '.env', target: 'vault' },
  created: ['A'],
  overwritten: [{ name: 'B', version: '2' }, { name: 'C' }],
};

test('a journal is read as it was written, only by its owner, and lies beside its backup', async () => {
  const cwd = await folderWith();
  const path = journalPath(join(cwd, '.env.backup.1'));
  expect(path).toBe(join(cwd, '.env.backup.1.journal'));
  for (const state of ['started', 'planned', 'verified', 'done', 'restored'] as const) {
    await writeJournal(path, { ...journal, state });
    expect(await readJournal(path)).toEqual({ ...journal, state });
  }
  await writeJournal(path, { ...journal, reader: 'python', revision: '7' });
  expect(await readJournal(path)).toEqual({ ...journal, reader: 'python', revision: '7' });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(cwd)).toEqual(['.env.backup.1.journal']);
});

test('a journal names files as seen from its folder, so that the folder can be moved', async () => {
  const cwd = await folderWith();
  const there = join(cwd, 'there');
  await mkdir(join(cwd, 'here'));
  const places = (folder: string) => ({
    source: { kind: 'dotenv', files: [join(folder, '.env')] },
    target: { kind: 'sops', files: [join(folder, 'x', 'secrets.enc.yaml')], paths: ['x'] },
  });
  await writeJournal(join(cwd, 'here', 'x.journal'), { ...journal, ...places(join(cwd, 'here')) });
  await rename(join(cwd, 'here'), there);
  expect(await readJournal(join(there, 'x.journal'))).toEqual({ ...journal, ...places(there) });
});

test('a journal that does not exist is an error with its path', async () => {
  const path = join(await folderWith(), 'none.journal');
  await expect(readJournal(path)).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    message: expect.stringContaining(path),
  });
});

describe('a file is refused as a journal if it has', () => {
  const without = (name: keyof MigrationJournal) => {
    const { [name]: _, ...others } = journal;
    return others;
  };
  test.each<[string, unknown]>([
    ['what is no object', 'canary-text'],
    ['null', null],
    ['a list', []],
    ['a later format', { ...journal, format: 2 }],
    ['a format as text', { ...journal, format: '1' }],
    ['no format', without('format')],
    ['no source', without('source')],
    ['a source that is no place', { ...journal, source: '/shop/.env' }],
    ['a source of no kind', { ...journal, source: { files: ['/shop/.env'] } }],
    ['a file that is no text', { ...journal, source: { kind: 'dotenv', files: [1] } }],
    ['text for the list of files', { ...journal, source: { kind: 'dotenv', files: '.env' } }],
    ['no target', without('target')],
    ['a target that is no place', { ...journal, target: null }],
    ['an address that is no text', { ...journal, target: { kind: 'vault', address: 1 } }],
    ['a path that is no text', { ...journal, target: { kind: 'vault', paths: [{}] } }],
    ['no texts', without('shown')],
    ['no text for the source', { ...journal, shown: { target: 'vault' } }],
    ['no text for the target', { ...journal, shown: { source: '.env' } }],
    ['no state', without('state')],
    ['an unknown state', { ...journal, state: 'canary-state' }],
    ['no list of what was new', without('created')],
    ['text for the list of what was new', { ...journal, created: 'A' }],
    ['a name that is no text', { ...journal, created: ['A', 1] }],
    ['no list of what was replaced', without('overwritten')],
    ['an object for the list of what was replaced', { ...journal, overwritten: { name: 'A' } }],
    ['a bare name that was replaced', { ...journal, overwritten: [{ name: 'A' }, 'B'] }],
    ['null that was replaced', { ...journal, overwritten: [null] }],
    ['no name that was replaced', { ...journal, overwritten: [{ version: '1' }] }],
    ['a version that is no text', { ...journal, overwritten: [{ name: 'A', version: 1 }] }],
    ['a revision that is no text', { ...journal, revision: 7 }],
    ['an unknown reader', { ...journal, reader: 'canary-reader' }],
    ['a reader that is no text', { ...journal, reader: 1 }],
  ])('%s', async (_, content) => {
    const path = join(await folderWith(), 'x.journal');
    for (const text of [JSON.stringify(content), `${JSON.stringify(journal)}}`]) {
      await writeFile(path, text);
      await expect(readJournal(path)).rejects.toMatchObject({
        code: 'ERR_SECRET_INVALID',
        message: expect.not.stringContaining('canary'),
      });
      expect(await readFile(path, 'utf8')).toBe(text);
    }
  });
});

test('a journal stays if its backup cannot be removed, so that the next run knows of it', async () => {
  const cwd = await folderWith();
  const path = join(cwd, '.env.backup.1');
  await mkdir(path); // what `rm` does not remove
  await writeFile(journalPath(path), 'ours');
  await discard(path);
  expect(said).toEqual([expect.stringContaining(path)]);
  expect(await readFile(journalPath(path), 'utf8')).toBe('ours');
});

test('a journal and its backup are discarded together, even if one is missing', async () => {
  const cwd = await folderWith();
  const path = join(cwd, '.env.backup.1');
  for (const left of [[path], [journalPath(path)], [path, journalPath(path)], []]) {
    for (const file of left) await writeFile(file, '');
    await discard(path);
    expect(await readdir(cwd)).toEqual([]);
  }
});
