/**
 * What the user is asked and told of a migration, and what a program gets for a result: all that concerns it, and
 * nothing else.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bootstrapNames } from '../src/chain/bootstrap-settings.ts';
import { assertNoConflict, type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import type { MigrationOutcome } from '../src/migration/report.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';
import { transcript } from './transcript.ts';

const said: string[] = [];
const asked: string[] = [];
let isQuiet = false;
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: (text: string) => said.push(text),
  writeLine: (text: string) => said.push(text),
  isQuiet: () => isQuiet,
  canPrompt: () => false,
}));
vi.mock('../src/terminal/questions.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/questions.ts')>()),
  confirm: async (question: string) => asked.push(question),
}));
/** Of each bar: how many steps it was made for, how many there were, and whether it is gone. */
const bars: { readonly of: number; steps: number; ended: boolean }[] = [];
vi.mock('../src/migration/progress.ts', () => ({
  showProgress(of: number) {
    const bar = { of, steps: 0, ended: false };
    bars.push(bar);
    return {
      step: () => {
        bar.steps += 1;
      },
      end: () => {
        bar.ended = true;
      },
    };
  },
}));
const outcomes: MigrationOutcome[] = [];
vi.mock('../src/migration/report.ts', async (original) => {
  const report = await original<typeof import('../src/migration/report.ts')>();
  return {
    ...report,
    summary(outcome: MigrationOutcome) {
      outcomes.push(outcome);
      return report.summary(outcome);
    },
  };
});
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  said.length = 0;
  asked.length = 0;
  bars.length = 0;
  outcomes.length = 0;
  isQuiet = false;
  for (const name of bootstrapNames) vi.stubEnv(name, undefined);
});

/** Migrates the `.env` of a folder, by a relative path as a user gives it. */
async function run(cwd: string, provider: SecretProvider, options: Partial<MigrateOptions> = {}) {
  const source = await readSource(relative(process.cwd(), join(cwd, '.env')));
  return migrate(source, openTarget(provider), { yes: true, ...options });
}

const table = expect.stringMatching(/\.env \(\d names?\) -> memory \(this process\)\n/);
const done = expect.stringMatching(/memory \(this process\)[\s\S]*keyfall migrate --restore/);

describe('the output', () => {
  test('a migration reports its plan and what was done, and returns the facts', async () => {
    const cwd = await folderWith('A=1\nSAME=s\n');
    const result = await run(cwd, memoryProvider({ SAME: 's' }));
    expect(said).toEqual([table, done]);
    expect(bars).toEqual([{ of: 3, steps: 3, ended: true }]);
    const source = relative(process.cwd(), join(cwd, '.env'));
    expect(result).toEqual({
      source,
      store: 'this process',
      dryRun: false,
      names: [
        { name: 'A', action: 'create' },
        { name: 'SAME', action: 'same' },
      ],
      written: 1,
      fileChanged: false,
      backup: expect.stringMatching(/^\S+\.env\.backup\.\w+$/),
    });
    expect(result.backup?.startsWith(source)).toBe(true);
    expect(() => assertNoConflict(result, openTarget(memoryProvider()))).not.toThrow();
  });

  test('a dry run reports the plan, and that it was a dry run', async () => {
    const cwd = await folderWith('A=1\n');
    const result = await run(cwd, memoryProvider(), { dryRun: true });
    expect(said).toEqual([table, expect.not.stringContaining('--restore')]);
    expect(result).toMatchObject({ dryRun: true, written: 0, fileChanged: false });
    expect(result).not.toHaveProperty('backup');
    // also one that would do nothing
    said.length = 0;
    await run(cwd, memoryProvider({ A: '1' }), { dryRun: true });
    expect(said).toEqual([table, expect.any(String)]);
  });

  test('with --quiet neither is reported', async () => {
    isQuiet = true;
    expect(await run(await folderWith('A=1\n'), memoryProvider())).toMatchObject({ written: 1 });
    expect(said).toEqual([]);
  });

  test('the bar has one part a step, and disappears also after a failure', async () => {
    const cwd = await folderWith('A=1\n');
    await run(cwd, memoryProvider(), { purge: true });
    await writeFile(join(cwd, '.env'), 'A=1\n');
    const forgetful = { ...memoryProvider(), write: async () => ({ conditional: true }) };
    await expect(run(cwd, forgetful)).rejects.toThrow();
    expect(bars).toEqual([
      { of: 4, steps: 4, ended: true },
      { of: 3, steps: expect.any(Number), ended: true },
    ]);
  });
});

