/**
 * Whatever a file and a store hold, whatever goes wrong at whatever step and whoever writes beside it: a
 * migration loses nothing, says nothing of a value, and the next run brings it to its end.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError, memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { inspectDotenv } from '@keyfall/provider-dotenv/edit';
import { assertNoLeak } from '@keyfall/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MigrationJournal } from '../src/migration/journal.ts';
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
let whileAsked = async (): Promise<void> => {};
vi.mock('../src/terminal/questions.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/questions.ts')>()),
  confirm: () => whileAsked(),
}));
// two processes a run, and nothing that is looked at here
vi.mock('../src/migration/git.ts', () => ({
  isTrackedByGit: async () => false,
  wouldGitAdd: async () => false,
}));
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  vi.stubEnv('USE_VAULT', undefined);
});

const names = ['A', 'B', 'C', 'D', 'VAULT_TOKEN'] as const;
const values = ['', 'canary-one', 'canary-two', 'canary-three and more'] as const;
const held = fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...values), {
  noNullPrototype: true,
});

/** What goes wrong, or who comes in between. */
const faults = [
  'none',
  'the write is refused',
  'the write is lost before it arrives',
  'the answer to the write is lost',
  'the write ends with an error of somebody else, and is there',
  'a part of the write is there',
  'the store alters what it is given',
  'the store cannot be read any more after the write',
  'another writer comes before the write',
  'another writer deletes a name after the write',
  'another writer changes a name after the write',
  'the file is edited while the question stands',
  'the file is edited while the store writes',
] as const;

const scenario = fc.record({
  file: held,
  store: held,
  fault: fc.constantFrom(...faults),
  onConflict: fc.constantFrom('fail' as const, 'keep' as const, 'overwrite' as const),
  purge: fc.boolean(),
  activate: fc.boolean(),
  select: fc.option(fc.subarray(['A', 'B', 'C']), { nil: undefined }),
});

const textOf = (content: Readonly<Record<string, string>>): string =>
  Object.entries(content)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');

/** A store of which one call goes wrong. */
function faulty(fault: (typeof faults)[number], store: SecretProvider, edit: () => Promise<void>) {
  let isOver = fault === 'none';
  let isGone = false;
  const put = (entries: ReadonlyMap<string, string | null>) =>
    store.write?.({ entries }, undefined as never);
  const provider: SecretProvider = {
    ...store,
    ...(fault === 'a part of the write is there' && { atomicity: 'name' as const }),
    async read(asked, context) {
      if (isGone) throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');
      return store.read(asked, context);
    },
    async write(changes, context) {
      const write = async () =>
        (await store.write?.(changes, context)) ?? Promise.reject(new Error('read-only'));
      if (isOver) return write();
      isOver = true;
      const [first = ['A', '']] = changes.entries;
      if (fault === 'the write is refused')
        throw new SecretError('ERR_SECRET_DENIED', 'it may not', { applied: 'no' });
      if (fault === 'the write is lost before it arrives')
        throw new SecretError('ERR_SECRET_UNAVAILABLE', 'no answer');
      if (fault === 'the answer to the write is lost') {
        await write();
        throw new SecretError('ERR_SECRET_UNAVAILABLE', 'no answer', { applied: 'unknown' });
      }
      if (fault === 'the write ends with an error of somebody else, and is there') {
        await write();
        throw new Error('canary-one');
      }
      if (fault === 'a part of the write is there') {
        await put(new Map([first]));
        throw new SecretError('ERR_SECRET_DENIED', 'the rest is denied');
      }
      if (fault === 'the store alters what it is given') {
        const receipt = await write();
        await put(new Map([[first[0], `${first[1]} altered`]]));
        return receipt;
      }
      if (fault === 'another writer comes before the write') await put(new Map([['C', 'theirs']]));
      if (fault === 'the file is edited while the store writes') await edit();
      const receipt = await write();
      if (fault === 'another writer deletes a name after the write')
        await put(new Map([['D', null]]));
      if (fault === 'another writer changes a name after the write')
        await put(new Map([['B', 'theirs']]));
      isGone = fault === 'the store cannot be read any more after the write';
      return receipt;
    },
  };
  return {
    provider,
    comeBack: () => {
      isOver = true;
      isGone = false;
    },
  };
}

