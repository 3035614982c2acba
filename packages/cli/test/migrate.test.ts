/**
 * A migration while somebody else writes to the store, or to the file, at the worst moment.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';

const said: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: (text: string) => said.push(text),
  writeLine: (text: string) => said.push(text),
}));
/** What happens while the question stands, to which the answer is yes. */
let whileAsked = async (_question: string): Promise<void> => {};
vi.mock('../src/terminal/questions.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/questions.ts')>()),
  confirm: (question: string) => whileAsked(question),
}));
beforeEach(() => {
  said.length = 0;
  whileAsked = async () => {};
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A store to which somebody else writes each time just before we do. */
function contested(...others: Readonly<Record<string, string>>[]): SecretProvider {
  const store = memoryProvider();
  return {
    ...store,
    async write(changes, context) {
      const other = others.shift();
      if (other) await store.write?.({ entries: new Map(Object.entries(other)) }, context);
      if (!store.write) throw new Error('memory can be written');
      return store.write(changes, context);
    },
  };
}

async function run(provider: SecretProvider, cwd: string, options: Partial<MigrateOptions> = {}) {
  const target = openTarget(provider);
  const source = await readSource(join(cwd, '.env'));
  const result = await migrate(source, target, { yes: true, onConflict: 'fail', ...options });
  return { result, values: Object.fromEntries((await target.read()).values) };
}

test('after another writer between plan and write the migration is planned again', async () => {
  const cwd = await folderWith('A=1\nB=2\n');
  const { result, values } = await run(contested({ OTHER: 'x', B: '2' }), cwd);
  expect(values).toEqual({ A: '1', B: '2', OTHER: 'x' });
  expect(result).toMatchObject({ written: 1 });
});

test('after another writer wrote the same values nothing is left to write', async () => {
  const cwd = await folderWith('A=1\n');
  expect((await run(contested({ A: '1' }), cwd)).result).toMatchObject({ written: 0 });
  expect(said.at(-1)).toMatch(/^memory \(this process\) .*\(1 name\)/);
});

test('another value of another writer is a conflict, and no backup is left', async () => {
  const cwd = await folderWith('A=1\n');
  const { result, values } = await run(contested({ A: 'theirs' }), cwd);
  expect(result).toMatchObject({ written: 0, names: [{ name: 'A', action: 'conflict' }] });
  expect(result).not.toHaveProperty('backup');
  expect(values).toEqual({ A: 'theirs' });
  expect(await readdir(cwd)).toEqual(['.env']);
  expect(said).not.toContainEqual(expect.stringMatching(/^memory \(this process\) /));
});

test('a value that is not migrated is not purged from the file', async () => {
  const cwd = await folderWith('A=1\nB=2\n');
  const { values } = await run(contested({ A: 'theirs' }), cwd, {
    onConflict: 'keep',
    purge: true,
  });
  expect(values).toEqual({ A: 'theirs', B: '2' });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
});

test('a conflict is reported as such, even if the purge could not be written either', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is python-dotenv's notation
  const cwd = await folderWith('KEYFALL_READER=python\nDB_USER=app\nURL=${DB_USER}@db\n');
  const store = memoryProvider({ DB_USER: 'app', URL: 'theirs' });
  const { result } = await run(store, cwd, { purge: true });
  expect(result.names).toContainEqual({ name: 'URL', action: 'conflict' });
  await expect(run(store, cwd, { purge: true, onConflict: 'keep' })).rejects.toMatchObject({
    code: 'ERR_SECRET_UNSUPPORTED',
    secretName: 'DB_USER',
  });
});

test('a warning about the edit is said once, however often the draft is made', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is python-dotenv's notation
  const cwd = await folderWith('DB_USER=app\nURL=${DB_USER}@db\n');
  const told = () => said.filter((text) => /: python/.test(text));
  await run(memoryProvider(), cwd, { select: ['DB_USER'], purge: true, dryRun: true });
  expect(told()).toHaveLength(1);
  await run(contested({ OTHER: 'x' }), cwd, { select: ['DB_USER'], purge: true });
  expect(told()).toHaveLength(1);
});

