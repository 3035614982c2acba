/**
 * What must hold before a migration writes, asked of real files and real git: what is refused leaves
 * everything as it is, and what is only told goes on.
 */
import { execFileSync } from 'node:child_process';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { memoryProvider, SecretError } from '@keyfall/core';
import type { ProviderCheck, SecretProvider } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isTrackedByGit, wouldGitAdd } from '../src/migration/git.ts';
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
/** The file that this user may not write: a stand-in, since no mode keeps root from it. */
let readOnly = '';
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const access: typeof fs.access = async (path, mode) => {
    if (path === readOnly && mode === fs.constants.W_OK)
      throw Object.assign(new Error('canary'), { code: 'EACCES' });
    return fs.access(path, mode);
  };
  return { ...fs, access };
});
afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  readOnly = '';
  said.length = 0;
  vi.stubEnv('USE_VAULT', undefined);
});

const text = "A='canary-value'\n";

async function run(cwd: string, provider: SecretProvider, options: Partial<MigrateOptions> = {}) {
  const source = await readSource(join(cwd, '.env'));
  return migrate(source, openTarget(provider), { yes: true, ...options });
}
/** Nothing was written, and nothing is beside the file. */
async function isUntouched(cwd: string, store: SecretProvider, ...others: readonly string[]) {
  expect((await readdir(cwd)).sort()).toEqual(['.env', ...others].sort());
  expect((await openTarget(store).read()).values.size).toBe(0);
  expect(said.join()).not.toContain('canary');
}

describe('git', () => {
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd },
      stdio: 'pipe',
    });

  test('git says of each file whether it is tracked or would be added, also of odd names', async () => {
    const cwd = await folderWith(text);
    const [file, other] = [join(cwd, '.env'), join(cwd, ':(glob)*')];
    await writeFile(other, '');
    // no repository: nothing to say
    expect([await isTrackedByGit(file), await wouldGitAdd(file)]).toEqual([false, false]);
    git(cwd, 'init', '--quiet');
    expect([await isTrackedByGit(file), await wouldGitAdd(file)]).toEqual([false, true]);
    git(cwd, 'add', '.env');
    expect([await isTrackedByGit(file), await isTrackedByGit(other)]).toEqual([true, false]);
    await writeFile(join(cwd, '.gitignore'), '.env.backup.*\n');
    expect(await wouldGitAdd(join(cwd, '.env.backup.1'))).toBe(false);
    expect(await wouldGitAdd(join(cwd, '.env.bak'))).toBe(true);
  });

  test('asking git runs no program that the repository names, and ignores GIT_DIR', async () => {
    const cwd = await folderWith(text);
    git(cwd, 'init', '--quiet');
    const mark = join(cwd, 'ran');
    git(cwd, 'config', 'core.fsmonitor', `touch ${mark}; false`);
    vi.stubEnv('GIT_DIR', '/nowhere');
    expect(await wouldGitAdd(join(cwd, '.env'))).toBe(true);
    await isTrackedByGit(join(cwd, '.env'));
    expect(await readdir(cwd)).not.toContain(basename(mark));
  });

  test('git answers in a repository of another user, and gets no token', async () => {
    const cwd = await folderWith(text);
    git(cwd, 'init', '--quiet');
    const bin = await folderWith();
    const seen = join(bin, 'seen');
    // git itself, as it goes by a repository of another user, which its own tests make believe so
    await writeFile(
      join(bin, 'git'),
      `#!/bin/sh\nenv > ${seen}\nPATH=$OLD GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git "$@"\n`.replace(
        '$OLD',
        `'${process.env['PATH']}'`,
      ),
      { mode: 0o755 },
    );
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    vi.stubEnv('VAULT_TOKEN', 'canary');
    expect(await wouldGitAdd(join(cwd, '.env'))).toBe(true);
    const env = await readFile(seen, 'utf8');
    expect(env).not.toContain('canary');
    expect(env).toMatch(/^GIT_ALLOW_PROTOCOL=$/m);
    expect(env).toMatch(new RegExp(`^HOME=${process.env['HOME']}$`, 'm'));
    vi.stubEnv('PATH', '/nowhere');
    expect([await isTrackedByGit(join(cwd, '.env')), await wouldGitAdd(cwd)]).toEqual([
      false,
      false,
    ]);
  });

  test('a tracked file is refused, reported in a dry run, and migrated with --force', async () => {
    const cwd = await folderWith(text);
    git(cwd, 'init', '--quiet');
    git(cwd, 'add', '.env');
    const store = memoryProvider();
    const error = await run(cwd, store, { purge: true }).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/\bgit\b.*\.env/),
      hint: expect.stringContaining('--force'),
    });
    await isUntouched(cwd, store, '.git');
    await run(cwd, store, { dryRun: true });
    expect(said.join('\n')).toMatch(/\bgit .*\.env.* --force/);
    await isUntouched(cwd, store, '.git');
    said.length = 0;
    expect(await run(cwd, store, { force: true })).toMatchObject({ written: 1 });
    expect(said.join('\n')).not.toContain('--force');
    // the backup would be taken in by the next `git add`
    expect(said.join('\n')).toMatch(/\bgit .*\.backup\.\w+, .*\.env\.backup\.\* .*\.gitignore/);
  });

  test('an ignored backup needs no warning', async () => {
    const cwd = await folderWith(text);
    git(cwd, 'init', '--quiet');
    await writeFile(join(cwd, '.gitignore'), '.env*\n');
    await run(cwd, memoryProvider());
    expect(said.join('\n')).not.toContain('.gitignore');
  });
});

