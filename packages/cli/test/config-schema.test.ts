import type { DotenvProviderOptions } from '@keyfall/provider-dotenv';
import type { VaultProviderOptions } from '@keyfall/provider-vault';
import { expect, test } from 'vitest';
import { checkConfig, configJsonSchema } from '../src/config/config-schema.ts';

const schemaFile = '../schema/keyfall.config.schema.json';

test('the published schema is that of the code (vitest -u writes it)', async () => {
  await expect(`${JSON.stringify(configJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(schemaFile);
});

// the compiler complains here when a provider gets an option that a configuration does not know
type ForPrograms = 'token' | 'env' | 'auth' | 'clock' | 'client';
const vaultOptions: Record<keyof Omit<VaultProviderOptions, ForPrograms>, unknown> = {
  address: 'https://vault.example:8200',
  nodes: ['https://vault.example:8201'],
  wire: 'direct',
  proxy: 'http://proxy.example:3128',
  tokenFile: 'token',
  tokenHelper: true,
  mount: 'secret',
  path: ['shop', 'common'],
  profile: 'dev',
  kvVersion: 2,
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
  writeLimits: { strings: 1, bytes: 1 },
};
const dotenvOptions: Record<keyof DotenvProviderOptions, unknown> = {
  path: ['.env', 'more.env'],
  profile: 'dev',
  mustExist: true,
  expand: true,
  name: 'dotenv',
};

test.each([
  { provider: 'vault', ...vaultOptions },
  { provider: 'dotenv', ...dotenvOptions },
  { provider: 'env', prefix: 'SHOP_', required: true, timeout: 5, onDenied: 'next' },
  { provider: 'sops', path: 'secrets.yaml', anything: {} },
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
