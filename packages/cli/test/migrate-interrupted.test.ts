/**
 * What the next run makes of a migration that was interrupted, by what has changed since.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { memoryProvider, SecretError, type SecretErrorCode } from '@keyfall/core';
import type { ReadContext, SecretProvider } from '@keyfall/core/provider';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { MigrationJournal } from '../src/migration/journal.ts';
import { type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { readSource, readStoreSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';
import { transcript } from './transcript.ts';

const said: string[] = [];
const shown: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: (text: string) => said.push(text),
  writeLine: (text: string) => shown.push(text),
}));
/** Is told of each journal before it is written: the path of its backup, and what it says. */
let whenWritten = async (_backup: string, _journal: MigrationJournal): Promise<void> => {};
/** Whether a migration is slow to write down that it is done. */
let slowToSayDone = false;
vi.mock('../src/migration/journal.ts', async (original) => {
  const journal = await original<typeof import('../src/migration/journal.ts')>();
  return {
    ...journal,
    async writeJournal(path: string, content: MigrationJournal) {
      await whenWritten(path.replace(/\.journal$/, ''), content);
      if (slowToSayDone && content.state === 'done') await wait(200);
      return journal.writeJournal(path, content);
    },
  };
});
beforeEach(() => {
  said.length = 0;
  slowToSayDone = false;
  whenWritten = async () => {};
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

async function run(
  cwd: string,
  provider: SecretProvider,
  { reader, ...options }: Partial<MigrateOptions> & { readonly reader?: DotenvReader } = {},
) {
  const source = await readSource(join(cwd, '.env'), reader && { reader });
  return migrate(source, openTarget(provider), { yes: true, ...options });
}

async function interrupted(
  content: string,
  values?: Readonly<Record<string, string>>,
  reader?: DotenvReader,
) {
  const cwd = await folderWith(content);
  const { provider, comeBack } = leaving(values);
  const options = { onConflict: 'overwrite', ends: ['--to', 'memory'] } as const;
  await expect(run(cwd, provider, { ...options, ...(reader && { reader }) })).rejects.toThrow();
  expect(said.at(-1)).toMatch(/keyfall migrate --restore \S+ --to memory\.$/);
  comeBack();
  said.length = 0;
  return { cwd, provider };
}

const context = (): ReadContext => ({
  signal: new AbortController().signal,
  remainingTimeout: () => 1_000,
  warn: () => {},
});

async function journals(cwd: string): Promise<MigrationJournal[]> {
  const names = (await readdir(cwd)).filter((name) => name.endsWith('.journal')).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(cwd, name), 'utf8'))),
  );
}

test('a run of the same file reads back what the interrupted one wrote, and writes nothing again', async () => {
  const { cwd, provider } = await interrupted('A=1\nB=2\n', { B: 'theirs' });
  expect(await journals(cwd)).toMatchObject([{ state: 'planned' }]);
  expect(await run(cwd, provider)).toMatchObject({ written: 0 });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A'], overwritten: [{ name: 'B' }] },
  ]);
});

/** Changes the journal of the only migration in the folder. */
async function rewriteJournal(cwd: string, more: Partial<MigrationJournal>): Promise<string> {
  const [name = ''] = (await readdir(cwd)).filter((each) => each.endsWith('.journal'));
  const [journal] = await journals(cwd);
  await writeFile(join(cwd, name), JSON.stringify({ ...journal, ...more }));
  return join(cwd, name.replace('.journal', ''));
}

test('a migration that was interrupted before its backup was complete is removed, whatever its target', async () => {
  for (const kind of ['memory', 'elsewhere']) {
    const { cwd, provider } = await interrupted('A=1\n');
    const backup = await rewriteJournal(cwd, { state: 'started', target: { kind } });
    await run(cwd, provider);
    expect(said).toContainEqual(expect.stringContaining('memory (this process)'));
    expect(existsSync(backup)).toBe(false);
    expect(await journals(cwd)).toEqual([]);
  }
});

test('the same bytes with another reader are another content, and a backup is read with its own reader', async () => {
  const text = 'A="x\\ty"\n';
  const { cwd, provider } = await interrupted(text, {}, 'python');
  expect(await journals(cwd)).toMatchObject([{ reader: 'python' }]);
  await run(cwd, provider, { onConflict: 'overwrite', reader: 'node' });
  expect(said.join('\n')).toMatch(/keyfall migrate --restore \S+/);
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A'], reader: 'python' },
    { state: 'done', overwritten: [{ name: 'A', version: '2' }], reader: 'node' },
  ]);
});