describe('a selection', () => {
  test('a selection of names that the file does not hold is refused with each name', async () => {
    const cwd = await folderWith(text);
    const store = memoryProvider();
    await expect(run(cwd, store, { select: ['B', 'A', 'C'] })).rejects.toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      message: expect.stringMatching(/ B and C\b.* --select\b/),
    });
    await isUntouched(cwd, store);
  });

  test('a selection of purged names changes nothing', async () => {
    const cwd = await folderWith(`${text}B=2\n`);
    const store = memoryProvider();
    await run(cwd, store, { select: ['A'], purge: true });
    const before = await readdir(cwd);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('B=2\n');
    said.length = 0;
    const again = await run(cwd, store, { select: ['A'], purge: true });
    expect(again).toMatchObject({ written: 0, fileChanged: false });
    expect(said[0]).toMatch(/^A .*\.env, .* memory \(this process\) /);
    expect(said.join()).not.toContain('0 names');
    expect(await readdir(cwd)).toEqual(before);
    // what neither has is a mistyped name, also beside one that is done
    await expect(run(cwd, store, { select: ['A', 'C'] })).rejects.toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      message: expect.stringMatching(/\.env .* C, .* memory \(this process\)/),
    });
    expect(await run(cwd, store, { select: ['A', 'B'] })).toMatchObject({ written: 1 });
    expect(said[0]).toMatch(/^A .*\.env, .* memory \(this process\) /);
  });

  test('a selection is not called mistyped if the store cannot be asked', async () => {
    const cwd = await folderWith('B=2\n');
    const down: SecretProvider = {
      ...memoryProvider(),
      read: () => Promise.reject(new SecretError('ERR_SECRET_UNAVAILABLE', 'it is down')),
    };
    await expect(run(cwd, down, { select: ['A'] })).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
  });
});

test.each<[string, Partial<MigrateOptions>]>([
  ['it is asked what git does with it', {}],
  ['its other names are counted', { force: true, purge: true }],
])('a file that is gone by the time that %s is no defect', async (_, options) => {
  const cwd = await folderWith(text);
  const store = memoryProvider();
  const removing: SecretProvider = {
    ...store,
    async read(names, context) {
      await rm(join(cwd, '.env'), { force: true });
      return store.read(names, context);
    },
  };
  await expect(run(cwd, removing, options)).rejects.toMatchObject({ code: 'ERR_SECRET_CONFLICT' });
  expect((await openTarget(store).read()).values.size).toBe(0);
});

describe('other names of the file on the disk', () => {
  test.each([
    [1, { purge: true }, /\.env .*\banother hard link\b/],
    [2, { purge: true }, /\.env .*\b2 other hard links\b/],
    [0, { purge: true }, undefined],
    [1, {}, undefined],
    [1, { activate: true }, undefined],
  ])('%i of them, with %j', async (links, options, expected) => {
    const cwd = await folderWith(text);
    for (let count = 0; count < links; count += 1)
      await link(join(cwd, '.env'), join(cwd, `link-${count}`));
    await run(cwd, memoryProvider(), { dryRun: true, ...options });
    expect(said.join('\n')).toMatch(expected ?? /^(?![\s\S]*hard link)/);
  });
});

