import { createSecrets } from '@keyfall/core';
import { temporaryFolder } from '@keyfall/testkit';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { gcpSecretManagerProvider } from '../src/index.ts';

const library = vi.hoisted(() => ({ loaded: 0 }));
vi.mock('google-auth-library', async (original) => {
  library.loaded += 1;
  return original();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

test('google-auth-library is loaded by the first call, which says that there are no credentials', async () => {
  const { folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  // what the library would find: a key, the login of gcloud, the server of the machine
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
  vi.stubEnv('HOME', folder);
  vi.stubEnv('CLOUDSDK_CONFIG', folder);
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  const provider = gcpSecretManagerProvider({ project: 'shop' });
  const secrets = createSecrets({ providers: [provider] });
  secrets.status();
  await secrets.close();
  expect(library.loaded).toBe(0);
  const again = createSecrets({ providers: [{ provider, timeout: '30s' }], budget: '30s' });
  await expect(again.get('A')).rejects.toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
  expect(library.loaded).toBe(1);
  await again.close();
});

test('credentialVariables names the variable with the key, unless the program gives credentials', () => {
  const credentials = { getAccessToken: async () => 'token' };
  const variables = (options: object) => [
    ...(gcpSecretManagerProvider({ project: 'shop', ...options }).credentialVariables ?? []),
  ];
  expect(variables({})).toEqual(['GOOGLE_APPLICATION_CREDENTIALS']);
  expect(variables({ credentials })).toEqual([]);
});
