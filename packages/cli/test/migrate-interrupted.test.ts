/**
 * What the next run makes of a migration that was interrupted, by what has changed since.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { memoryProvider, type SecretProvider } from '@keyfall/core';
import { beforeEach, expect, test, vi } from 'vitest';
import type { MigrationJournal } from '../src/migration/journal.ts';
import { type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';

const said: string[] = [];
vi.mock('../src/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: (text: string) => said.push(text),
  writeLine: () => {},
}));
/** Whether a migration is slow to write down that it is done. */
let slowToSayDone = false;
vi.mock('../src/migration/journal.ts', async (original) => {
  const journal = await original<typeof import('../src/migration/journal.ts')>();
  return {
    ...journal,
    async writeJournal(path: string, content: MigrationJournal) {
      if (slowToSayDone && content.state === 'done') await wait(200);
      return journal.writeJournal(path, content);
    },
  };
});
beforeEach(() => {
  said.length = 0;
  slowToSayDone = false;
});

/** A store that takes its first write and then cannot be asked any more, until it comes back. */
function leaving(values: Readonly<Record<string, string>> = {}) {
  const store = memoryProvider(values);
  let isGone = false;
  let writes = 0;
  const provider: SecretProvider = {
    ...store,
    async read(names, context) {
      if (isGone) throw new Error('gone');
      return store.read(names, context);
    },
    async write(changes, context) {
      const receipt = await store.write?.(changes, context);
      writes += 1;
      isGone = writes === 1;
      return receipt ?? { conditional: false };
    },
  };
  return {
    provider,
    comeBack: () => {
      isGone = false;
    },
  };
}

async function run(cwd: string, provider: SecretProvider, options: Partial<MigrateOptions> = {}) {
  const source = await readSource(join(cwd, '.env'));
  return migrate(source, openTarget(provider), { yes: true, ...options });
}

async function interrupted(content: string, values?: Readonly<Record<string, string>>) {
  const cwd = await folderWith(content);
  const { provider, comeBack } = leaving(values);
  const ends = ['--to', 'memory'];
  await expect(run(cwd, provider, { onConflict: 'overwrite', ends })).rejects.toThrow();
  expect(said.at(-1)).toMatch(/ undo it with keyfall migrate --restore \S+ --to memory\.$/);
  comeBack();
  said.length = 0;
  return { cwd, provider };
}

async function journals(cwd: string): Promise<MigrationJournal[]> {
  const names = (await readdir(cwd)).filter((name) => name.endsWith('.journal')).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(cwd, name), 'utf8'))),
  );
}

test('the same file: it is read back, and nothing is written again', async () => {
  const { cwd, provider } = await interrupted('A=1\nB=2\n', { B: 'theirs' });
  expect(await journals(cwd)).toMatchObject([{ state: 'planned' }]);
  expect(await run(cwd, provider)).toMatchObject({ written: 0 });
  expect(said).toContain('going on with a migration that was interrupted.');
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A'], overwritten: [{ name: 'B' }] },
  ]);
});

test('a file that was edited since gets a backup of its own', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  await writeFile(join(cwd, '.env'), 'A=1\nNEW=2\n');
  await run(cwd, provider);
  expect(said.join('\n')).toMatch(/has been written: keyfall migrate --restore \S+ undoes it/);
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A'] },
    { state: 'done', created: ['NEW'] },
  ]);
});

test('a write that did not happen is cleared away, and done', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  const empty = memoryProvider();
  expect(empty.store).toBe(provider.store);
  expect(await run(cwd, empty)).toMatchObject({ written: 1 });
  expect(said).toContain(
    'a migration was interrupted, and nothing of it is in memory: it was cleared away.',
  );
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
});

test('what was read back was written, whatever the store and the file hold by now', async () => {
  const { cwd, provider } = await interrupted('A=1\nB=2\n');
  const [name = ''] = (await readdir(cwd)).filter((each) => each.endsWith('.journal'));
  const [journal] = await journals(cwd);
  await writeFile(join(cwd, name), JSON.stringify({ ...journal, state: 'verified' }));
  const theirs = new Map([
    ['A', 'theirs'],
    ['B', null],
  ]);
  await provider.write?.(
    { entries: theirs },
    { signal: new AbortController().signal, timeLeft: () => 1_000, warn: () => {} },
  );
  await writeFile(join(cwd, '.env'), 'A=1\nNEW=3\n');
  await run(cwd, provider, { onConflict: 'keep' });
  expect(said.join('\n')).toMatch(/has been written: keyfall migrate --restore \S+ undoes it/);
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A', 'B'] },
    { state: 'done', created: ['NEW'] },
  ]);
});

test('a name that it wrote, and the file has another value for by now, is still to be chosen about', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  await writeFile(join(cwd, '.env'), 'A=2\n');
  expect(await run(cwd, provider)).toMatchObject({ names: [{ name: 'A', action: 'conflict' }] });
  expect(said.join('\n')).toContain('may have written what the store holds: once you have chosen');
  expect(await journals(cwd)).toMatchObject([{ state: 'planned' }]);
});

test('one that went to another store is left as it is, and told', async () => {
  const { cwd } = await interrupted('A=1\n');
  await run(cwd, { ...memoryProvider(), store: 'elsewhere' });
  expect(said.join('\n')).toContain('a migration to memory was interrupted, and is left as it is');
  expect((await journals(cwd)).map(({ state }) => state).sort()).toEqual(['done', 'planned']);
});

test('a dry run tells of it, and leaves it', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  await run(cwd, provider, { dryRun: true });
  expect(said.join('\n')).toContain('the next run goes on with it, or clears it away');
  expect(await journals(cwd)).toMatchObject([{ state: 'planned' }]);
});

test('without its backup there is nothing to undo by: it is cleared away', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  for (const name of await readdir(cwd)) if (/backup\.\w+$/.test(name)) await rm(join(cwd, name));
  expect(await run(cwd, provider)).toMatchObject({ written: 0 });
  expect(said.join('\n')).toContain('has no backup any more to undo it by');
  expect(await journals(cwd)).toEqual([]);
});

test('a journal that is none of ours is no interrupted migration', async () => {
  const cwd = await folderWith('A=1\n');
  const journal = { format: 1, store: 'memory', state: 'planned', created: [], overwritten: [] };
  const texts = ['{', '[]', JSON.stringify(journal), JSON.stringify({ ...journal, source: 'x' })];
  for (const [at, text] of texts.entries())
    await writeFile(join(cwd, `.env.backup.${at}.journal`), text);
  await run(cwd, memoryProvider());
  for (const [at, text] of texts.entries())
    expect(await readFile(join(cwd, `.env.backup.${at}.journal`), 'utf8')).toBe(text);
});

test('two at once: the second waits, and finds it done', async () => {
  slowToSayDone = true;
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  const results = await Promise.all([run(cwd, store), run(cwd, store)]);
  expect(results.map(({ written }) => written).sort()).toEqual([0, 1]);
  expect(said.filter((text) => text.includes('interrupted'))).toEqual([]);
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
  expect((await readdir(cwd)).filter((name) => name !== '.env')).toHaveLength(2);
});
