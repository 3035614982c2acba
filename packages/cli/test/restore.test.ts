/**
 * Undoing a migration: what comes back, what is left alone, and what an interruption or a refusal leaves.
 */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { readJournal, writeJournal } from '../src/migration/journal.ts';
import { type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { restoreCommand } from '../src/migration/restore.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';

const said = vi.hoisted(() => ({
  notices: [] as string[],
  reports: [] as string[],
  json: [] as unknown[],
}));
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.notices.push(text),
  report: (text: string) => said.reports.push(text),
  printJson: async (value: unknown) => said.json.push(value),
  writeLine: () => {},
}));
const asked = vi.hoisted(() => ({ questions: [] as string[], answer: async () => {} }));
vi.mock('../src/terminal/questions.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/questions.ts')>()),
  confirm(question: string) {
    asked.questions.push(question);
    return asked.answer();
  },
}));
const destination = vi.hoisted(() => ({
  provider: undefined as unknown,
  values: new Map<string, string>(),
  asked: [] as unknown[],
}));
vi.mock('../src/migration/endpoints.ts', async (original) => ({
  ...(await original<typeof import('../src/migration/endpoints.ts')>()),
  async resolveDestination(options: unknown) {
    destination.asked.push(options);
    return destination.provider;
  },
  resolveStoreSource: async () => ({ values: destination.values }),
}));

/** A store in memory that keeps versions, unless it is told not to. */
function shopStore(
  values: Readonly<Record<string, string>>,
  { versions = true, path = 'shop' } = {},
) {
  const held = new Map(Object.entries(values));
  const former: Map<string, string>[] = [];
  let revision = 1;
  const facts = { writes: 0, failure: undefined as SecretError | undefined };
  const keep = () => {
    former[revision] = new Map(held);
  };
  keep();
  const provider: SecretProvider = {
    name: 'vault',
    store: path,
    place: { kind: 'memory', address: 'memory://shop', paths: [path] },
    atomicity: 'store',
    conditionalWrites: 'always',
    async read() {
      const version = String(revision);
      const records = [...held].map(
        ([name, value]) => [name, versions ? { value, version } : { value }] as const,
      );
      return { entries: new Map(records), complete: true, ...(versions && { revision: version }) };
    },
    async write({ entries }) {
      facts.writes += 1;
      if (facts.failure) throw facts.failure;
      for (const [name, value] of entries)
        if (value === null) held.delete(name);
        else held.set(name, value);
      revision += 1;
      keep();
      return versions ? { revision: String(revision), conditional: true } : { conditional: false };
    },
    ...(versions && {
      async readVersion(name, version) {
        const value = former[Number(version)]?.get(name);
        return value === undefined ? undefined : { value };
      },
    }),
  };
  return { provider, held, facts, former };
}

const text = '# shop\nTOKEN=ours-token\nDB_PASS=ours-password\n';

beforeEach(() => {
  said.notices.length = said.reports.length = said.json.length = 0;
  asked.questions.length = destination.asked.length = 0;
  asked.answer = async () => {};
});

/** A shop whose file was migrated to the store. */
async function migrated(
  store: ReturnType<typeof shopStore>,
  options: MigrateOptions = { purge: true },
) {
  destination.provider = store.provider;
  const cwd = await folderWith(text);
  const file = join(cwd, '.env');
  const target = openTarget(store.provider);
  await migrate(await readSource(file, { reader: 'npm' }), target, {
    yes: true,
    onConflict: 'overwrite',
    ...options,
  });
  await target.close();
  const backups = async () =>
    (await readdir(cwd)).filter((name) => /^\.env\.backup\.\w+$/.test(name));
  const [backup = ''] = await backups();
  said.notices.length = said.reports.length = 0;
  store.facts.writes = 0;
  return { cwd, file, backup: join(cwd, backup), backups, journal: join(cwd, `${backup}.journal`) };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => (error as SecretError).code,
  );

