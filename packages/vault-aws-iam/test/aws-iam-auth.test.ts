/**
 * What a login sends, and what it says without credentials. That a server accepts it is in
 * `aws-iam-auth.provisioned.test.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import type { VaultAuth, VaultLoginContext } from '@keyfall/provider-vault';
import { assertNoLeak, temporaryFolder } from '@keyfall/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsIamAuthOptions, awsIamAuth } from '../src/index.ts';

const key = {
  accessKeyId: 'AKIDCANARY00001',
  secretAccessKey: 'canary-of-a-secret-access-key',
  sessionToken: 'canary-of-a-session-token',
};
const credentials = async () => key;

beforeEach(() => {
  // none of this machine's
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  vi.stubEnv('HOME', '/nowhere');
  vi.stubEnv('USERPROFILE', '/nowhere');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const context = { signal: new AbortController().signal } as VaultLoginContext;

/** A login, with what AWS would get of it. */
async function loginOf(options: AwsIamAuthOptions) {
  const login = await awsIamAuth(options).login(context);
  const text = (name: string) => Buffer.from(String(login.body[name]), 'base64').toString();
  const headers: Record<string, string> = JSON.parse(text('iam_request_headers'));
  return { login, headers, url: text('iam_request_url'), body: text('iam_request_body') };
}

async function failureOf(auth: VaultAuth): Promise<SecretError> {
  const error = await Promise.resolve(auth.login(context)).catch((thrown: unknown) => thrown);
  assertNoLeak(Object.values(key), error);
  if (!isSecretError(error)) throw new Error('there was no SecretError');
  return error;
}

describe('a login', () => {
  test('asks who this is, and holds neither the key nor another action', async () => {
    const { login, url, body } = await loginOf({ role: 'shop', credentials });
    expect(login).toMatchObject({
      path: 'auth/aws/login',
      body: { role: 'shop', iam_http_request_method: 'POST' },
    });
    expect([url, body]).toEqual([
      'https://sts.amazonaws.com/',
      'Action=GetCallerIdentity&Version=2011-06-15',
    ]);
    assertNoLeak(
      [key.secretAccessKey],
      login,
      Buffer.from(String(login.body['iam_request_headers']), 'base64').toString(),
    );
  });

  test.each([
    ['us-east-1', 'sts.amazonaws.com'],
    ['eu-central-1', 'sts.eu-central-1.amazonaws.com'],
    ['us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com'],
    ['cn-north-1', 'sts.cn-north-1.amazonaws.com.cn'],
  ])('for %s is for the STS there', async (region, host) => {
    const { url, headers } = await loginOf({ region, credentials });
    expect([url, headers['host']]).toEqual([`https://${host}/`, host]);
    expect(headers['authorization']).toContain(`/${region}/sts/aws4_request`);
  });

  test('has the id of the server inside its signature, and without a role none', async () => {
    const { login, headers } = await loginOf({
      serverId: 'vault.example.com',
      mount: 'eu/aws',
      credentials,
    });
    expect(headers['X-Vault-AWS-IAM-Server-ID']).toBe('vault.example.com');
    expect(headers['authorization']).toMatch(/SignedHeaders=[^,]*;x-vault-aws-iam-server-id,/);
    expect(login.path).toBe('auth/eu/aws/login');
    expect(login.body).not.toHaveProperty('role');
  });

  test('reads the credentials again, and is another one, of the same or another credential', async () => {
    let current = key;
    const auth = awsIamAuth({ credentials: async () => current });
    const first = await auth.login(context);
    const second = await auth.login(context);
    expect(second.body).not.toEqual(first.body);
    expect(second.credential).toBe(first.credential);
    current = { ...key, sessionToken: 'another' };
    expect((await auth.login(context)).credential).not.toBe(first.credential);
  });

  test('takes the variables of AWS, which a started program does not inherit', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', key.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', key.secretAccessKey);
    const { headers } = await loginOf({});
    expect(headers['authorization']).toContain(`Credential=${key.accessKeyId}/`);
    expect(awsIamAuth().credentialVariables).toContain('AWS_SECRET_ACCESS_KEY');
    expect(awsIamAuth({ credentials }).credentialVariables).toEqual([]);
  });
});

describe('there is no login', () => {
  test('without credentials, which is not authenticated', async () => {
    expect(await failureOf(awsIamAuth())).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
  });

  test('where the service that gives them cannot be reached, which is unavailable', async () => {
    const { folder, remove } = await temporaryFolder();
    await writeFile(join(folder, 'token'), 'a.web.identity');
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(folder, 'token'));
    vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/shop');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', 'http://127.0.0.1:1');
    expect(await failureOf(awsIamAuth())).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    await remove();
  });

  test('when the function fails, of whose error nothing is shown', async () => {
    const failing = (error: Error) => awsIamAuth({ credentials: () => Promise.reject(error) });
    expect(await failureOf(failing(new Error(key.secretAccessKey)))).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
    const own = new SecretError('ERR_SECRET_DENIED', 'its own reason');
    expect(await failureOf(failing(own))).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    const ofSdk = Object.assign(new Error(key.secretAccessKey), {
      name: 'CredentialsProviderError',
    });
    expect(await failureOf(failing(ofSdk))).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
  });

  test.each([
    [undefined],
    [{}],
    [{ accessKeyId: key.accessKeyId }],
    [{ ...key, secretAccessKey: '' }],
  ])('when the function gives no key: %j', async (found) => {
    const error = await failureOf(awsIamAuth({ credentials: async () => found as never }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', setting: { option: 'auth' } });
  });

  test.each(['', 'Frankfurt', 'eu-central-1a', 'eu-central-1.example.com/#', 'x'])(
    'for what is no region: %j',
    (region) => {
      expect(() => awsIamAuth({ region })).toThrow(
        expect.objectContaining({ code: 'ERR_SECRET_CONFIG', setting: { option: 'auth' } }),
      );
    },
  );
});