describe('the output with nothing to do', () => {
  const nothing = expect.stringMatching(/^memory \(this process\) /);

  test.each<[string, string, Partial<MigrateOptions>, string | undefined, readonly unknown[]]>([
    ['and Vault is not asked yet', '', {}, undefined, [/USE_VAULT=true.*--activate/]],
    ['and the file says so', 'USE_VAULT=true\n', {}, undefined, []],
    ['and the environment says so', '', {}, 'true', []],
    ['and the environment says no', 'USE_VAULT=true\n', {}, 'false', [/USE_VAULT=true/]],
    ['in another store', '', { isSettingsVault: false }, undefined, []],
    [
      'by settings of another file',
      'USE_VAULT=true\n',
      { settings: { label: 'own.env', values: new Map() } },
      undefined,
      [/USE_VAULT=true(?!.*--activate).* own\.env/],
    ],
  ])('%s', async (_, text, options, useVault, expected) => {
    vi.stubEnv('USE_VAULT', useVault);
    const cwd = await folderWith(`A=1\n${text}`);
    const result = await run(cwd, memoryProvider({ A: '1' }), options);
    expect(said).toEqual([
      nothing,
      ...expected.map((each) => expect.stringMatching(each as RegExp)),
    ]);
    expect(result).toMatchObject({ written: 0, fileChanged: false });
    expect(result).not.toHaveProperty('backup');
    expect(bars).toEqual([]);
  });

  test('kept values and conflicts are shown', async () => {
    const cwd = await folderWith('A=1\nUSE_VAULT=true\n');
    const store = memoryProvider({ A: 'theirs' });
    await run(cwd, store, { onConflict: 'keep' });
    expect(said).toEqual([table, nothing]);
    said.length = 0;
    await run(cwd, store);
    expect(said).toEqual([table]);
    // where there is no terminal, without --yes too
    said.length = 0;
    await run(cwd, store, { yes: false });
    expect(said).toEqual([table]);
    expect(asked).toEqual([]);
  });

  test('a selected name that only the store holds is reported instead', async () => {
    const cwd = await folderWith('B=2\nUSE_VAULT=true\n');
    const store = memoryProvider({ A: '1', B: '2' });
    const gone = expect.stringMatching(/^A .*\.env.* memory /);
    await run(cwd, store, { select: ['A', 'A'] });
    expect(said).toEqual([gone]);
    said.length = 0;
    await run(cwd, store, { select: ['A', 'B'] });
    expect(said).toEqual([gone, nothing]);
  });
});

test('surprises and risks are reported between the plan and the question', async () => {
  const cwd = await folderWith('A=1\nPATH=/x\n');
  const store = memoryProvider({ A: 'theirs' });
  const unconditional: SecretProvider = {
    ...store,
    read: async (names, context) => {
      const { revision: _, ...batch } = await store.read(names, context);
      return batch;
    },
  };
  const options = { onConflict: 'overwrite', yes: false } as const;
  await run(cwd, unconditional, options);
  expect(said).toEqual([
    expect.stringMatching(/^PATH /),
    table,
    expect.stringMatching(/memory \(this process\) .* A /),
    expect.stringMatching(/^memory \(this process\) /),
    done,
  ]);
  expect(said.slice(2, 4).join('\n')).toMatchSnapshot();
  // neither is of any interest where nothing is written, or the store keeps versions
  said.length = 0;
  await run(cwd, unconditional, { ...options, activate: true });
  expect(said).toHaveLength(3);
  await writeFile(join(cwd, '.env'), 'A=2\n');
  said.length = 0;
  const versioned: SecretProvider = { ...store, readVersion: async () => undefined };
  await run(cwd, versioned, options);
  expect(said).toEqual([table, done]);
  // nor is what has no version there
  await writeFile(join(cwd, '.env'), 'A=3\n');
  const entries = new Map([['A', { value: '2' }]]);
  const read = async () => ({ entries, complete: true });
  said.length = 0;
  await expect(run(cwd, { ...versioned, read }, options)).rejects.toThrow();
  expect(said).toContainEqual(expect.stringMatching(/memory \(this process\) .* A /));
  expect(outcomes.map(({ lost }) => lost)).toEqual([['A'], [], []]);
});