test('the file gets its bytes back, the store loses what was new and gets back what was replaced', async () => {
  const store = shopStore({ DB_PASS: 'theirs', OTHER: 'kept' });
  const { file, backup, journal } = await migrated(store);
  expect(await readFile(file, 'utf8')).toBe('# shop\n');
  expect(await restoreCommand(backup, { json: true })).toBe(0);
  expect(await readFile(file, 'utf8')).toBe(text);
  expect(Object.fromEntries(store.held)).toEqual({ DB_PASS: 'theirs', OTHER: 'kept' });
  expect((await readJournal(journal)).state).toBe('restored');
  expect(said.json).toEqual([
    {
      source: file,
      store: expect.stringContaining('shop'),
      backup,
      removed: ['TOKEN'],
      broughtBack: ['DB_PASS'],
      changed: [],
      lost: [],
    },
  ]);
  expect(asked.questions).toEqual([
    expect.stringMatching(/^Restore .*\.env, .*1 name.*1 name.*\?$/),
  ]);
  expect(said.reports).toEqual([expect.stringMatching(/\.env, .*1 name.* DB_PASS\.$/)]);
  // what the file had become is kept beside it
  expect(said.notices).toEqual([expect.stringContaining('.env.backup.')]);
  expect(destination.asked).toEqual([{ json: true, file: backup }]);
});

test('a second time nothing is left to do, and nothing is written', async () => {
  const store = shopStore({ DB_PASS: 'theirs' });
  const { file, backup, backups } = await migrated(store);
  expect(await restoreCommand(backup, { yes: true })).toBe(0);
  expect(store.facts.writes).toBe(1);
  const kept = await backups();
  expect(await restoreCommand(backup, { yes: true })).toBe(0);
  expect(store.facts.writes).toBe(1);
  expect(asked.questions).toEqual([]);
  expect(said.json).toEqual([]);
  expect(await readFile(file, 'utf8')).toBe(text);
  expect(await backups()).toEqual(kept);
});

test('what the file holds since the migration is kept in another backup, and a file that is gone comes back', async () => {
  const store = shopStore({});
  const { cwd, file, backup, backups } = await migrated(store);
  await writeFile(file, '# shop\nLATER=1\n');
  expect(await restoreCommand(backup, { yes: true })).toBe(0);
  const later = (await backups()).map((name) => join(cwd, name)).filter((name) => name !== backup);
  expect(later).toHaveLength(1);
  expect(await readFile(later[0] ?? '', 'utf8')).toBe('# shop\nLATER=1\n');
  await rm(file);
  said.notices.length = 0;
  expect(await restoreCommand(backup, { yes: true })).toBe(0);
  expect(await readFile(file, 'utf8')).toBe(text);
  expect(said.notices).toEqual([]);
});

test('names that were changed since are left alone, named, and exit code 1 says so', async () => {
  const store = shopStore({ DB_PASS: 'theirs' });
  const { backup } = await migrated(store);
  store.held.set('TOKEN', 'newer').set('DB_PASS', 'newer, too');
  expect(await restoreCommand(backup, { yes: true, json: true })).toBe(1);
  expect(Object.fromEntries(store.held)).toEqual({ TOKEN: 'newer', DB_PASS: 'newer, too' });
  expect(store.facts.writes).toBe(0);
  expect(said.json).toMatchObject([
    { removed: [], broughtBack: [], changed: ['TOKEN', 'DB_PASS'], lost: [] },
  ]);
  expect(said.notices).toContainEqual(expect.stringMatching(/^TOKEN and DB_PASS were /));
});

test('one name that was changed since is named alone, and one that is gone is no change', async () => {
  const store = shopStore({ DB_PASS: 'theirs' });
  const { backup } = await migrated(store);
  store.held.set('DB_PASS', 'newer');
  store.held.delete('TOKEN');
  expect(await restoreCommand(backup, { yes: true })).toBe(1);
  expect(Object.fromEntries(store.held)).toEqual({ DB_PASS: 'newer' });
  expect(said.notices).toContainEqual(expect.stringMatching(/^DB_PASS was /));
});

