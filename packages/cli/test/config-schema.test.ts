/**
 * The schema of a configuration, put together from what the providers say of their options, and the check against it.
 */
import { envOptionsSchema, type OptionSchema } from '@keyfall/core/provider';
import { awsParameterStoreOptionsSchema } from '@keyfall/provider-aws-parameter-store/options-schema';
import { awsSecretsManagerOptionsSchema } from '@keyfall/provider-aws-secrets-manager/options-schema';
import { dotenvOptionsSchema } from '@keyfall/provider-dotenv/options-schema';
import { execOptionsSchema } from '@keyfall/provider-exec/options-schema';
import { filesOptionsSchema } from '@keyfall/provider-files/options-schema';
import { gcpSecretManagerOptionsSchema } from '@keyfall/provider-gcp-secret-manager/options-schema';
import { keychainOptionsSchema } from '@keyfall/provider-keychain/options-schema';
import { kubernetesOptionsSchema } from '@keyfall/provider-kubernetes/options-schema';
import { sopsOptionsSchema } from '@keyfall/provider-sops/options-schema';
import {
  vaultDynamicOptionsSchema,
  vaultOptionsSchema,
} from '@keyfall/provider-vault/options-schema';
import { expect, test } from 'vitest';
// by its place: another test needs one provider whose package is not installed here
import {
  dopplerFallbackOptionsSchema,
  dopplerOptionsSchema,
} from '../../provider-doppler/src/options-schema.ts';
import {
  type ConfigSchema,
  checkConfig,
  checkEntry,
  configSchema,
  entrySettings,
  targetSchema,
} from '../src/config/config-schema.ts';
import type { ProviderId } from '../src/config/define-config.ts';

const providers: Readonly<Record<ProviderId, OptionSchema>> = {
  vault: vaultOptionsSchema,
  'vault-dynamic': vaultDynamicOptionsSchema,
  sops: sopsOptionsSchema,
  files: filesOptionsSchema,
  'aws-secrets-manager': awsSecretsManagerOptionsSchema,
  'aws-parameter-store': awsParameterStoreOptionsSchema,
  'gcp-secret-manager': gcpSecretManagerOptionsSchema,
  keychain: keychainOptionsSchema,
  kubernetes: kubernetesOptionsSchema,
  doppler: dopplerOptionsSchema,
  'doppler-fallback': dopplerFallbackOptionsSchema,
  exec: execOptionsSchema,
  dotenv: dotenvOptionsSchema,
  env: envOptionsSchema,
};

test('the published schema is made of what each provider says of its options (vitest -u writes it)', async () => {
  const list: ConfigSchema = {
    type: 'array',
    minItems: 1,
    items: {
      oneOf: Object.entries(providers).map(([id, { properties, required = [] }]) => ({
        type: 'object',
        properties: { provider: { const: id }, ...properties, ...entrySettings },
        required: ['provider', ...required],
        additionalProperties: false,
      })),
    },
  };
  const named = (name: string) => ({ $ref: `#/$defs/${name}` }) as object;
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'The configuration of Keyfall (keyfall.config.json)',
    ...configSchema(named('providers'), named('target')),
    $defs: { providers: list, target: targetSchema(list) },
  };
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    '../schema/keyfall.config.schema.json',
  );
});

test.each([
  { provider: 'vault', path: ['shop', 'common'], kvVersion: 2, writeLimits: { strings: 1 } },
  { provider: 'dotenv', path: '.env', mustExist: true, reader: 'npm', name: 'local' },
  { provider: 'env', prefix: 'SHOP_', required: true, timeout: 5, onDenied: 'next' },
  { provider: 'vault-dynamic', path: 'database/creds/shop', parameters: { a: 1 }, grace: '10s' },
  { provider: 'sops', path: 'secrets.yaml', ageRecipients: ['age1x'], standby: true },
  { provider: 'files', directory: { variable: 'CREDENTIALS_DIRECTORY' }, links: 'anywhere' },
  { provider: 'files', directory: '/run/secrets' },
  { provider: 'aws-secrets-manager', prefix: 'shop/', pollInterval: '1m' },
  { provider: 'aws-parameter-store', path: '/shop', keyId: 'alias/shop' },
  { provider: 'gcp-secret-manager', project: 'shop', prefix: 'shop-' },
  { provider: 'keychain', service: 'shop' },
  { provider: 'kubernetes', secret: 'shop', namespace: 'prod' },
  { provider: 'doppler', project: 'shop', config: 'prd', pollInterval: 60_000 },
  { provider: 'doppler-fallback', path: '.doppler-fallback' },
  { provider: 'exec', command: ['op', 'read', '{name}'], exitCodes: { missing: [1] } },
  { provider: 'exec', command: ['./helper'], lists: true, writes: 'store', names: ['A'] },
])('may stand in a configuration: $provider', (entry) => {
  expect(checkConfig({ providers: [entry] }, 'json')).toBeUndefined();
  expect(checkEntry(entry)).toBeUndefined();
});

