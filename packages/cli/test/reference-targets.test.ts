/**
 * What the place in a reference is to each provider, by what the provider that is made for it says of itself.
 */
import { join } from 'node:path';
import type { SecretProvider } from '@keyfall/core/provider';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { NamedProvider } from '../src/config/define-config.ts';
import type { LoadedConfig } from '../src/config/load-config.ts';
import { referenceTargets } from '../src/config/reference-targets.ts';

beforeEach(() => {
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.0.0.1');
  vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** Of a program in this folder, where every provider is installed. */
const loaded: LoadedConfig = {
  file: join(import.meta.dirname, 'keyfall.config.mjs'),
  config: { providers: [] },
  lineOf: () => undefined,
};
const here = (path: string) => join(import.meta.dirname, path);

async function targetOf(entry: NamedProvider) {
  const defaults = { profile: undefined, ofDotenv: {} };
  const targets = await referenceTargets(loaded, { it: entry }, ['references'], defaults);
  return targets.byScheme['it'];
}

test.each<[NamedProvider, string, string]>([
  [{ provider: 'sops' }, 'a/b.enc.yaml', here('a/b.enc.yaml')],
  [{ provider: 'files' }, 'store', here('store')],
  [{ provider: 'aws-secrets-manager' }, 'shop/prod', 'shop/prod'],
  [{ provider: 'aws-parameter-store' }, '/shop/prod', '/shop/prod/'],
  [{ provider: 'gcp-secret-manager' }, 'shop-123', 'shop-123'],
  [{ provider: 'gcp-secret-manager', prefix: 'eu-' }, 'shop-123', 'shop-123'],
  [{ provider: 'keychain' }, 'shop', 'the keychain, service shop'],
  [{ provider: 'kubernetes' }, 'shop', 'shop'],
  [{ provider: 'kubernetes' }, 'prod/shop', 'prod/shop'],
  [{ provider: 'kubernetes', namespace: 'prod' }, 'shop', 'prod/shop'],
])('%j takes the place %s for %s', async (entry, place, store) => {
  const target = await targetOf(entry);
  const provider = await (target as (place: string) => Promise<SecretProvider>)(place);
  expect(provider.store).toContain(store);
});

test.each<[NamedProvider, string]>([
  [{ provider: 'aws-secrets-manager' }, 'AWS_SECRET_ACCESS_KEY'],
  [{ provider: 'aws-parameter-store' }, 'AWS_SECRET_ACCESS_KEY'],
  [{ provider: 'gcp-secret-manager' }, 'GOOGLE_APPLICATION_CREDENTIALS'],
  [{ provider: 'exec', command: ['op'], credentialVariables: ['OP_TOKEN'] }, 'OP_TOKEN'],
])('%j has its credentials in %s before anything refers to it', async (entry, variable) => {
  const defaults = { profile: undefined, ofDotenv: {} };
  const entries = { it: entry, other: { provider: 'vault' } } as const;
  const targets = await referenceTargets(loaded, entries, ['references'], defaults);
  expect(await targets.credentialVariables()).toContain(variable);
});

test.each<[NamedProvider, string]>([
  [{ provider: 'vault' }, 'shop'],
  [{ provider: 'kubernetes', namespace: 'prod' }, 'other/shop'],
  [{ provider: 'kubernetes' }, 'a/b/c'],
  [{ provider: 'gcp-secret-manager' }, '../other'],
  [{ provider: 'keychain' }, 'shop\n'],
])('%j has no place %j', async (entry, place) => {
  const target = await targetOf(entry);
  const making = (async () => (target as (place: string) => Promise<SecretProvider>)(place))();
  await expect(making).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
});

test.each<NamedProvider>([
  { provider: 'gcp-secret-manager', project: 'shop-123' },
  { provider: 'keychain', service: 'shop' },
  { provider: 'kubernetes', secret: 'shop' },
])('a configuration with the place of %j leaves the reference the name alone', async (entry) => {
  expect(await targetOf(entry)).not.toBeTypeOf('function');
});