test('after a second conflict with another writer the migration gives up', async () => {
  const cwd = await folderWith('A=1\n');
  const store = contested({ X: '1' }, { X: '2' });
  await expect(run(store, cwd, { purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  expect(await readdir(cwd)).toEqual(['.env']);
  expect(Object.fromEntries((await openTarget(store).read()).values)).toEqual({ X: '2' });
});

test('a store that holds something else afterwards is an error, and the file stays', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  const forgetful: SecretProvider = {
    ...store,
    write: async () => ({ conditional: true }),
  };
  await expect(run(forgetful, cwd, { purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_INVALID',
    message: expect.stringMatching(/^memory \(this process\) .* A\. /),
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  // the only copy of what was there, if the store lost it
  expect((await readdir(cwd)).filter((name) => name.includes('.backup.'))).toHaveLength(2);
});

test.each<[string, Record<string, string | null>]>([
  ['another value', { A: 'theirs' }],
  ['another value, and all the others', { A: 'theirs', B: '2', EMPTY: '' }],
  ['a value that is cut off', { B: 'tw' }],
  ['text where there was none', { EMPTY: ' ' }],
  ['no value where an empty one was written', { EMPTY: null }],
])('a store that holds %s afterwards is an error: the file keeps everything', async (_, theirs) => {
  const text = 'A=one\nB=two\nEMPTY=\n';
  const cwd = await folderWith(text);
  const store = memoryProvider();
  const altering: SecretProvider = {
    ...store,
    async write(changes, context) {
      const entries = new Map([...changes.entries, ...Object.entries(theirs)]);
      return (await store.write?.({ entries }, context)) ?? { conditional: true };
    },
  };
  const names = Object.entries(theirs).flatMap(([name, value]) =>
    value === { A: 'one', B: 'two', EMPTY: '' }[name] ? [] : [name],
  );
  await expect(run(altering, cwd, { purge: true, activate: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_INVALID',
    message: expect.stringMatching(new RegExp(`^memory \\(this process\\) .* ${names.at(0)}\\b`)),
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(text);
  const left = await readdir(cwd);
  const [backup = ''] = left.filter((name) => /backup\.\w+$/.test(name));
  expect(await readFile(join(cwd, backup), 'utf8')).toBe(text);
  const journal = await readFile(join(cwd, `${backup}.journal`), 'utf8');
  expect(JSON.parse(journal)).toMatchObject({ state: 'planned', created: ['A', 'B', 'EMPTY'] });
  expect(left).toHaveLength(3);
  expect(said.join()).not.toMatch(/theirs|one|two/);
});

test.each<[string, Record<string, string | null>, boolean, boolean]>([
  ['changes what was the same there', { SAME: 'theirs' }, true, true],
  ['changes what was the same there, and stays in the file', { SAME: 'theirs' }, false, false],
  ['changes what the file does not name', { OTHER: 'theirs' }, true, false],
  ['deletes what the file does not name', { OTHER: null }, false, true],
  ['deletes what was the same there', { SAME: null }, false, true],
  ['adds a name', { LATER: 'theirs' }, true, false],
])('another writer between write and read-back who %s', async (_, theirs, purge, isFound) => {
  const text = 'NEW=n\nSAME=s\n';
  const cwd = await folderWith(text);
  const store = memoryProvider({ SAME: 's', OTHER: 'o' });
  const shared: SecretProvider = {
    ...store,
    async write(changes, context) {
      const receipt = await store.write?.(changes, context);
      await store.write?.({ entries: new Map(Object.entries(theirs)) }, context);
      return receipt ?? { conditional: true };
    },
  };
  const ended = run(shared, cwd, { purge });
  const left = async () => (await readdir(cwd)).filter((name) => name !== '.env');
  if (!isFound) {
    expect((await ended).result).toMatchObject({ written: 1, fileChanged: purge });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(purge ? '' : text);
  } else {
    await expect(ended).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
      message: expect.stringMatching(
        new RegExp(`^memory \\(this process\\) .* ${Object.keys(theirs)[0]} `),
      ),
    });
    expect(said.at(-1)).toMatch(/keyfall migrate --restore \S+\.$/);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(text);
  }
  const [journal = ''] = (await left()).filter((name) => name.endsWith('.journal'));
  expect(JSON.parse(await readFile(join(cwd, journal), 'utf8'))).toMatchObject({
    state: isFound ? 'verified' : 'done',
  });
  expect(await readFile(join(cwd, journal.replace('.journal', '')), 'utf8')).toBe(text);
});

test('a file that is edited during the question is not overwritten, and nothing is done', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  const asked: string[] = [];
  whileAsked = async (question) => {
    asked.push(question);
    await writeFile(join(cwd, '.env'), 'A=1\nNEW=2\n');
  };
  await expect(run(store, cwd, { yes: false, purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
    message: expect.stringContaining(join(cwd, '.env')),
  });
  expect(asked).toEqual([expect.stringContaining(join(cwd, '.env'))]);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nNEW=2\n');
  expect(await readdir(cwd)).toEqual(['.env']);
  expect(Object.fromEntries((await openTarget(store).read()).values)).toEqual({});
  // what was edited is migrated by the next run
  whileAsked = async () => {};
  const { result, values } = await run(store, cwd, { yes: false, purge: true });
  expect(values).toEqual({ A: '1', NEW: '2' });
  expect(await readFile(result.backup ?? '', 'utf8')).toBe('A=1\nNEW=2\n');
});

test('a file that is removed during the question stops the migration, and nothing is done', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  whileAsked = () => rm(join(cwd, '.env'));
  await expect(run(store, cwd, { yes: false, purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
  });
  expect(await readdir(cwd)).toEqual([]);
  expect((await openTarget(store).read()).values.size).toBe(0);
});

test('the answer no leaves everything as it is', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  whileAsked = async () => {
    throw new SecretError('ERR_SECRET_ABORTED', 'nothing was changed');
  };
  await expect(run(store, cwd, { yes: false, purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_ABORTED',
  });
  expect(await readdir(cwd)).toEqual(['.env']);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  expect((await openTarget(store).read()).values.size).toBe(0);
});

test('a file that changes during the migration is not overwritten', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  const slow: SecretProvider = {
    ...store,
    async write(changes, context) {
      await writeFile(join(cwd, '.env'), 'A=1\nNEW=2\n');
      if (!store.write) throw new Error('memory can be written');
      return store.write(changes, context);
    },
  };
  await expect(run(slow, cwd, { purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
    message: expect.stringContaining(join(cwd, '.env')),
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nNEW=2\n');
  expect((await readdir(cwd)).filter((name) => !name.includes('.backup.'))).toEqual(['.env']);
});

test('a read-only store is refused, also in a dry run', async () => {
  const cwd = await folderWith('A=1\n');
  const { write: _, ...readOnly } = memoryProvider();
  for (const dryRun of [false, true])
    await expect(run(readOnly, cwd, { dryRun })).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
    });
  expect(await readdir(cwd)).toEqual(['.env']);
});

test.each<[string, Partial<SecretProvider>, string]>([
  ['never answers', { check: () => new Promise(() => {}) }, 'ERR_SECRET_UNAVAILABLE'],
  [
    'throws what is no error of ours',
    { check: () => Promise.reject(new Error('canary')) },
    'ERR_SECRET_PROVIDER',
  ],
])('a store that %s when it is asked what may be written', async (_, more, code) => {
  const cwd = await folderWith('A=1\n');
  const target = openTarget({ ...memoryProvider(), ...more }, { timeout: 50 });
  const source = await readSource(join(cwd, '.env'));
  for (const dryRun of [true, false])
    await expect(migrate(source, target, { yes: true, dryRun })).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('canary'),
    });
  expect(await readdir(cwd)).toEqual(['.env']);
});

test('the request of an earlier version has the same timeout', async () => {
  const versions = [() => new Promise<never>(() => {}), () => Promise.reject(new Error('canary'))];
  const [never, foreign] = versions.map(async (readVersion) =>
    openTarget({ ...memoryProvider(), readVersion }, { timeout: 50 })
      .readVersion('A', '1')
      .catch((error) => error),
  );
  // neither is a version that is not there
  expect(await never).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    provider: 'memory',
    reason: expect.stringMatching(/^memory \(this process\) .*\b50 ms$/),
  });
  expect(await foreign).toMatchObject({ code: 'ERR_SECRET_PROVIDER' });
  assertNoLeak(['canary'], await foreign);
});

test('--activate locks the file from the backup to the edit', async () => {
  const cwd = await folderWith('A=1\n');
  const store = memoryProvider();
  let refusal: unknown;
  const busy: SecretProvider = {
    ...store,
    async write(changes, context) {
      const other = dotenvProvider({ path: join(cwd, '.env') });
      refusal = await other
        .write?.({ entries: new Map([['LATER', '2']]) }, { ...context, remainingTimeout: () => 0 })
        .catch((error) => error);
      return (await store.write?.(changes, context)) ?? { conditional: false };
    },
  };
  expect((await run(busy, cwd, { activate: true })).result).toMatchObject({ fileChanged: true });
  expect(refusal).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    message: expect.stringContaining('.env'),
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nUSE_VAULT=true\n');
});

test('a half-finished write, name by name, can be undone or resumed', async () => {
  const cwd = await folderWith('A=1\nB=2\n');
  const store = memoryProvider();
  let isRefusing = true;
  const named: SecretProvider = {
    ...store,
    atomicity: 'name',
    async write(changes, context) {
      const [first] = changes.entries;
      if (!isRefusing || !first)
        return (await store.write?.(changes, context)) ?? { conditional: false };
      await store.write?.({ entries: new Map([first]) }, context);
      throw new SecretError('ERR_SECRET_DENIED', 'B was not written, A was: it may not');
    },
  };
  await expect(run(named, cwd, { purge: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_DENIED',
  });
  expect(said.at(-1)).toMatch(/keyfall migrate --restore \S+\.env\.backup\.\w+\.$/);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nB=2\n');
  isRefusing = false;
  const { result, values } = await run(named, cwd, { purge: true });
  expect(values).toEqual({ A: '1', B: '2' });
  const journal = await readFile(`${result.backup}.journal`, 'utf8');
  expect(JSON.parse(journal)).toMatchObject({ state: 'done', created: ['A', 'B'] });
  expect((await readdir(cwd)).filter((name) => name !== '.env')).toHaveLength(2);
});

describe('a store that writes name by name, of which a part is there when somebody else comes in between', () => {
  /** Writes A, and finds B changed; the second write goes through, or ends with this. */
  function halfWay(theirs: string, then?: SecretError) {
    const store = memoryProvider();
    let writes = 0;
    const provider: SecretProvider = {
      ...store,
      atomicity: 'name',
      async write(changes, context) {
        writes += 1;
        if (writes === 2 && then) throw then;
        if (writes > 1) return (await store.write?.(changes, context)) ?? { conditional: false };
        const entries = new Map([
          ['A', '1'],
          ['B', theirs],
        ]);
        await store.write?.({ entries }, context);
        throw new SecretError('ERR_SECRET_CONFLICT', 'B was changed, A was written', {
          applied: 'unknown',
        });
      },
    };
    return provider;
  }
  const journalIn = async (cwd: string): Promise<unknown> => {
    const [name = ''] = (await readdir(cwd)).filter((each) => each.endsWith('.journal'));
    return JSON.parse(await readFile(join(cwd, name), 'utf8'));
  };

  test.each<[string, Partial<MigrateOptions>, string, readonly string[], readonly object[]]>([
    ['another value', { onConflict: 'overwrite' }, 'theirs', ['A'], [{ name: 'B', version: '2' }]],
    ['the same', { purge: true }, '2', ['A', 'B'], []],
  ])('%s: the journal names all of it', async (_, options, theirs, created, overwritten) => {
    const cwd = await folderWith('A=1\nB=2\n');
    const { values } = await run(halfWay(theirs), cwd, options);
    expect(values).toEqual({ A: '1', B: '2' });
    expect(await journalIn(cwd)).toMatchObject({ state: 'done', created, overwritten });
  });

  test.each<[string, Partial<MigrateOptions>, SecretError | undefined, string]>([
    ['it is to be chosen about', {}, undefined, 'ERR_SECRET_CONFLICT'],
    [
      'the second write is refused',
      { onConflict: 'overwrite' },
      new SecretError('ERR_SECRET_DENIED', 'it may not', { applied: 'no' }),
      'ERR_SECRET_DENIED',
    ],
  ])('%s: backup and journal stay, by which it can be undone', async (_, options, then, code) => {
    const cwd = await folderWith('A=1\nB=2\n');
    const ended = run(halfWay('theirs', then), cwd, { ...options, purge: true });
    await expect(ended).rejects.toMatchObject({ code });
    expect(said.at(-1)).toMatch(/keyfall migrate --restore \S+\.env\.backup\.\w+\.$/);
    expect(await journalIn(cwd)).toMatchObject({
      state: 'planned',
      created: expect.arrayContaining(['A']),
    });
    expect(await readdir(cwd)).toHaveLength(3);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nB=2\n');
  });
});

test.each(['maybe', ''])(
  'USE_VAULT=%s in the file is neither yes nor no, and no obstacle',
  async (useVault) => {
    const cwd = await folderWith(`A=1\nUSE_VAULT=${useVault}\n`);
    const store = memoryProvider();
    await run(store, cwd);
    expect(said.at(-1)).toContain('USE_VAULT=true');
    await run(store, cwd, { activate: true });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\nUSE_VAULT=true\n');
  },
);

test('--activate leaves a USE_VAULT that is on already, and writes the chosen reader', async () => {
  const cwd = await folderWith('A=1\nUSE_VAULT=yes\n');
  const file = () => readFile(join(cwd, '.env'), 'utf8');
  const store = memoryProvider();
  await run(store, cwd, { activate: true });
  expect(said.at(-1)).not.toContain('USE_VAULT=true');
  for (const [options, expected] of [
    [{ remember: 'python' }, ''],
    [{ activate: true, remember: 'python' }, 'KEYFALL_READER=python\n'],
    [{ activate: true, remember: 'python' }, 'KEYFALL_READER=python\n'],
    [{ activate: true }, 'KEYFALL_READER=python\n'],
    [{ activate: true, remember: 'node' }, 'KEYFALL_READER=node\n'],
  ] as const) {
    const before = await file();
    const { result } = await run(store, cwd, options);
    expect(await file()).toBe(`A=1\nUSE_VAULT=yes\n${expected}`);
    expect(result.fileChanged).toBe((await file()) !== before);
  }
});

test('a USE_VAULT of the environment that overrules the file is reported', async () => {
  const cwd = await folderWith('A=1\n');
  vi.stubEnv('USE_VAULT', 'false');
  await run(memoryProvider(), cwd, { activate: true });
  expect(said.at(-1)).toContain('unset USE_VAULT');
});
