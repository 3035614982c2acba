import type { AwsSecretsManagerProviderOptions } from '@keyfall/provider-aws-secrets-manager';
import type { DotenvProviderOptions } from '@keyfall/provider-dotenv';
import type { FilesProviderOptions } from '@keyfall/provider-files';
import type { SopsProviderOptions } from '@keyfall/provider-sops';
import type { VaultDynamicOptions, VaultProviderOptions } from '@keyfall/provider-vault';
import { expect, test } from 'vitest';
// by its place: another test needs one provider whose package is not installed here
import type {
  DopplerFallbackProviderOptions,
  DopplerProviderOptions,
} from '../../provider-doppler/src/index.ts';
import { checkConfig, configJsonSchema } from '../src/config/config-schema.ts';

const schemaFile = '../schema/keyfall.config.schema.json';

test('the published schema is that of the code (vitest -u writes it)', async () => {
  await expect(`${JSON.stringify(configJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(schemaFile);
});

// the compiler complains here when a provider gets an option that a configuration does not know
type ForPrograms = 'token' | 'env' | 'auth' | 'clock' | 'client';
const vaultConnection = {
  address: 'https://vault.example:8200',
  nodes: ['https://vault.example:8201'],
  wire: 'direct',
  proxy: 'http://proxy.example:3128',
  tokenFile: 'token',
  tokenHelper: true,
  countedUses: true,
  agentToken: true,
  profile: 'dev',
  namespace: 'team',
  name: 'vault',
  timeout: '2s',
  maxRetries: 1,
  caCert: 'ca.pem',
  caCertPem: 'pem',
  caPath: 'ca',
  clientCert: 'cert.pem',
  clientKey: 'key.pem',
  tlsServerName: 'vault.example',
  skipVerify: false,
};
const vaultOptions: Record<keyof Omit<VaultProviderOptions, ForPrograms>, unknown> = {
  ...vaultConnection,
  mount: 'secret',
  path: ['shop', 'common'],
  kvVersion: 2,
  writeLimits: { strings: 1, bytes: 1 },
};
const dynamicOptions: Record<keyof Omit<VaultDynamicOptions, ForPrograms>, unknown> = {
  ...vaultConnection,
  path: 'database/creds/shop',
  parameters: { common_name: 'shop.internal' },
  grace: '10s',
};
const sopsOptions: Record<keyof Omit<SopsProviderOptions, 'ageKey' | 'environment'>, unknown> = {
  path: 'secrets.yaml',
  format: 'yaml',
  separator: '/',
  ageKeyFile: 'keys.txt',
  ageRecipients: ['age1x'],
  keyServers: ['https://vault.example:8200'],
  name: 'sops',
};
const filesOptions: Record<keyof Omit<FilesProviderOptions, 'env'>, unknown> = {
  directory: { variable: 'CREDENTIALS_DIRECTORY' },
  variables: ['DB_PASS'],
  binary: ['CERT'],
  trailingNewline: 'keep',
  links: 'anywhere',
  name: 'files',
};
const awsOptions: Record<keyof Omit<AwsSecretsManagerProviderOptions, 'client'>, unknown> = {
  secretId: 'shop',
  prefix: 'shop/',
  region: 'eu-central-1',
  versionStage: 'AWSPREVIOUS',
  separator: '/',
  pollInterval: '1m',
  name: 'aws',
};
type DopplerSecrets = 'token' | 'passphrase';
const dopplerOptions: Record<keyof Omit<DopplerProviderOptions, DopplerSecrets>, unknown> = {
  project: 'shop',
  config: 'prd',
  fallbackFile: '.doppler-fallback',
  pollInterval: 60_000,
  address: 'https://doppler.example',
  name: 'doppler',
};
const fallbackOptions: Record<keyof Omit<DopplerFallbackProviderOptions, DopplerSecrets>, unknown> =
  { path: '.doppler-fallback', project: 'shop', config: 'prd', name: 'doppler-fallback' };
const dotenvOptions: Record<
  keyof Omit<DotenvProviderOptions, 'variables' | 'warnOfReaders'>,
  unknown
> = {
  path: ['.env', 'more.env'],
  profile: 'dev',
  mustExist: true,
  expand: true,
  reader: 'npm',
  name: 'dotenv',
};

test.each([
  { provider: 'vault', ...vaultOptions },
  { provider: 'dotenv', ...dotenvOptions },
  { provider: 'env', prefix: 'SHOP_', required: true, timeout: 5, onDenied: 'next' },
  { provider: 'vault-dynamic', ...dynamicOptions },
  { provider: 'sops', ...sopsOptions },
  { provider: 'files', ...filesOptions },
  { provider: 'files', directory: '/run/secrets' },
  { provider: 'aws-secrets-manager', ...awsOptions },
  { provider: 'doppler', ...dopplerOptions },
  { provider: 'doppler-fallback', ...fallbackOptions },
])('every option may be in a configuration: $provider', (entry) => {
  expect(checkConfig({ providers: [entry] }, 'json')).toBeUndefined();
});

test('a complaint is about the option and what it must be', () => {
  const complaint = (entry: object) => checkConfig({ providers: [entry] }, 'json');
  const option = (name: string) => ['providers', 0, name];
  expect(complaint({ provider: 'vault', kvVersion: 3 })).toEqual({
    option: option('kvVersion'),
    reason: 'must be one of 1, 2',
  });
  expect(complaint({ provider: 'vault', maxRetries: -1 })?.reason).toBe('must be at least 0');
  expect(complaint({ provider: 'vault', maxRetries: 1.5 })?.reason).toBe('must be a whole number');
  expect(complaint({ provider: 'vault', skipVerify: 'no' })?.reason).toBe('must be a boolean');
  expect(complaint({ provider: 'dotenv', path: [1] })?.reason).toBe(
    'must be text or a list of texts',
  );
  expect(complaint({ provider: 'env', required: 1 })?.option).toEqual(option('required'));
});
