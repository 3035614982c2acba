import { readdir } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { show } from '../src/show.ts';
import { breakOff } from './break-off.ts';

test('every store that npm and PyPI have answers in one chain, and a killed Vault is passed with a notice', async () => {
  const lines: string[] = [];
  await show((line) => lines.push(line), []);
  expect(lines).toEqual([
    'Left out: keychain, kubernetes. scripts/provision installs what they need.',
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
  const started = (_: unknown, folder: string) =>
    vi.waitFor(async () => expect(await readdir(folder)).not.toEqual([]), 30_000);
  expect(await breakOff(started)).toEqual({ code: 130, left: [] });
}, 60_000);
