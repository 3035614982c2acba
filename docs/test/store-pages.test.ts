/**
 * The pages of the stores have one shape, so that a reader who knows one finds everything in the others, and they leave
 * out no option.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AwsParameterStoreProviderOptions } from '@keyfall/provider-aws-parameter-store';
import type { AwsSecretsManagerProviderOptions } from '@keyfall/provider-aws-secrets-manager';
import type { DopplerProviderOptions } from '@keyfall/provider-doppler';
import type { DotenvProviderOptions } from '@keyfall/provider-dotenv';
import type { ExecProviderOptions } from '@keyfall/provider-exec';
import type { FilesProviderOptions } from '@keyfall/provider-files';
import type { GcpSecretManagerProviderOptions } from '@keyfall/provider-gcp-secret-manager';
import type { KeychainProviderOptions } from '@keyfall/provider-keychain';
import type { KubernetesProviderOptions } from '@keyfall/provider-kubernetes';
import type { SopsProviderOptions } from '@keyfall/provider-sops';
import { describe, expect, test } from 'vitest';
import { repository, root } from './markdown.ts';

const shape = [
  'Install',
  'Smallest example',
  'Options',
  'What it answers',
  'Permissions',
  'Limits',
  'Troubleshooting',
];

/** The compiler sees to it that none is missing here. */
type All<Options> = { readonly [Option in keyof Required<Options>]: true };

const dotenv: All<DotenvProviderOptions> = {
  path: true,
  profile: true,
  mustExist: true,
  expand: true,
  reader: true,
  warnOfReaders: true,
  variables: true,
  name: true,
};
const sops: All<SopsProviderOptions> = {
  path: true,
  ageKey: true,
  ageKeyFile: true,
  separator: true,
  format: true,
  ageRecipients: true,
  keyServers: true,
  environment: true,
  name: true,
};
const files: All<FilesProviderOptions> = {
  directory: true,
  variables: true,
  binary: true,
  trailingNewline: true,
  links: true,
  env: true,
  name: true,
};
const aws: All<AwsSecretsManagerProviderOptions> = {
  secretId: true,
  prefix: true,
  region: true,
  versionStage: true,
  separator: true,
  pollInterval: true,
  client: true,
  name: true,
};
const parameterStore: All<AwsParameterStoreProviderOptions> = {
  path: true,
  region: true,
  keyId: true,
  pollInterval: true,
  client: true,
  name: true,
};
const gcpSecretManager: All<GcpSecretManagerProviderOptions> = {
  project: true,
  prefix: true,
  credentials: true,
  address: true,
  name: true,
};
const keychain: All<KeychainProviderOptions> = {
  service: true,
  name: true,
};
const kubernetes: All<KubernetesProviderOptions> = {
  secret: true,
  namespace: true,
  address: true,
  token: true,
  tokenFile: true,
  caFile: true,
  name: true,
};
const doppler: All<DopplerProviderOptions> = {
  token: true,
  project: true,
  config: true,
  fallbackFile: true,
  passphrase: true,
  pollInterval: true,
  address: true,
  name: true,
};

const exec: All<ExecProviderOptions> = {
  command: true,
  names: true,
  exitCodes: true,
  lists: true,
  writes: true,
  inherit: true,
  credentialVariables: true,
  env: true,
  name: true,
};

/** The sections of a document by their headings, in order. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^## (.+)\n/m).slice(1);
  return new Map(parts.flatMap((head, at) => (at % 2 === 0 ? [[head, parts[at + 1] ?? '']] : [])));
}

describe.each<[string, object]>([
  ['dotenv', dotenv],
  ['sops', sops],
  ['files', files],
  ['aws-secrets-manager', aws],
  ['aws-parameter-store', parameterStore],
  ['gcp-secret-manager', gcpSecretManager],
  ['keychain', keychain],
  ['kubernetes', kubernetes],
  ['doppler', doppler],
  ['exec', exec],
])('%s', (store, options) => {
  const read = (path: string) => readFile(join(root, path), 'utf8');
  const pageOf = async () => sectionsOf(await read(`docs/providers/${store}.md`));

  test('has every section, in the same order', async () => {
    const heads = [...(await pageOf()).keys()];
    expect(heads.filter((head) => shape.includes(head))).toEqual(shape);
  });

  test('says what is held, not here, unavailable, denied and invalid', async () => {
    const answers = (await pageOf()).get('What it answers') ?? '';
    for (const kind of ['held', /not here|does not hold it/, '_UNAVAILABLE', '_DENIED', '_INVALID'])
      expect(answers).toMatch(kind);
  });

  test('says what to do about each message', async () => {
    expect((await pageOf()).get('Troubleshooting')).toMatch(/(?:^\| `.+?`.*\|.*\|\n){3}/m);
  });

  test('names every option of the provider, and no other', async () => {
    const table = (await pageOf()).get('Options') ?? '';
    const named = [...table.matchAll(/^\| `(\w+)`/gm)].map((one) => one[1]);
    expect(named.sort()).toEqual(Object.keys(options).sort());
  });

  test('has a package whose own page leads to it, with the same beginning', async () => {
    const text = await read(`packages/provider-${store}/README.md`);
    expect([...sectionsOf(text).keys()].slice(0, 2)).toEqual(shape.slice(0, 2));
    expect(text).toContain(`](${repository}/blob/main/docs/providers/${store}.md)`);
    expect(text).toContain(`npm install @keyfall/core @keyfall/provider-${store}`);
  });
});
