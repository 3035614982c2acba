import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { show } from '../src/show.ts';

test('every store answers in one chain, and a killed Vault is passed with a notice', async () => {
  const lines: string[] = [];
  await show((line) => lines.push(line));
  expect(lines).toEqual([
    'FROM_AWS: aws-secrets-manager',
    'FROM_DOPPLER: doppler',
    'FROM_DOTENV: dotenv',
    'FROM_EXEC: exec',
    'FROM_FILES: files',
    'FROM_GCP: gcp-secret-manager',
    'FROM_SOPS: sops',
    'FROM_SSM: aws-parameter-store',
    'FROM_VAULT: vault',
    'SHARED: vault',
    'Vault is killed. SHARED: sops (fallback); told: vault -> sops',
    'FROM_VAULT, which no other store holds: ERR_SECRET_UNAVAILABLE',
  ]);
}, 120_000);

test('broken off by Ctrl-C it leaves nothing behind', async () => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const TMPDIR = await mkdtemp(join(tmpdir(), 'keyfall-test-'));
  try {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, TMPDIR },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await vi.waitFor(async () => expect(await readdir(TMPDIR)).not.toEqual([]), 30_000);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(await readdir(TMPDIR)).toEqual([]);
  } finally {
    await rm(TMPDIR, { recursive: true });
  }
}, 60_000);