describe('the question', () => {
  test.each<[string, Record<string, string>, Partial<MigrateOptions>]>([
    ['A=1\n', {}, {}],
    ['A=1\nB=2\n', {}, {}],
    ['A=1\nUSE_VAULT=true\n', {}, { activate: true }],
    ['A=1\n', {}, { activate: true }],
    ['A=1\n', {}, { purge: true }],
    ['A=1\nB=2\nC=3\n', { B: '2', C: 'theirs' }, { purge: true, onConflict: 'keep' }],
    ['A=1\nB=2\nC=3\n', { A: 'theirs' }, { purge: true, onConflict: 'overwrite', select: ['A'] }],
    ['A=1\n', { A: '1' }, { purge: true, activate: true }],
    ['A=1\n', { A: '1' }, { purge: true }],
  ])('says what happens to %j where the store holds %j, with %j', async (text, held, options) => {
    const cwd = await folderWith(text);
    await run(cwd, memoryProvider(held), { yes: false, ...options });
    const folder = relative(process.cwd(), cwd);
    expect(transcript(asked, { FOLDER: folder })).toMatchSnapshot();
  });

  test('the question is not asked with --yes, nor if nothing is left to do', async () => {
    const cwd = await folderWith('A=1\n');
    await run(cwd, memoryProvider(), { yes: true });
    const options = { yes: false, onConflict: 'keep' } as const;
    await run(cwd, memoryProvider({ A: 'theirs' }), options);
    expect(asked).toEqual([]);
  });
});

describe('what is left to do', () => {
  const migrated = async (
    text: string,
    options: Partial<MigrateOptions> = {},
    provider: SecretProvider = memoryProvider(),
  ) => {
    const cwd = await folderWith(text);
    await run(cwd, provider, options);
    expect(outcomes).toHaveLength(1);
    const [{ file, ...outcome } = expect.fail('nothing was said')] = outcomes.splice(0);
    return { ...outcome, ...file, file: await readFile(join(cwd, '.env'), 'utf8') };
  };

  test('the next steps depend on the settings in the file and in the environment', async () => {
    const plain = await migrated('A=1\n', { ends: ['--to', 'x'] });
    expect(plain).toMatchObject({
      written: 1,
      label: expect.stringMatching(/\.env$/),
      isAtomic: true,
      undo: expect.stringMatching(/^keyfall migrate --restore \S+\.env\.backup\.\w+ --to x$/),
      lost: [],
      unsaid: [],
      start: undefined,
      isElsewhere: false,
      purged: false,
      backup: expect.stringMatching(/\.env\.backup\.\w+$/),
      settings: { isElsewhere: false, needsUseVault: true, isOverruled: false },
    });
    expect(plain.settings?.label).toBe(plain.label);
    expect((await migrated('A=1\n')).undo).toMatch(/ --restore \S+$/);
    expect(await migrated('A=1\n', { activate: true, purge: true })).toMatchObject({
      purged: true,
      settings: { needsUseVault: false },
    });
    expect(await migrated('A=1\nUSE_VAULT=1\n')).toMatchObject({
      settings: { needsUseVault: false },
    });
    for (const [useVault, isOverruled] of [
      ['false', true],
      ['true', false],
    ] as const) {
      vi.stubEnv('USE_VAULT', useVault);
      expect(await migrated('A=1\n')).toMatchObject({ settings: { isOverruled } });
    }
  });

  test('the next steps name the settings that the file lacks, or has with another value', async () => {
    for (const [name, value] of [
      ['VAULT_ADDR', 'here'],
      ['VAULT_TOKEN', ''],
      ['BAO_TOKEN', 't'],
      ['BAO_MOUNT_POINT', 'kv'],
      ['VAULT_SECRET_PATH', 'shop'],
      ['VAULT_NAMESPACE', 'other'],
    ] as const)
      vi.stubEnv(name, value);
    const text = 'A=1\nVAULT_ADDR=here\nVAULT_NAMESPACE=n\n';
    const others = ['BAO_MOUNT_POINT', 'VAULT_SECRET_PATH', 'VAULT_NAMESPACE'];
    expect((await migrated(text)).unsaid).toEqual(['BAO_TOKEN', ...others]);
    const settings = { label: 'own.env', values: new Map([['BAO_TOKEN', 't']]) };
    expect(await migrated(text, { settings })).toMatchObject({
      unsaid: ['VAULT_ADDR', ...others],
      settings: { label: 'own.env', isElsewhere: true, needsUseVault: true },
    });
  });

  test('the next steps name no settings if the values went to another store', async () => {
    vi.stubEnv('BAO_TOKEN', 't');
    const named = { ...memoryProvider(), atomicity: 'name' as const };
    const elsewhere = await migrated('A=1\n', { isSettingsVault: false }, named);
    expect(elsewhere).toMatchObject({ isAtomic: false, unsaid: [], isElsewhere: true });
    expect(elsewhere).not.toHaveProperty('settings');
    const start = 'keyfall run -- CMD';
    expect(await migrated('A=1\n', { isSettingsVault: false, start })).toMatchObject({
      start,
      isElsewhere: false,
    });
  });
});