test('a journal without a reader counts as read by npm', async () => {
  const { cwd, provider } = await interrupted('A="x\\ty"\n');
  expect(await journals(cwd)).toMatchObject([{ reader: 'npm' }]);
  await rewriteJournal(cwd, { reader: undefined });
  expect(await run(cwd, provider)).toMatchObject({ written: 0 });
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
});

test("another program's value under one of its names does not count as written", async () => {
  const { cwd, provider } = await interrupted('A=1\nB=2\n', { B: 'before' });
  await provider.write?.({ entries: new Map([['B', 'theirs']]) }, context());
  await run(cwd, provider, { onConflict: 'keep' });
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'], overwritten: [] }]);
});

test('other files beside a record, and copies of it, are not records', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  const [name = ''] = (await readdir(cwd)).filter((each) => each.endsWith('.journal'));
  const journal = await readFile(join(cwd, name), 'utf8');
  // the second has as many letters more as `.journal` has
  const others = ['copy.journal', name.replace('.journal', '.another'), `x${name}`];
  for (const other of others) await writeFile(join(cwd, other), journal);
  await run(cwd, provider);
  expect(said.filter((text) => text.includes('interrupted'))).toHaveLength(1);
  for (const other of others) expect(await readFile(join(cwd, other), 'utf8')).toBe(journal);
});

test('of two interrupted migrations of the same content the later one is resumed, and the other is done', async () => {
  const { cwd, provider } = await interrupted('A=1\nB=2\n');
  const [name = ''] = (await readdir(cwd)).filter((each) => each.endsWith('.journal'));
  const [journal] = await journals(cwd);
  const later = join(cwd, '.env.backup.99990101T000000000Z');
  await writeFile(later, 'A=1\nB=2\n');
  await writeFile(`${later}.journal`, JSON.stringify({ ...journal, created: ['B'] }));
  expect(await run(cwd, provider)).toMatchObject({ backup: later });
  expect(await readFile(join(cwd, name.replace('.journal', '')), 'utf8')).toBe('A=1\nB=2\n');
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A', 'B'] },
    { state: 'done', created: ['B'] },
  ]);
});

test('a write without a revision may still arrive, so its record is kept', async () => {
  const { cwd } = await interrupted('A=1\n');
  const backup = await rewriteJournal(cwd, { revision: undefined });
  const moved = memoryProvider();
  await moved.write?.({ entries: new Map([['OTHER', 'x']]) }, context());
  await writeFile(join(cwd, '.env'), 'USE_VAULT=true\n');
  await run(cwd, moved);
  expect(await journals(cwd)).toMatchObject([{ state: 'planned', created: ['A'] }]);
  expect(existsSync(backup)).toBe(true);
});

test('a file that was edited since gets a backup of its own', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  await writeFile(join(cwd, '.env'), 'A=1\nNEW=2\n');
  await run(cwd, provider);
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A'] },
    { state: 'done', created: ['NEW'] },
  ]);
});

test('a write that has not arrived is made again, with the existing backup', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  const before = await readdir(cwd);
  const empty = memoryProvider();
  expect(empty.store).toBe(provider.store);
  expect(await run(cwd, empty)).toMatchObject({ written: 1 });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
  expect(await readdir(cwd)).toEqual(before);
});

test('a write that can only arrive too late is removed, and made by this run', async () => {
  const { cwd } = await interrupted('A=1\n');
  const moved = memoryProvider();
  await moved.write?.({ entries: new Map([['OTHER', 'x']]) }, context());
  expect(await run(cwd, moved)).toMatchObject({ written: 1 });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
});

test('a write that arrives just before that of the next run is undone with that run', async () => {
  const { cwd } = await interrupted('A=1\nB=2\n');
  const store = memoryProvider();
  let isOnItsWay = true;
  const provider: SecretProvider = {
    ...store,
    async write(changes, given) {
      if (isOnItsWay) await store.write?.({ entries: changes.entries, ifRevision: '1' }, given);
      isOnItsWay = false;
      return (await store.write?.(changes, given)) ?? { conditional: false };
    },
  };
  await run(cwd, provider);
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A', 'B'] }]);
  expect((await readdir(cwd)).length).toBe(3);
});

test('a missing write is made although another program writes first', async () => {
  const { cwd } = await interrupted('A=1\n');
  const store = memoryProvider();
  let isFirst = true;
  const provider: SecretProvider = {
    ...store,
    async write(changes, given) {
      if (isFirst) await store.write?.({ entries: new Map([['OTHER', 'x']]) }, given);
      isFirst = false;
      return (await store.write?.(changes, given)) ?? { conditional: false };
    },
  };
  expect(await run(cwd, provider)).toMatchObject({ written: 1 });
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'], overwritten: [] }]);
  expect(await readdir(cwd)).toHaveLength(3);
});

