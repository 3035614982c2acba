/**
 * A migration on a disk that fills up: a real file system without space, which needs root to be made.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { expect, onTestFinished, test, vi } from 'vitest';
import { migrate } from '../src/migration/migrate.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { ageKey, bin, finished, folderWith } from './keyfall.ts';

vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: () => {},
  writeLine: () => {},
}));

const asRoot = (...command: string[]) => {
  const [program = '', ...args] = process.geteuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args);
};

const content = `A=1\nB=${'b'.repeat(20_000)}\n`;

/** A `.env` on a disk of its own, and what takes all the space that is left there. */
async function smallDisk(): Promise<{ cwd: string; fill: () => Promise<void> }> {
  const cwd = join(await folderWith(), 'disk');
  await mkdir(cwd);
  asRoot('mount', '-t', 'tmpfs', '-o', 'mode=0777,size=128k', 'tmpfs', cwd);
  onTestFinished(() => asRoot('umount', cwd));
  await writeFile(join(cwd, '.env'), content);
  return {
    cwd,
    async fill() {
      const all = writeFile(join(cwd, 'filler'), Buffer.alloc(1024 * 1024));
      await expect(all).rejects.toMatchObject({ code: 'ENOSPC' });
    },
  };
}

const options = { yes: true, purge: true, select: ['B'] } as const;

test('without space for a backup nothing is written, and no half of one is left', async () => {
  const { cwd, fill } = await smallDisk();
  await fill();
  const target = openTarget(memoryProvider());
  const run = async () => migrate(await readSource(join(cwd, '.env')), target, options);
  const error = await run().catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(error.message).not.toContain('bbb');
  expect([...(await target.read()).values]).toEqual([]);
  expect((await readdir(cwd)).sort()).toEqual(['.env', 'filler']);
  await rm(join(cwd, 'filler'));
  expect(await run()).toMatchObject({ written: 1, fileChanged: true });
});

test('a disk that is full by the time of the edit keeps the file; the next run goes on', async () => {
  const { cwd, fill } = await smallDisk();
  const store = memoryProvider();
  const filling: SecretProvider = {
    ...store,
    async write(changes, context) {
      await fill();
      return (await store.write?.(changes, context)) ?? { conditional: false };
    },
  };
  const run = async (provider: SecretProvider) =>
    migrate(await readSource(join(cwd, '.env')), openTarget(provider), options);
  await expect(run(filling)).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(content);
  await rm(join(cwd, 'filler'));
  expect(await run(store)).toMatchObject({ written: 0, fileChanged: true });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  const left = (await readdir(cwd)).filter((name) => name !== '.env').sort();
  expect(left).toHaveLength(2);
  expect(await readFile(join(cwd, left[0] ?? ''), 'utf8')).toBe(content);
});

test('every command that writes to a full disk has the same exit code', async () => {
  const { cwd, fill } = await smallDisk();
  await fill();
  const { PATH = '' } = process.env;
  const full = (script: string) => {
    const command = `keyfall() { '${process.execPath}' '${bin}' "$@"; }; ${script}`;
    return finished(spawn('sh', ['-c', command], { cwd, env: { PATH, HOME: cwd } }));
  };
  for (const script of [
    'printf x | keyfall set C',
    'keyfall delete A',
    'keyfall export > out',
    'keyfall init --yes',
    'keyfall types --out names.d.ts',
    `keyfall snapshot --recipient ${ageKey.recipient} s.enc.yaml`,
    'keyfall migrate --yes --to sops:s.enc.yaml',
    'keyfall migrate --yes --purge --to dotenv:other.env',
  ]) {
    const { code, stderr } = await full(script);
    expect({ script, code, stderr }).toMatchObject({ code: 3 });
  }
  const left = (await readdir(cwd)).filter((name) => name !== 'out');
  expect(left.sort()).toEqual(['.env', 'filler']);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(content);
});
