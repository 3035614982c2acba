import { expect, test } from 'vitest';
import { show } from '../src/show.ts';

test('every store answers in one chain, and a killed Vault is passed and told of', async () => {
  const lines: string[] = [];
  await show((line) => lines.push(line));
  expect(lines).toEqual([
    'FROM_AWS: aws-secrets-manager',
    'FROM_DOPPLER: doppler',
    'FROM_DOTENV: dotenv',
    'FROM_FILES: files',
    'FROM_SOPS: sops',
    'FROM_VAULT: vault',
    'SHARED: vault',
    'Vault is killed. SHARED: sops (fallback); told: vault -> sops',
    'FROM_VAULT, which no other store holds: ERR_SECRET_UNAVAILABLE',
  ]);
}, 120_000);