describe('what may be written', () => {
  const refusing = (code: string, asked: string[] = []): SecretProvider => ({
    ...memoryProvider(),
    check: async () => {
      asked.push('check');
      const line = {
        subject: 'policy',
        state: 'failing',
        message: 'no',
        hint: 'Ask for more.',
        code,
      };
      return [{ subject: 'path', state: 'ready', message: 'yes' }, line] as ProviderCheck[];
    },
  });

  test('a store that would refuse the write stops the migration before it; a dry run continues', async () => {
    const cwd = await folderWith(text);
    const store = refusing('may-not-write');
    await expect(run(cwd, store)).rejects.toMatchObject({
      code: 'ERR_SECRET_DENIED',
      hint: 'Ask for more.',
      message: expect.stringMatching(/^memory \(this process\) /),
    });
    await isUntouched(cwd, store);
    await run(cwd, store, { dryRun: true });
    expect(said).toContainEqual(
      expect.stringMatching(/^memory \(this process\) .*Ask for more\.$/),
    );
    await isUntouched(cwd, store);
  });

  test('another finding of the check is not a refusal', async () => {
    const cwd = await folderWith(text);
    expect(await run(cwd, refusing('another'))).toMatchObject({ written: 1 });
  });

  test('a file without write access stops a migration that edits it, also a dry run', async () => {
    const cwd = await folderWith(text);
    readOnly = join(cwd, '.env');
    for (const options of [
      { purge: true, dryRun: true },
      { activate: true, dryRun: true },
      { purge: true },
    ])
      await expect(run(cwd, memoryProvider(), options)).rejects.toMatchObject({
        code: 'ERR_SECRET_DENIED',
        message: expect.stringMatching(/^(?!.*canary).*\.env/),
        hint: expect.stringContaining('--purge'),
      });
    await isUntouched(cwd, memoryProvider());
    expect(await run(cwd, memoryProvider())).toMatchObject({ written: 1 });
  });

  test('a store is not asked about rights if nothing is written', async () => {
    const cwd = await folderWith(text);
    const asked: string[] = [];
    const store = refusing('may-not-write', asked);
    await store.write?.({ entries: new Map([['A', 'canary-value']]) }, undefined as never);
    expect(await run(cwd, store, { activate: true })).toMatchObject({
      written: 0,
      fileChanged: true,
    });
    expect(asked).toEqual([]);
  });
});

describe('the store', () => {
  test('a store that cannot be read, as a whole or for one name, is not written', async () => {
    const cwd = await folderWith(text);
    for (const code of ['ERR_SECRET_INVALID', 'ERR_SECRET_UNAVAILABLE'] as const) {
      const store = memoryProvider();
      const failing = new SecretError(code, 'it cannot be read');
      const named: SecretProvider = {
        ...store,
        read: async () => ({ entries: new Map([['OTHER', failing]]), complete: true }),
      };
      await expect(run(cwd, named, { purge: true })).rejects.toMatchObject({ code });
      await expect(
        run(cwd, { ...store, read: () => Promise.reject(failing) }, { purge: true }),
      ).rejects.toMatchObject({ code });
      await isUntouched(cwd, store);
    }
  });

  test('a store has earlier versions, or none, or cannot say', async () => {
    const readVersion = vi.fn(async (_: string, version: string) =>
      version === '1' ? { value: 'first' } : undefined,
    );
    const kept = openTarget({ ...memoryProvider(), readVersion });
    expect(kept.keepsVersions).toBe(true);
    expect(await kept.readVersion('A', '1')).toBe('first');
    expect(await kept.readVersion('A', '2')).toBeUndefined();
    const none = openTarget(memoryProvider());
    expect([none.keepsVersions, await none.readVersion('A', '1')]).toEqual([false, undefined]);
    const denied = () => Promise.reject(new SecretError('ERR_SECRET_DENIED', 'denied'));
    await expect(
      openTarget({ ...memoryProvider(), readVersion: denied }).readVersion('A', '1'),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_DENIED' });
    const away = () =>
      Promise.reject(new SecretError('ERR_SECRET_UNAVAILABLE', 'away', { hint: 'Wait.' }));
    await expect(
      openTarget({ ...memoryProvider(), readVersion: away }).readVersion('A', '1'),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      provider: 'memory',
      reason: expect.stringMatching(/^memory \(this process\) .*: away$/),
      hint: 'Wait.',
      retryable: true,
    });
  });

  test('a read-only store refuses the write', async () => {
    const { write: _, ...readOnly } = memoryProvider();
    const target = openTarget(readOnly);
    await expect(target.write(new Map([['A', 'a']]), undefined)).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      message: expect.stringMatching(/^memory \(this process\) .* --to\b/),
    });
    await expect(target.assertWritable()).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
  });

  test('a store is written only at the revision that was read', async () => {
    const target = openTarget(memoryProvider({ A: 'a' }));
    const { revision, versions } = await target.read();
    expect([revision, versions.get('A')]).toEqual(['1', '1']);
    await target.write(new Map([['A', 'b']]), undefined);
    await expect(target.write(new Map([['A', 'c']]), revision)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
    });
    expect((await target.read()).values.get('A')).toBe('b');
    await target.write(new Map([['A', null]]), '2');
    expect((await target.read()).values.has('A')).toBe(false);
  });
});
