/**
 * What stands in the way of a migration beside the file: names that are too long, folders where a file has to
 * be, what a run that was killed has left. What can be known is known before the store is written.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { lockFile } from '@keyfall/core/provider/files/write';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';

const said: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  report: (text: string) => said.push(text),
  writeLine: () => {},
}));

async function run(path: string, store: SecretProvider, options: Partial<MigrateOptions> = {}) {
  return migrate(await readSource(path), openTarget(store), { yes: true, ...options });
}

async function held(store: SecretProvider): Promise<Record<string, string>> {
  return Object.fromEntries((await openTarget(store).read()).values);
}

describe('a name that is too long for that of its backup', () => {
  test.each([
    ['in letters', 'a'.repeat(225)],
    ['in bytes', 'ü'.repeat(110)],
    ['by one', 'a'.repeat(199)],
  ])('is refused before anything is written: %s', async (_, name) => {
    const cwd = await folderWith('A=1\n');
    await rename(join(cwd, '.env'), join(cwd, name));
    for (const dryRun of [true, false]) {
      const store = memoryProvider();
      await expect(run(join(cwd, name), store, { dryRun })).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        message: expect.stringMatching(/\b198 bytes\b/),
      });
      expect(await held(store)).toEqual({});
    }
    expect(await readdir(cwd)).toEqual([name]);
  });

  test('a name of the greatest possible length is migrated, and its file edited', async () => {
    const cwd = await folderWith('A=1\n');
    const path = join(cwd, 'a'.repeat(198));
    await rename(join(cwd, '.env'), path);
    expect(await run(path, memoryProvider(), { purge: true })).toMatchObject({ fileChanged: true });
  });
});

describe('a folder where the new content has to be first', () => {
  const folderInTheWay = async () => {
    const cwd = await folderWith('A=1\n');
    await mkdir(join(cwd, '.env.keyfall-tmp'));
    return cwd;
  };

  test('a folder there does not matter if the file is not edited', async () => {
    const cwd = await folderInTheWay();
    const store = memoryProvider();
    expect(await run(join(cwd, '.env'), store)).toMatchObject({ written: 1 });
    expect(await held(store)).toEqual({ A: '1' });
  });

  test('a folder there stops a migration that edits the file before the store is written', async () => {
    const cwd = await folderInTheWay();
    const store = memoryProvider();
    await expect(run(join(cwd, '.env'), store, { purge: true })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(/\.keyfall-tmp .* --activate and --purge\.$/),
    });
    expect(await held(store)).toEqual({});
    expect((await readdir(cwd)).sort()).toEqual(['.env', '.env.keyfall-tmp']);
  });
});

describe('what a run that was killed has left', () => {
  /** Takes the lock of a file in a process that ends without giving it back. */
  function killedAt(path: string): void {
    const script = `import { lockFile } from '@keyfall/core/provider/files/write';
      const [path] = process.argv.slice(1);
      const { signal } = new AbortController();
      await lockFile({ path, shown: path, provider: 'x' }, path, { signal, remainingTimeout: () => 0 });
      process.kill(process.pid, 'SIGKILL');`;
    const node = ['--input-type=module', '-e', script, path];
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    expect(() => execFileSync(process.execPath, node, { cwd })).toThrow();
  }

  test('leftovers of a killed run are removed by the next one, also if it has nothing else to do', async () => {
    const cwd = await folderWith('A=1\n');
    const path = join(cwd, '.env');
    const store = memoryProvider({ A: '1' });
    killedAt(path);
    await writeFile(`${path}.keyfall-tmp`, 'A=1\n');
    await writeFile(`${path}.backup.20260102T030405678Z.journal.keyfall-tmp`, '{');
    expect(await readdir(cwd)).toHaveLength(4);
    expect(await run(path, store)).toMatchObject({ written: 0 });
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  const record = '.env.backup.20260102T030405678Z.journal';
  test.each([
    '.env.keyfall-tmp',
    '.env.keyfall-lock.break',
    `${record}.keyfall-tmp`,
    `${record}.keyfall-lock`,
    `${record}.keyfall-lock.break`,
  ])('%s is removed, also alone, before anything else is done', async (left) => {
    for (const held of [{ A: '1' }, {}]) {
      const cwd = await folderWith('A=1\n');
      const others = [`x${record}.keyfall-tmp`, `${record}.keyfall-tmpx`, '.env.prod.keyfall-tmp'];
      for (const name of [left, ...others]) await writeFile(join(cwd, name), '');
      await run(join(cwd, '.env'), memoryProvider(held));
      const now = await readdir(cwd);
      expect(now).not.toContain(left);
      expect(now).toEqual(expect.arrayContaining(others));
    }
  });

  test('a dead lock alone is removed, also for a file that is reached by a link', async () => {
    const cwd = await folderWith('A=1\n');
    await mkdir(join(cwd, 'links'));
    await symlink('../.env', join(cwd, 'links', '.env'));
    killedAt(join(cwd, '.env'));
    await run(join(cwd, 'links', '.env'), memoryProvider({ A: '1' }));
    expect(await readdir(cwd)).toEqual(['.env', 'links']);
  });

  test('the files of a live run stay, and nothing waits for it', async () => {
    const cwd = await folderWith('A=1\n');
    const path = join(cwd, '.env');
    const { signal } = new AbortController();
    const unlock = await lockFile({ path, shown: path, provider: 'x' }, path, {
      signal,
      remainingTimeout: () => 0,
    });
    onTestFinished(unlock);
    await writeFile(`${path}.keyfall-tmp`, 'A=1\n');
    expect(await run(path, memoryProvider({ A: '1' }))).toMatchObject({ written: 0 });
    expect((await readdir(cwd)).sort()).toEqual(['.env', '.env.keyfall-lock', '.env.keyfall-tmp']);
  });
});