test('the record of another content is kept until this run has written', async () => {
  const { cwd } = await interrupted('A=1\n');
  const before = await readdir(cwd);
  const empty = memoryProvider();
  await writeFile(join(cwd, '.env'), 'USE_VAULT=true\n');
  await run(cwd, empty);
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await readdir(cwd)).toEqual(before);
  await writeFile(join(cwd, '.env'), 'USE_VAULT=false\n');
  await run(cwd, empty, { activate: true });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('USE_VAULT=true\n');
  expect(await readdir(cwd)).toEqual(expect.arrayContaining(before));
  for (const name of await readdir(cwd)) if (!before.includes(name)) await rm(join(cwd, name));
  await writeFile(join(cwd, '.env'), 'NEW=2\n');
  await run(cwd, empty);
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['NEW'] }]);
});

/** A store whose first write ends with this error, made or not. */
function failing(
  applied: 'no' | 'yes' | 'unknown' | undefined,
  code: SecretErrorCode,
  makes: boolean,
) {
  const store = memoryProvider();
  let writes = 0;
  const provider: SecretProvider = {
    ...store,
    async write(changes, given) {
      writes += 1;
      const receipt = writes === 1 && !makes ? undefined : await store.write?.(changes, given);
      if (writes === 1) throw new SecretError(code, 'it went wrong', { applied });
      return receipt ?? { conditional: false };
    },
  };
  return { provider, store };
}

test.each(
  (['ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_INVALID', 'ERR_SECRET_DENIED'] as const).flatMap((code) =>
    (['yes', 'unknown', undefined] as const).flatMap((applied) =>
      [true, false].map((makes) => ({ code, applied, makes })),
    ),
  ),
)(
  '$code of a write that is $applied (made: $makes) leaves backup and journal, and the next run ends it',
  async ({ code, applied, makes }) => {
    const cwd = await folderWith('A=1\nB=2\n');
    const { provider, store } = failing(applied, code, makes);
    await expect(run(cwd, provider, { purge: true })).rejects.toMatchObject({ code });
    expect(said.at(-1)).toMatch(/keyfall migrate --restore \S+\.$/);
    const left = await readdir(cwd);
    expect(left).toHaveLength(3);
    const backup = left.find((name) => /\.backup\.[^.]+$/.test(name)) ?? '';
    expect(await readFile(join(cwd, backup), 'utf8')).toBe('A=1\nB=2\n');
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nB=2\n');
    expect(await journals(cwd)).toMatchObject([{ state: 'planned', created: ['A', 'B'] }]);

    await run(cwd, provider, { purge: true });
    const { entries } = await store.read('all', context());
    expect([...entries.keys()]).toEqual(['A', 'B']);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('');
    expect(await readdir(cwd)).toEqual(left);
    expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A', 'B'] }]);
  },
);

test.each(['ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_DENIED', 'ERR_SECRET_ABORTED'] as const)(
  '%s of a write that was certainly not made leaves nothing',
  async (code) => {
    const cwd = await folderWith('A=1\n');
    const { provider } = failing('no', code, false);
    await expect(run(cwd, provider)).rejects.toMatchObject({
      code,
    });
    expect(said).toEqual([]);
    expect(await readdir(cwd)).toEqual(['.env']);
  },
);

test('what was read back counts as written, whatever the store and the file hold now', async () => {
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
    { signal: new AbortController().signal, remainingTimeout: () => 1_000, warn: () => {} },
  );
  await writeFile(join(cwd, '.env'), 'A=1\nNEW=3\n');
  await run(cwd, provider, { onConflict: 'keep' });
  expect(said.join('\n')).toMatch(/keyfall migrate --restore \S+/);
  expect(await journals(cwd)).toMatchObject([
    { state: 'done', created: ['A', 'B'] },
    { state: 'done', created: ['NEW'] },
  ]);
});

test('a written name with another value in the file now is still a conflict', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  await writeFile(join(cwd, '.env'), 'A=2\n');
  expect(await run(cwd, provider)).toMatchObject({ names: [{ name: 'A', action: 'conflict' }] });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toMatchObject([{ state: 'planned' }]);
});

