import { createSecrets, memoryProvider } from '@keyfall/core';
import { afterEach, expect, test, vi } from 'vitest';
import { awsSecretsManagerProvider } from '../src/index.ts';

const sdk = vi.hoisted(() => ({ loaded: 0 }));
vi.mock('@aws-sdk/client-secrets-manager', async (original) => {
  sdk.loaded += 1;
  return original();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('the SDK is loaded by the first call, and not by making, listing or closing a provider', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIA');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const bag = awsSecretsManagerProvider({ secretId: 'shop', region: 'eu-central-1' });
  const named = awsSecretsManagerProvider({ prefix: 'shop/', name: 'named' });
  const secrets = createSecrets({ providers: [bag, named] });
  secrets.status();
  await secrets.close();
  expect(sdk.loaded).toBe(0);
  const again = createSecrets({ providers: [bag] });
  await expect(again.get('A')).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(sdk.loaded).toBe(1);
  await again.close();
});

test('credentialVariables names the access key that the SDK takes from the environment', () => {
  vi.stubEnv('AWS_PROFILE', '');
  const key = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
  const variables = (options: object) => [
    ...(awsSecretsManagerProvider({ secretId: 'shop', ...options }).credentialVariables ?? []),
  ];
  expect(variables({})).toEqual(key);
  expect(variables({ client: { send: () => {} } })).toEqual([]);
  // the SDK goes by the profile then, and the key is the application's own
  vi.stubEnv('AWS_PROFILE', 'shop');
  expect(variables({})).toEqual([]);
});

test('without secretId and prefix the first call fails, and a chain may go past it', async () => {
  const provider = awsSecretsManagerProvider({});
  const setting = { option: 'secretId', isMissing: true };
  await expect(createSecrets({ providers: [provider] }).get('A')).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    provider: 'aws-secrets-manager',
    setting,
  });
  const providers = [{ provider, ifUnconfigured: 'skip' } as const, memoryProvider({ A: 'a' })];
  const secrets = createSecrets({ providers });
  secrets.on('fallback', () => {});
  expect(await secrets.get('A')).toBe('a');
});