describe('a value that the store keeps no version of', () => {
  test('is left alone, named, and exit code 1 says so', async () => {
    const store = shopStore({ DB_PASS: 'theirs' }, { versions: false });
    const { backup } = await migrated(store);
    expect(await restoreCommand(backup, { yes: true, json: true })).toBe(1);
    expect(Object.fromEntries(store.held)).toEqual({ DB_PASS: 'ours-password' });
    expect(said.json).toMatchObject([{ removed: ['TOKEN'], broughtBack: [], lost: ['DB_PASS'] }]);
    expect(said.notices).toContainEqual(expect.stringMatching(/ DB_PASS .* it was /));
  });

  test.each(['ERR_SECRET_UNSUPPORTED', 'ERR_SECRET_INVALID'] as const)(
    'counts as lost where reading it is %s',
    async (code) => {
      const store = shopStore({ DB_PASS: 'theirs', TOKEN: 'theirs, too' });
      const { backup } = await migrated(store);
      destination.provider = {
        ...store.provider,
        readVersion: () => Promise.reject(new SecretError(code, 'destroyed')),
      };
      expect(await restoreCommand(backup, { yes: true })).toBe(1);
      expect(said.notices).toContainEqual(
        expect.stringMatching(/ TOKEN and DB_PASS .* they were /),
      );
    },
  );

  test('is no loss where the store could not be asked: nothing is changed', async () => {
    const store = shopStore({ DB_PASS: 'theirs' });
    const { file, backup } = await migrated(store);
    destination.provider = {
      ...store.provider,
      readVersion: () => Promise.reject(new SecretError('ERR_SECRET_UNAVAILABLE', 'away')),
    };
    expect(await codeOf(restoreCommand(backup, { yes: true }))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(store.facts.writes).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('# shop\n');
  });
});

describe('nothing is changed', () => {
  const untouched = async (
    { file }: Awaited<ReturnType<typeof migrated>>,
    store: ReturnType<typeof shopStore>,
  ) => {
    expect(store.facts.writes).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('# shop\n');
    expect(said.reports).toEqual([]);
  };

  test('if the answer is no', async () => {
    const store = shopStore({});
    const shop = await migrated(store);
    asked.answer = () => Promise.reject(new SecretError('ERR_SECRET_ABORTED', 'no'));
    expect(await codeOf(restoreCommand(shop.backup, {}))).toBe('ERR_SECRET_ABORTED');
    await untouched(shop, store);
    expect(said.notices).toEqual([]);
    expect((await readJournal(shop.journal)).state).toBe('done');
  });

  test('if the settings name another store than the migration went to', async () => {
    const store = shopStore({});
    const shop = await migrated(store);
    destination.provider = shopStore({}, { path: 'another' }).provider;
    const error = await restoreCommand(shop.backup, { yes: true }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', hint: expect.any(String) });
    await untouched(shop, store);
  });

  test('if the migration had written nothing', async () => {
    const store = shopStore({});
    const shop = await migrated(store);
    const journal = JSON.parse(await readFile(shop.journal, 'utf8'));
    await writeFile(shop.journal, JSON.stringify({ ...journal, state: 'started' }));
    const error = await restoreCommand(shop.backup, { yes: true }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFLICT', hint: expect.any(String) });
    await untouched(shop, store);
    expect(destination.asked).toEqual([]);
  });

  test.each<[string, (shop: Awaited<ReturnType<typeof migrated>>) => Promise<unknown>]>([
    [
      'the journal is given instead of the backup',
      ({ journal }) => restoreCommand(journal, { yes: true }),
    ],
    ['--from names a store', ({ backup }) => restoreCommand(backup, { yes: true, from: 'sops' })],
    [
      'the backup has another name',
      async ({ cwd, backup, journal }) => {
        const other = join(cwd, 'other.backup.20260101');
        await rename(backup, other);
        await rename(journal, `${other}.journal`);
        return restoreCommand(other, { yes: true });
      },
    ],
    [
      'there is no journal',
      async ({ backup, journal }) => {
        await rm(journal);
        return restoreCommand(backup, { yes: true });
      },
    ],
  ])('if %s', async (_, restore) => {
    const store = shopStore({});
    const shop = await migrated(store);
    const error = await restore(shop).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', hint: expect.any(String) });
    await untouched(shop, store);
  });

  test('if the journal is given, and the error names the backup to give', async () => {
    const store = shopStore({});
    const shop = await migrated(store);
    const error = await restoreCommand(shop.journal, { yes: true }).catch((thrown) => thrown);
    expect(error.hint).toMatch(new RegExp(`keyfall migrate --restore ${shop.backup}$`));
  });

  test('if backup and journal lie in another folder than the file', async () => {
    const store = shopStore({});
    const shop = await migrated(store);
    const other = await folderWith('KEPT=1\n');
    for (const path of [shop.backup, shop.journal]) await cp(path, join(other, basename(path)));
    const journal = await readJournal(shop.journal);
    await writeJournal(join(other, basename(shop.journal)), journal);
    const restored = restoreCommand(join(other, basename(shop.backup)), { yes: true });
    expect(await codeOf(restored)).toBe('ERR_SECRET_CONFIG');
    await untouched(shop, store);
    expect(await readFile(join(other, '.env'), 'utf8')).toBe('KEPT=1\n');
  });

  test('if the store refuses, and then that is certain', async () => {
    const store = shopStore({});
    const shop = await migrated(store);
    store.facts.failure = new SecretError('ERR_SECRET_DENIED', 'no', { applied: 'no' });
    expect(await codeOf(restoreCommand(shop.backup, { yes: true }))).toBe('ERR_SECRET_DENIED');
    expect(await readFile(shop.file, 'utf8')).toBe('# shop\n');
    expect(said.notices).toEqual([]);
  });
});

test('a write whose outcome is not known is said to be uncertain, and the same command completes it', async () => {
  const store = shopStore({ DB_PASS: 'theirs' });
  const { file, backup, journal } = await migrated(store);
  store.facts.failure = new SecretError('ERR_SECRET_UNAVAILABLE', 'away', { applied: 'unknown' });
  expect(await codeOf(restoreCommand(backup, { yes: true }))).toBe('ERR_SECRET_UNAVAILABLE');
  expect(said.notices).toEqual([expect.stringMatching(/again/)]);
  expect(await readFile(file, 'utf8')).toBe('# shop\n');
  expect((await readJournal(journal)).state).toBe('done');
  store.facts.failure = undefined;
  expect(await restoreCommand(backup, { yes: true })).toBe(0);
  expect(await readFile(file, 'utf8')).toBe(text);
  expect(Object.fromEntries(store.held)).toEqual({ DB_PASS: 'theirs' });
});

test('a store that does not hold afterwards what was written to it fails, and the file is not touched', async () => {
  const store = shopStore({});
  const { file, backup } = await migrated(store);
  const write = store.provider.write;
  destination.provider = {
    ...store.provider,
    async write(...given: Parameters<NonNullable<typeof write>>) {
      const receipt = await write?.(...given);
      store.held.set('TOKEN', 'ours-token');
      return receipt;
    },
  };
  expect(await codeOf(restoreCommand(backup, { yes: true }))).toBe('ERR_SECRET_INVALID');
  expect(await readFile(file, 'utf8')).toBe('# shop\n');
  expect(said.notices).toEqual([expect.stringMatching(/again/)]);
});

test.each([
  ['cannot be read back', 'read'],
  ['was undone while the file could not be edited', 'file'],
])('a store that %s is said to be uncertain', async (_, what) => {
  const store = shopStore({});
  const { cwd, file, backup } = await migrated(store);
  destination.provider = {
    ...store.provider,
    async write(...given: Parameters<NonNullable<SecretProvider['write']>>) {
      const receipt = await store.provider.write?.(...given);
      // a file that is a folder now cannot be replaced
      if (what === 'file') await rm(file).then(() => mkdir(join(cwd, '.env')));
      return receipt;
    },
    async read(...given: Parameters<SecretProvider['read']>) {
      if (what === 'read' && store.facts.writes > 0)
        throw new SecretError('ERR_SECRET_UNAVAILABLE', 'away');
      return store.provider.read(...given);
    },
  };
  expect(await codeOf(restoreCommand(backup, { yes: true }))).toBeDefined();
  expect(store.held.size).toBe(0);
  expect(said.notices.at(-1)).toMatch(/again/);
});

test('what the question and the report say, with and without something to bring back', async () => {
  const both = shopStore({ DB_PASS: 'theirs' });
  const first = await migrated(both);
  await restoreCommand(first.backup, {});
  const created = shopStore({});
  const second = await migrated(created);
  await restoreCommand(second.backup, {});
  const shown = (texts: readonly string[]) =>
    texts.map((text) => text.replaceAll(first.file, 'FILE').replaceAll(second.file, 'FILE'));
  expect(shown(asked.questions)).toMatchInlineSnapshot(`
    [
      "Restore FILE, remove 1 name from vault (shop), bring back 1 name there?",
      "Restore FILE, remove 2 names from vault (shop)?",
    ]
  `);
  expect(shown(said.reports)).toMatchInlineSnapshot(`
    [
      "restored FILE and removed 2 names from vault (shop).",
    ]
  `);
});

describe('between stores', () => {
  /** The journal of a migration whose values came from another store. */
  async function ofStores(store: ReturnType<typeof shopStore>) {
    const shop = await migrated(store, {});
    const journal = await readJournal(shop.journal);
    const path = join(shop.cwd, 'keyfall-migration.20260101.journal');
    await writeJournal(path, { ...journal, source: { kind: 'memory', address: 'memory://from' } });
    destination.values = new Map([
      ['TOKEN', 'ours-token'],
      ['DB_PASS', 'ours-password'],
    ]);
    return { ...shop, path };
  }

  test('the store is put back, and no file is touched', async () => {
    const store = shopStore({ DB_PASS: 'theirs' });
    const { file, path, backups } = await ofStores(store);
    const kept = await backups();
    expect(await restoreCommand(path, { json: true })).toBe(0);
    expect(Object.fromEntries(store.held)).toEqual({ DB_PASS: 'theirs' });
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(await backups()).toEqual(kept);
    expect((await readJournal(path)).state).toBe('restored');
    expect(asked.questions).toMatchInlineSnapshot(`
      [
        "Remove 1 name from vault (shop), bring back 1 name there?",
      ]
    `);
    expect(said.reports).toMatchInlineSnapshot(`
      [
        "removed 1 name from vault (shop) and brought back what it held under DB_PASS.",
      ]
    `);
    expect(said.json).toEqual([expect.not.objectContaining({ backup: expect.anything() })]);
    expect(destination.asked).toEqual([{ json: true }]);
  });

  test('with nothing to bring back', async () => {
    const store = shopStore({});
    const { path } = await ofStores(store);
    expect(await restoreCommand(path, { yes: true, from: 'memory' })).toBe(0);
    expect(store.held.size).toBe(0);
    expect(said.reports).toMatchInlineSnapshot(`
      [
        "removed 2 names from vault (shop).",
      ]
    `);
  });
});

test('the values are those of the reader that was migrated with', async () => {
  const store = shopStore({});
  destination.provider = store.provider;
  const cwd = await folderWith('TOKEN=a#b\n');
  const target = openTarget(store.provider);
  await migrate(await readSource(join(cwd, '.env'), { reader: 'python' }), target, { yes: true });
  expect(store.held.get('TOKEN')).toBe('a#b');
  const [backup = ''] = (await readdir(cwd)).filter((name) => /\.backup\.\w+$/.test(name));
  expect(await restoreCommand(join(cwd, backup), { yes: true })).toBe(0);
  expect(store.held.size).toBe(0);
});

test('the settings of the file itself are those of its backup, and of another file they are its own', async () => {
  const store = shopStore({});
  const { cwd, file, backup } = await migrated(store);
  const other = join(cwd, 'other.env');
  await writeFile(other, 'A=1\n');
  await restoreCommand(backup, { yes: true, dotenv: file });
  await restoreCommand(backup, { yes: true, dotenv: other });
  expect(destination.asked).toEqual([
    { yes: true, file: backup },
    { yes: true, dotenv: other, file: backup },
  ]);
});

test('the store is closed, however it ends', async () => {
  const store = shopStore({});
  const { backup } = await migrated(store);
  const close = vi.fn(async () => {});
  destination.provider = { ...store.provider, close };
  await restoreCommand(backup, { yes: true });
  expect(close).toHaveBeenCalledTimes(1);
  store.held.set('TOKEN', 'ours-token');
  store.facts.failure = new SecretError('ERR_SECRET_DENIED', 'no', { applied: 'no' });
  await codeOf(restoreCommand(backup, { yes: true }));
  expect(close).toHaveBeenCalledTimes(2);
});

test('one name changed and one lost are both named, and a replaced one that is gone counts as changed', async () => {
  const store = shopStore({ DB_PASS: 'theirs', TOKEN: 'theirs, too' }, { versions: false });
  const { backup } = await migrated(store);
  store.held.set('TOKEN', 'newer');
  expect(await restoreCommand(backup, { yes: true, json: true })).toBe(1);
  store.held.delete('DB_PASS');
  expect(await restoreCommand(backup, { yes: true, json: true })).toBe(1);
  expect(said.json).toMatchObject(
    [
      { changed: ['TOKEN'], lost: ['DB_PASS'] },
      { changed: ['TOKEN', 'DB_PASS'], lost: [] },
    ].map((each) => ({ ...each, changed: expect.arrayContaining(each.changed) })),
  );
});