test('a migration to another store is left as it is, with a notice', async () => {
  const { cwd } = await interrupted('A=1\n');
  await run(cwd, { ...memoryProvider(), place: { kind: 'elsewhere' } });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect((await journals(cwd)).map(({ state }) => state).sort()).toEqual(['done', 'planned']);
});

test('a dry run reports an interrupted migration, and leaves it', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  await run(cwd, provider, { dryRun: true });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toMatchObject([{ state: 'planned' }]);
});

test('an interrupted migration without its backup is removed', async () => {
  const { cwd, provider } = await interrupted('A=1\n');
  for (const name of await readdir(cwd)) if (/backup\.\w+$/.test(name)) await rm(join(cwd, name));
  expect(await run(cwd, provider)).toMatchObject({ written: 0 });
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  expect(await journals(cwd)).toEqual([]);
});

test('a file that is not a journal is not an interrupted migration', async () => {
  const cwd = await folderWith('A=1\n');
  const place = { kind: 'dotenv', files: ['.env'] };
  const journal = { format: 1, target: place, state: 'planned', created: [], overwritten: [] };
  const texts = ['{', '[]', JSON.stringify(journal), JSON.stringify({ ...journal, source: place })];
  for (const [at, text] of texts.entries())
    await writeFile(join(cwd, `.env.backup.${at}.journal`), text);
  await run(cwd, memoryProvider());
  for (const [at, text] of texts.entries())
    expect(await readFile(join(cwd, `.env.backup.${at}.journal`), 'utf8')).toBe(text);
});

describe('from a store', () => {
  // the record lies where the user is, and the folder of this process is that of others, too
  const isRecord = (name: string) => name.startsWith('keyfall-migration.');
  const records = async () => (await readdir('.')).filter(isRecord).sort();
  beforeEach(() => {
    onTestFinished(async () => {
      for (const name of await records()) await rm(name);
    });
  });
  const from = (values: Readonly<Record<string, string>>): SecretProvider => ({
    ...memoryProvider(values),
    store: 'source of this test',
    place: { kind: 'source of this test' },
  });
  const move = async (
    source: SecretProvider,
    provider: SecretProvider,
    options: Partial<MigrateOptions> = {},
  ) => migrate(await readStoreSource(source), openTarget(provider), { yes: true, ...options });

  test('a migration from a store has a journal and no backup', async () => {
    const result = await move(from({ A: '1' }), memoryProvider());
    const [name = '', ...others] = await records();
    expect(others).toEqual([]);
    expect(name).toMatch(/^keyfall-migration\.\w+\.journal$/);
    expect(result).toMatchObject({ source: 'source of this test', written: 1, backup: name });
    const journal = JSON.parse(await readFile(name, 'utf8'));
    expect(journal).toMatchObject({
      state: 'done',
      source: { kind: 'source of this test' },
      shown: { source: 'source of this test', target: 'this process' },
      created: ['A'],
    });
    expect(journal).not.toHaveProperty('reader');
    // nothing that would concern a file, or its settings
    expect(shown.at(-1)).not.toMatch(/\.env|--purge/);
    await move(from({ A: '1' }), memoryProvider({ A: '1' }));
    expect(said).toEqual([expect.stringContaining('(1 name)')]);
  });

  test('an interrupted migration of another store in the same folder is left alone', async () => {
    const { provider, comeBack } = leaving();
    await expect(move(from({ A: '1' }), provider)).rejects.toThrow();
    comeBack();
    const [first = ''] = await records();
    const other = { ...from({ B: '2' }), place: { kind: 'another source' } };
    expect(await move(other, provider)).toMatchObject({ written: 1 });
    expect(JSON.parse(await readFile(first, 'utf8'))).toMatchObject({ state: 'planned' });
    expect(await records()).toHaveLength(2);
  });

  test('names count as written if the store has them now and had not before', async () => {
    const target = memoryProvider({ B: 'theirs', C: 'theirs' });
    let isFirst = true;
    const halfWay: SecretProvider = {
      ...target,
      atomicity: 'name',
      async write(changes, given) {
        if (!isFirst) return (await target.write?.(changes, given)) ?? { conditional: false };
        isFirst = false;
        const { A = null, B = null } = Object.fromEntries(changes.entries);
        await target.write?.({ entries: new Map(Object.entries({ A, B })) }, given);
        throw new SecretError('ERR_SECRET_UNAVAILABLE', 'gone', { applied: 'unknown' });
      },
    };
    const first = from({ A: '1', B: '2', C: '3', D: '4' });
    await expect(move(first, halfWay, { onConflict: 'overwrite' })).rejects.toThrow();
    expect(transcript(said)).toMatchSnapshot();
    const [name = ''] = await records();
    expect(JSON.parse(await readFile(name, 'utf8'))).toMatchObject({
      state: 'planned',
      created: ['A', 'D'],
      overwritten: [{ name: 'B' }, { name: 'C' }],
    });
    // the source holds something else by now
    await move(from({ A: '1', C: '3' }), halfWay, { onConflict: 'keep' });
    expect(await records()).toEqual([name]);
    expect(JSON.parse(await readFile(name, 'utf8'))).toMatchObject({
      state: 'done',
      created: ['A'],
      overwritten: [{ name: 'B', version: '1' }],
    });
  });
});