test('a migration loses nothing, whatever happens, and the next run ends it', async () => {
  const cwd = await folderWith();
  const path = join(cwd, '.env');
  await fc.assert(
    fc.asyncProperty(scenario, async ({ file, store: before, fault, ...options }) => {
      for (const name of await readdir(cwd)) await rm(join(cwd, name));
      said.length = 0;
      whileAsked = async () => {};
      const text = textOf(file);
      await writeFile(path, text);
      const memory = memoryProvider(before);
      const edited = `${text}E='canary-edited'\n`;
      let isEdited = false;
      const edit = () => {
        isEdited = true;
        return writeFile(path, edited);
      };
      if (fault === 'the file is edited while the question stands') whileAsked = edit;
      const { provider, comeBack } = faulty(fault, memory, edit);

      const select = options.select?.filter((name) => name in file);
      const run = async (): Promise<{ readonly error?: unknown; readonly written?: number }> => {
        const source = await readSource(path);
        const given: MigrateOptions = {
          onConflict: options.onConflict,
          purge: options.purge,
          activate: options.activate,
          yes: false,
          ...(select && { select }),
        };
        try {
          const { names, written } = await migrate(source, openTarget(provider), given);
          return names.some(({ action }) => action === 'conflict')
            ? { error: 'conflict' }
            : { written };
        } catch (error) {
          return { error };
        }
      };
      const look = async () => {
        const now = await readFile(path, 'utf8');
        const left = (await readdir(cwd)).filter((name) => name !== '.env');
        const journals = left.filter((name) => name.endsWith('.journal'));
        const contents = await Promise.all(
          left
            .filter((name) => !journals.includes(name))
            .map((name) => readFile(join(cwd, name), 'utf8')),
        );
        const states = await Promise.all(
          journals.map(async (name) => {
            const journal: MigrationJournal = JSON.parse(await readFile(join(cwd, name), 'utf8'));
            return journal.state;
          }),
        );
        const { entries } = await memory.read('all', undefined as never);
        const stored = new Map(
          [...entries].map(([name, entry]) => [name, isSecretError(entry) ? '' : entry.value]),
        );
        return {
          now,
          backups: contents,
          states,
          stored,
          inFile: (await inspectDotenv(now)).values,
        };
      };

      const first = await run();
      const after = await look();
      const original = isEdited ? edited : text;
      // nothing of the file is lost
      for (const [name, value] of (await inspectDotenv(original)).values)
        expect(
          after.inFile.get(name) === value || (name === 'USE_VAULT' && options.activate)
            ? value
            : after.stored.get(name),
          `${name} is in the file or in the store`,
        ).toBe(value);
      // what failed has left the file alone, and only what is certain leaves no trace
      if (first.error !== undefined) expect(after.now).toBe(original);
      if (after.backups.length === 0) expect(after.states).toEqual([]);
      for (const backup of after.backups) expect(backup).toBe(text);
      // what others wrote besides
      const foreign = new Map<string, string | undefined>(Object.entries(before));
      for (const [name, value] of [
        ['B', 'theirs'],
        ['C', 'theirs'],
      ] as const)
        if (after.stored.get(name) === value) foreign.set(name, value);
      if (fault === 'another writer deletes a name after the write' && !after.stored.has('D'))
        foreign.delete('D');
      const changed = [...after.stored].filter(([name, value]) => foreign.get(name) !== value);
      if (changed.length > 0)
        expect(after.backups, 'what was written can be undone').toHaveLength(1);
      // what stays stays
      for (const [name, value] of foreign) {
        const isOurs = name in file && options.onConflict === 'overwrite';
        if (!isOurs && fault !== 'the store alters what it is given')
          expect(after.stored.get(name), `${name} of the store`).toBe(value);
      }
      for (const [name] of changed) {
        expect(['VAULT_TOKEN', 'USE_VAULT', 'E']).not.toContain(name);
        if (select) expect(select).toContain(name);
      }
      if (fault === 'none' && first.error === undefined) {
        expect(first.written).toBe(changed.length);
        expect(after.states).toEqual(after.backups.map(() => 'done'));
      }
      if (options.activate && first.error === undefined)
        expect(after.inFile.get('USE_VAULT')).toBe('true');
      assertNoLeak(['canary-', ' and more'], said, first.error);

      // the next run ends what this one began, and the one after it finds nothing to do
      comeBack();
      whileAsked = async () => {};
      const second = await run();
      const end = await look();
      if (second.error === undefined) {
        expect(end.states.every((state) => state === 'done')).toBe(true);
        const wanted = await inspectDotenv(original);
        for (const [name, value] of wanted.values) {
          if (name === 'VAULT_TOKEN' || name === 'USE_VAULT' || (select && !select.includes(name)))
            continue;
          if (options.onConflict !== 'keep') expect(end.stored.get(name)).toBe(value);
          const isGone = options.purge && end.stored.get(name) === value;
          expect(end.inFile.get(name)).toBe(isGone ? undefined : value);
        }
        const { backups } = end;
        expect(await run()).toEqual({ written: 0 });
        expect((await look()).backups).toEqual(backups);
      } else expect(second.error, 'only a conflict is left to be chosen about').toBe('conflict');
      assertNoLeak(['canary-', ' and more'], said, second.error);
    }),
    // each is three migrations, of a dozen synced files
    { numRuns: 30 },
  );
}, 120_000);
