import { createSecrets } from '@keyfall/core';
import { afterEach, expect, test, vi } from 'vitest';
import { awsParameterStoreProvider } from '../src/index.ts';

const sdk = vi.hoisted(() => ({ loaded: 0 }));
vi.mock('@aws-sdk/client-ssm', async (original) => {
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
  const provider = awsParameterStoreProvider({ path: '/shop', region: 'eu-central-1' });
  const secrets = createSecrets({ providers: [provider] });
  secrets.status();
  await secrets.close();
  expect(sdk.loaded).toBe(0);
  const again = createSecrets({ providers: [provider] });
  await expect(again.get('A')).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(sdk.loaded).toBe(1);
  await again.close();
});

test('credentialVariables names the access key that the SDK takes from the environment', () => {
  vi.stubEnv('AWS_PROFILE', '');
  const variables = (options: object) => [
    ...(awsParameterStoreProvider({ path: '/shop', ...options }).credentialVariables ?? []),
  ];
  expect(variables({})).toEqual([
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
  ]);
  expect(variables({ client: { send: () => {} } })).toEqual([]);
});
