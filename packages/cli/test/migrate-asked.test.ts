/**
 * A migration that asks what to do with other values: each answer, a person who stops, and a store that
 * changes while the question stands.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { assertNoConflict, type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';

const said: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: (text: string) => said.push(text),
  writeLine: (text: string) => said.push(text),
  canPrompt: () => true,
}));
const cancelled = Symbol('cancelled');
let answers: unknown[] = [];
let asked: string[] = [];
let whileAsked = async () => {};
interface Question {
  readonly message: string;
  readonly options?: readonly { readonly value: unknown }[];
  readonly signal?: AbortSignal;
}
let signals: unknown[] = [];
const answer = async ({ message, options, signal }: Question) => {
  asked.push(message);
  signals.push(signal);
  if (answers.length === 0) throw new Error(message);
  const [next] = answers;
  if (options && next !== cancelled) expect(options.map(({ value }) => value)).toContain(next);
  await whileAsked();
  return answers.shift();
};
vi.mock('../src/terminal/prompts.ts', () => ({
  select: answer,
  confirm: answer,
  isCancel: (value: unknown) => value === cancelled,
}));
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  said.length = 0;
  asked = [];
  signals = [];
  answers = [];
  whileAsked = async () => {};
  vi.stubEnv('USE_VAULT', undefined);
});

const text = "A='canary-mine'\nB='canary-mine-too'\nNEW='canary-new'\n";
const theirs = { A: 'canary-theirs', B: 'canary-theirs-too' };

async function run(cwd: string, provider: SecretProvider, options: Partial<MigrateOptions> = {}) {
  const target = openTarget(provider);
  return migrate(await readSource(join(cwd, '.env')), target, options);
}
const heldBy = async (provider: SecretProvider) =>
  Object.fromEntries((await openTarget(provider).read()).values);

describe('other values in the store', () => {
  test.each<[string, unknown[], Record<string, string>, string]>([
    ['kept, all of them', ['keep', true], theirs, "A='canary-mine'\nB='canary-mine-too'\n"],
    ['replaced, all of them', ['overwrite', true], { A: 'canary-mine', B: 'canary-mine-too' }, ''],
    [
      'one by one',
      ['each', 'keep', 'overwrite', true],
      { A: 'canary-theirs', B: 'canary-mine-too' },
      "A='canary-mine'\n",
    ],
  ])('are %s, as the user chose', async (_, given, expected, left) => {
    const cwd = await folderWith(text);
    const store = memoryProvider(theirs);
    answers = [...given];
    await run(cwd, store, { purge: true });
    expect(await heldBy(store)).toEqual({ ...expected, NEW: 'canary-new' });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(left);
    expect(answers).toEqual([]);
    expect([...said, ...asked].join()).not.toContain('canary');
  });

  test('each question gets the signal that cancels it', async () => {
    const { signal } = new AbortController();
    const store = memoryProvider(theirs);
    answers = ['each', 'keep', 'keep', true];
    await run(await folderWith(text), store, { signal });
    expect(signals).toEqual([signal, signal, signal, signal]);
    signals = [];
    answers = ['overwrite', true];
    await run(await folderWith(text), memoryProvider(theirs));
    expect(signals).toEqual([undefined, undefined]);
  });

  test('a single conflict is asked about by its name', async () => {
    const cwd = await folderWith("A='canary-mine'\n");
    const store = memoryProvider({ A: 'canary-theirs' });
    answers = ['overwrite', true];
    await run(cwd, store);
    expect(asked[0]).toMatch(/^A /);
    expect(asked).toHaveLength(2);
    expect(await heldBy(store)).toEqual({ A: 'canary-mine' });
    // what is replaced here cannot be brought back, which is said before the question
    expect(said).toContainEqual(expect.stringMatching(/memory \(this process\) .* A /));
  });

  test.each<[string, unknown[]]>([
    ['at the first question', ['stop']],
    ['by Ctrl-C', [cancelled]],
    ['at a later one', ['each', 'keep', 'stop']],
    ['by Ctrl-C at a later one', ['each', 'overwrite', cancelled]],
    ['at the last, which is whether to write', ['overwrite', false]],
    ['by Ctrl-C at the last', ['overwrite', cancelled]],
  ])('a user who stops %s leaves everything as it is', async (_, given) => {
    const cwd = await folderWith(text);
    const store = memoryProvider(theirs);
    answers = given;
    await expect(run(cwd, store, { purge: true, activate: true })).rejects.toMatchObject({
      code: 'ERR_SECRET_ABORTED',
    });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(text);
    expect(await readdir(cwd)).toEqual(['.env']);
    expect(await heldBy(store)).toEqual(theirs);
  });

  test.each<[string, Partial<MigrateOptions>]>([
    ['with --yes', { yes: true }],
    ['with --on-conflict fail', { onConflict: 'fail' }],
  ])(
    'conflicts are not asked about %s: they are named, and nothing is changed',
    async (_, options) => {
      const cwd = await folderWith(text);
      const store = memoryProvider(theirs);
      const result = await run(cwd, store, { ...options, purge: true });
      expect(() => assertNoConflict(result, openTarget(store))).toThrow(
        expect.objectContaining({
          code: 'ERR_SECRET_CONFLICT',
          message: expect.stringMatching(/^memory \(this process\) .* A and B\b/),
        }),
      );
      expect(asked).toEqual([]);
      expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(text);
      expect(await readdir(cwd)).toEqual(['.env']);
      expect(await heldBy(store)).toEqual(theirs);
    },
  );

  test('after the choice to replace, the store is asked whether it accepts the write', async () => {
    const cwd = await folderWith("A='canary-mine'\n");
    const store = memoryProvider({ A: 'canary-theirs' });
    const line = {
      subject: 'policy',
      state: 'failing',
      message: 'no',
      code: 'may-not-write',
    } as const;
    answers = ['overwrite', true];
    const refusing: SecretProvider = { ...store, check: async () => [line] };
    await expect(run(cwd, refusing)).rejects.toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(asked).toHaveLength(1);
    expect(await heldBy(store)).toEqual({ A: 'canary-theirs' });
  });

  test('after the choice to keep, nothing is left to ask or to do', async () => {
    const cwd = await folderWith("A='canary-mine'\n");
    answers = ['keep'];
    const store = memoryProvider({ A: 'canary-theirs' });
    expect(await run(cwd, store)).toMatchObject({ written: 0 });
    expect(asked).toHaveLength(1);
    expect(said.at(-1)).toContain('nothing changed');
    expect(said.join()).not.toContain('interrupted');
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  test('a conflict that appears during the questions is asked about as well', async () => {
    const cwd = await folderWith(text);
    const store = memoryProvider({ A: 'canary-theirs' });
    answers = ['overwrite', 'keep', true];
    let isFirst = true;
    whileAsked = async () => {
      if (!isFirst) return;
      isFirst = false;
      const entries = new Map([['B', 'canary-theirs-too']]);
      await store.write?.({ entries }, undefined as never);
    };
    const result = await run(cwd, store);
    expect(asked.slice(0, 2)).toEqual([expect.stringMatching(/^A /), expect.stringMatching(/^B /)]);
    expect(await heldBy(store)).toEqual({
      A: 'canary-mine',
      B: 'canary-theirs-too',
      NEW: 'canary-new',
    });
    expect(result).toMatchObject({ written: 2 });
  });
});

test('a store without conditional writes is reported before the question', async () => {
  const cwd = await folderWith("A='canary-mine'\n");
  const store = memoryProvider();
  const unconditional: SecretProvider = {
    ...store,
    read: async (names, context) => {
      const { revision: _, ...batch } = await store.read(names, context);
      return batch;
    },
  };
  whileAsked = async () => {
    expect(said).toContainEqual(expect.stringMatching(/^memory \(this process\) /));
  };
  answers = [true];
  await run(cwd, unconditional);
  expect(await heldBy(store)).toEqual({ A: 'canary-mine' });
});