const ofEntry = (entry: unknown) => checkConfig({ providers: [entry] }, 'json');

test.each<[object, readonly (string | number)[]]>([
  [{ provider: 'vault', kvVersion: 3 }, ['kvVersion']],
  [{ provider: 'vault', name: 5 }, ['name']],
  [{ provider: 'vault', countedUses: 'no' }, ['countedUses']],
  [{ provider: 'vault', tls: 'x' }, ['tls']],
  [{ provider: 'vault', name: '' }, ['name']],
  [{ provider: 'vault', nodes: 'x' }, ['nodes']],
  [{ provider: 'vault', tls: { skipVerify: 'no' } }, ['tls', 'skipVerify']],
  [{ provider: 'vault', tls: { caCert: 'x' } }, ['tls', 'caCert']],
  [{ provider: 'vault', retry: { max: -1 } }, ['retry', 'max']],
  [{ provider: 'vault', retry: { max: 1.5 } }, ['retry', 'max']],
  [{ provider: 'dotenv', path: [1] }, ['path']],
  [{ provider: 'env', required: 1 }, ['required']],
  [{ provider: 'sops' }, ['path']],
  [{ provider: 'files', directory: {} }, ['directory']],
  [{ provider: 'vault', token: 'x' }, ['token']],
  [{ provider: 'doppler', token: 'x' }, ['token']],
  [{ provider: 'exec' }, ['command']],
  [{ provider: 'exec', command: 'op read' }, ['command']],
  [{ provider: 'exec', command: [] }, ['command']],
  [{ provider: 'exec', command: ['op'], exitCodes: { absent: [1] } }, ['exitCodes', 'absent']],
  [{ provider: 'exec', command: ['op'], exitCodes: { missing: [0] } }, ['exitCodes', 'missing', 0]],
])('%j is refused at its option', (entry, option) => {
  const complaint = ofEntry(entry);
  expect(complaint).toMatchObject({ option: ['providers', 0, ...option] });
  expect(complaint?.reason).toMatchSnapshot();
});

test.each(['-1s', '5 m', '', 'soon', -1, Number.NaN, null])('%j is not a length of time', (ttl) => {
  expect(checkConfig({ ttl }, 'json')).toMatchObject({ option: ['ttl'] });
});

test('what is not known is named, with what was perhaps meant', () => {
  expect(ofEntry({ provider: 'vault', adress: 'x' })).toEqual({
    option: ['providers', 0, 'adress'],
    reason: expect.any(String),
    hint: expect.stringMatching(/ address\?$/),
  });
  expect(ofEntry({ provider: 'valt' })).toMatchObject({
    option: ['providers', 0, 'provider'],
    hint: expect.stringMatching(/ vault\?$/),
  });
  expect(checkConfig({ profiles: { prod: { provider: [] } } }, 'json')).toMatchObject({
    option: ['profiles', 'prod', 'provider'],
    hint: expect.stringMatching(/ providers\?$/),
  });
  expect(checkConfig({ profiles: { '': {} } }, 'json')?.option).toEqual(['profiles']);
  expect(checkConfig({ providers: [] }, 'json')).toMatchObject({ option: ['providers'] });
});

test('a program may give a list of its own providers, or a function', () => {
  const provider = { name: 'own', store: 'own', read: () => {} };
  for (const list of [[provider], () => [provider]])
    expect(checkConfig({ providers: list }, 'program')).toBeUndefined();
  expect(checkConfig({ providers: {} }, 'program')?.reason).toContain('a function');
  expect(checkEntry(provider)).toBeUndefined();
  expect(checkEntry({ provider, required: true })).toBeUndefined();
  expect(checkEntry({ provider, requird: true })?.hint).toMatch(/ required\?$/);
  expect(checkEntry({ provider: {} })).toMatchObject({ option: ['provider'] });
});
