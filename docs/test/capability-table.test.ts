/**
 * The page of all stores side by side is generated here from the providers' own properties:
 * `npx vitest run --project docs capability-table -u` writes it again.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { envProvider, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { awsParameterStoreProvider } from '@keyfall/provider-aws-parameter-store';
import { awsSecretsManagerProvider } from '@keyfall/provider-aws-secrets-manager';
import { dopplerFallbackProvider, dopplerProvider } from '@keyfall/provider-doppler';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { execProvider } from '@keyfall/provider-exec';
import { filesProvider } from '@keyfall/provider-files';
import { gcpSecretManagerProvider } from '@keyfall/provider-gcp-secret-manager';
import { keychainProvider } from '@keyfall/provider-keychain';
import { kubernetesProvider } from '@keyfall/provider-kubernetes';
import { sopsProvider } from '@keyfall/provider-sops';
import { vaultDynamicProvider, vaultProvider } from '@keyfall/provider-vault';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

const vault = { address: 'https://vault.example:8200', token: 't', path: 'shop', env: {} };
const dynamic = { address: 'https://vault.example:8200', token: 't', env: {} };

const stores: readonly (readonly [what: string, page: string, provider: SecretProvider])[] = [
  ['Vault or OpenBao, KV version 2', 'vault.md', vaultProvider({ ...vault, kvVersion: 2 })],
  ['Vault or OpenBao, KV version 1', 'vault.md', vaultProvider({ ...vault, kvVersion: 1 })],
  [
    'Vault or OpenBao, dynamic',
    'vault-dynamic.md',
    vaultDynamicProvider({ ...dynamic, path: 'database/creds/shop' }),
  ],
  ['SOPS file', 'sops.md', sopsProvider({ path: 'secrets.yaml' })],
  ['secret files', 'files.md', filesProvider({ directory: '/run/secrets' })],
  [
    'AWS Secrets Manager, `secretId`',
    'aws-secrets-manager.md',
    awsSecretsManagerProvider({ secretId: 'shop' }),
  ],
  [
    'AWS Secrets Manager, `prefix`',
    'aws-secrets-manager.md',
    awsSecretsManagerProvider({ prefix: 'shop/' }),
  ],
  [
    'AWS SSM Parameter Store',
    'aws-parameter-store.md',
    awsParameterStoreProvider({ path: '/shop' }),
  ],
  [
    'Google Cloud Secret Manager',
    'gcp-secret-manager.md',
    gcpSecretManagerProvider({ project: 'shop' }),
  ],
  ['the keychain of the system', 'keychain.md', keychainProvider({ service: 'shop' })],
  ['a Secret of Kubernetes, by the API', 'kubernetes.md', kubernetesProvider({ secret: 'shop' })],
  ['Doppler', 'doppler.md', dopplerProvider({ token: 't' })],
  ["Doppler's fallback file", 'doppler.md', dopplerFallbackProvider({ path: 'f', token: 't' })],
  [
    'another program, a helper that can do all',
    'exec.md',
    execProvider({ command: ['./helper'], lists: true, writes: 'conditional' }),
  ],
  [
    'another program, a tool that prints one value',
    'exec.md',
    execProvider({ command: ['op', 'read', '{name}'] }),
  ],
  ['`.env`', 'dotenv.md', dotenvProvider()],
  ['environment variables', '../chain.md', envProvider()],
  ['memory', '../chain.md', memoryProvider()],
];

function rowOf([what, page, provider]: (typeof stores)[number]): string[] {
  const { write, atomicity, conditionalWrites, list, history, readVersion, watch, check } =
    provider;
  const yes = (ability: unknown) => (ability ? 'yes' : '');
  return [
    `[${what}](${page})`,
    yes(write),
    write ? (atomicity === 'store' ? 'all or nothing' : 'name by name') : '',
    write ? (conditionalWrites ?? 'never') : '',
    yes(history && readVersion),
    yes(list),
    watch ? 'by the store' : 'by reading again',
    yes(check),
  ];
}

test('no package of a provider is left out', async () => {
  const packages = await readdir(join(root, 'packages'));
  const ids = packages.filter((name) => name.startsWith('provider-'));
  expect(ids.length).toBeGreaterThan(5);
  const pages = stores.map(([, page]) => page);
  for (const id of ids) expect(pages).toContain(`${id.slice('provider-'.length)}.md`);
});

test('the page shows what the providers can do', async () => {
  const heads = [
    'store',
    'write',
    'several names at once',
    'conditional writes',
    'versions',
    'names without values',
    'changes are noticed',
    '`doctor`',
  ];
  const rows = [heads, heads.map(() => '---'), ...stores.map(rowOf)];
  const page = `# The stores side by side

This table is generated from the providers' own properties (\`docs/test/capability-table.test.ts\`). An empty cell
means no.

${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

- *several names at once*: whether a write of several names is carried out as a whole or not at all.
- *conditional writes*: whether a write can be refused because another writer came since the read. If not, the later
  of two writers wins, and \`keyfall migrate\` says so.
- *versions*: \`keyfall history\` and \`keyfall rollback\`.
- *names without values*: whether names can be listed without the right to read the values.
- *changes are noticed*: a provider that watches its store is read when it reports a change; every other one is read
  from time to time while something watches.
`;
  await expect(page).toMatchFileSnapshot('../providers/README.md');
});