test('of two runs at once the second waits, and finds everything done', async () => {
  slowToSayDone = true;
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  const results = await Promise.all([run(cwd, store), run(cwd, store)]);
  expect(results.map(({ written }) => written).sort()).toEqual([0, 1]);
  expect(said.filter((text) => text.includes('interrupted'))).toEqual([]);
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
  expect((await readdir(cwd)).filter((name) => name !== '.env')).toHaveLength(2);
});

test('each step is in the journal before it happens, and the backup is there before the write', async () => {
  const cwd = await folderWith('A=1\nB=2\n');
  const steps: unknown[] = [];
  whenWritten = async (backup, { state }) => {
    steps.push([
      state,
      existsSync(backup),
      (await store.read('all', undefined as never)).entries.size,
    ]);
  };
  const store = memoryProvider();
  await run(cwd, store, { purge: true });
  expect(steps).toEqual([
    ['started', false, 0],
    ['planned', true, 0],
    ['verified', true, 2],
    ['done', true, 2],
  ]);
});

test('before each write the journal names what it writes, also the second time', async () => {
  const cwd = await folderWith('A=1\nB=2\nC=3\n');
  const store = memoryProvider();
  const writes: unknown[] = [];
  const contested: SecretProvider = {
    ...store,
    async write(changes, context) {
      const [journal] = await journals(cwd);
      writes.push([journal?.created, journal?.overwritten, [...changes.entries.keys()]]);
      // somebody else was faster, with a name of ours and another value for one
      if (writes.length === 1)
        await store.write?.(
          {
            entries: new Map([
              ['A', '1'],
              ['B', 'theirs'],
            ]),
          },
          context,
        );
      return (await store.write?.(changes, context)) ?? { conditional: false };
    },
  };
  await run(cwd, contested, { onConflict: 'overwrite' });
  expect(writes).toEqual([
    [['A', 'B', 'C'], [], ['A', 'B', 'C']],
    [['C'], [{ name: 'B', version: '2' }], ['B', 'C']],
  ]);
});

test.each(['started', 'planned'] as const)(
  'a signal that fires while the journal says %s ends it before the write, and nothing is left',
  async (when) => {
    const cwd = await folderWith('A=1\n');
    const store = memoryProvider();
    const stop = new AbortController();
    whenWritten = async (_, { state }) => {
      if (state === when) stop.abort();
    };
    const ended = run(cwd, store, { signal: stop.signal, purge: true });
    await expect(ended).rejects.toThrow();
    expect((await store.read('all', undefined as never)).entries.size).toBe(0);
    expect(await readdir(cwd)).toEqual(['.env']);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
    expect(said.join()).not.toContain('--restore');
  },
);

test('a signal that fires after the read-back leaves the file, and says how to go on', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  const stop = new AbortController();
  whenWritten = async (_, { state }) => {
    if (state === 'verified') stop.abort();
  };
  await expect(run(cwd, store, { signal: stop.signal, purge: true })).rejects.toThrow();
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  expect(await journals(cwd)).toMatchObject([{ state: 'verified', created: ['A'] }]);
  expect(transcript(said, { FOLDER: cwd })).toMatchSnapshot();
  await run(cwd, store, { purge: true });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('');
  expect(await journals(cwd)).toMatchObject([{ state: 'done', created: ['A'] }]);
});

test('a resumed migration is read back too, and finds a change in between', async () => {
  const { cwd, provider } = await interrupted('A=1\nB=2\n');
  whenWritten = async (_, { state }) => {
    const entries = new Map([['A', 'theirs']]);
    if (state === 'planned') await provider.write?.({ entries }, undefined as never);
  };
  await expect(run(cwd, provider, { activate: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_INVALID',
    message: expect.stringMatching(/ A\. /),
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nB=2\n');
  expect(await journals(cwd)).toMatchObject([{ state: 'planned', created: ['A', 'B'] }]);
});
