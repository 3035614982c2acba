import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { show } from '../src/show.ts';
import { installedStores } from '../src/stores.ts';
import { breakOff } from './break-off.ts';

test('every store answers in one chain, a keychain and Kubernetes too', async () => {
  const lines: string[] = [];
  await show((line) => lines.push(line), await installedStores());
  expect(lines).toEqual([
    'FROM_AWS: aws-secrets-manager',
    'FROM_DOPPLER: doppler',
    'FROM_DOTENV: dotenv',
    'FROM_EXEC: exec',
    'FROM_FILES: files',
    'FROM_GCP: gcp-secret-manager',
    'FROM_KEYCHAIN: keychain',
    'FROM_KUBERNETES: kubernetes',
    'FROM_SOPS: sops',
    'FROM_SSM: aws-parameter-store',
    'FROM_VAULT: vault',
    'SHARED: vault',
    'Vault is killed. SHARED: sops (fallback); told: vault -> sops',
    'FROM_VAULT, which no other store holds: ERR_SECRET_UNAVAILABLE',
  ]);
}, 120_000);

test('broken off by Ctrl-C when all of them run, it leaves nothing behind', async () => {
  const answering = ({ stdout }: { readonly stdout: Readable | null }) =>
    once(stdout as Readable, 'data');
  expect(await breakOff(answering)).toEqual({ code: 130, left: [] });
}, 120_000);
