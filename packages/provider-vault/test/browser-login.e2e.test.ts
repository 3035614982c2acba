/**
 * A login in a browser on a real server, with a stand-in for the identity provider. `fetch` stands in for the browser.
 */
import { isSecretError, type SecretError } from '@keyfall/core';
import { assertNoLeak, freePort, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vaultProvider } from '../src/index.ts';
import { type BrowserLoginOptions, browserLogin } from '../src/login.ts';
import { canary, context, enableAuth, freshPath, readPolicy } from './harness.ts';
import { type IdentityProvider, identityProvider } from './identity-provider.ts';

const value = canary();
const clientSecret = canary();
const path = freshPath();
let server: VaultServer;
let issuer: IdentityProvider;
let port = 0;
let policy = '';

beforeAll(async () => {
  server = await sharedVaultServer();
  issuer = await identityProvider('keyfall');
  port = await freePort();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  await enableAuth(server, 'oidc');
  await server.request('POST', 'auth/oidc/config', {
    oidc_discovery_url: issuer.origin,
    oidc_client_id: 'keyfall',
    oidc_client_secret: clientSecret,
    default_role: 'developer',
  });
  policy = await server.createPolicy(readPolicy('secret', path));
  await server.request('POST', 'auth/oidc/role/elsewhere', {
    role_type: 'oidc',
    user_claim: 'sub',
    allowed_redirect_uris: ['https://elsewhere.example.com/oidc/callback'],
  });
  await server.request('POST', 'auth/oidc/role/developer', {
    role_type: 'oidc',
    user_claim: 'sub',
    allowed_redirect_uris: [`http://localhost:${port}/oidc/callback`],
    token_policies: policy,
    token_ttl: '10m',
    bound_subject: 'ada',
  });
});
afterAll(() => issuer.close());

/** Goes where the page leads, as a browser does. */
const visit = async (page: string): Promise<void> => {
  await fetch(page);
};

const login = (more: Partial<BrowserLoginOptions> = {}) =>
  browserLogin({ address: server.address, port, env: {}, open: visit, ...more });

async function failureOf(call: Promise<unknown>): Promise<SecretError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSecretError(error)) throw new Error('no SecretError', { cause: error });
  assertNoLeak([value, clientSecret], error);
  return error;
}

test('a person gets a token of the role, and reads with it', async () => {
  issuer.become({ subject: 'ada' });
  const { token, duration, policies } = await login();
  expect(duration).toBe(600_000);
  expect(policies).toContain(policy);
  const provider = vaultProvider({ address: server.address, token, path, env: {} });
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  await provider.close?.();
});

test('what comes back with another state, another path or by another name is turned away', async () => {
  issuer.become({ subject: 'ada' });
  const answers: number[] = [];
  const open = async (page: string) => {
    const { searchParams } = new URL(page);
    const state = searchParams.get('state') ?? '';
    const back = `http://127.0.0.1:${port}/oidc/callback`;
    for (const url of [
      `${back}?state=another&code=theirs`,
      `${back}?code=theirs`,
      `http://127.0.0.1:${port}/?state=${state}&code=theirs`,
    ])
      answers.push((await fetch(url)).status);
    const { request } = await import('node:http');
    const host = await new Promise<number>((resolve) => {
      const headers = { host: 'evil.example.com' };
      const url = `${back}?state=${state}&code=theirs`;
      request(url, { headers }, ({ statusCode = 0 }) => resolve(statusCode)).end();
    });
    answers.push(host);
    void visit(page);
  };
  expect((await login({ open })).token).not.toBe('');
  expect(answers).toEqual([404, 404, 404, 404]);
});

test('a refusal of the identity provider is not authenticated', async () => {
  issuer.become({ error: 'access_denied' });
  expect(await failureOf(login())).toMatchObject({
    code: 'ERR_SECRET_UNAUTHENTICATED',
    reason: 'the identity provider refused the login (access_denied)',
  });
  issuer.become({ error: '<script>' });
  expect((await failureOf(login())).reason).toBe('the identity provider refused the login');
  issuer.become({ subject: 'eve' });
  expect(await failureOf(login())).toMatchObject({
    code: 'ERR_SECRET_UNAUTHENTICATED',
    reason: `${server.address} does not accept who has logged in`,
  });
});

test('an unknown role, a wrong mount and an address that is not allowed are wrong settings', async () => {
  expect(await failureOf(login({ role: 'nobody' }))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
  });
  expect(await failureOf(login({ mount: 'elsewhere' }))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { option: 'mount' },
  });
  expect(await failureOf(login({ role: 'elsewhere' }))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { option: 'role' },
  });
  const pages: string[] = [];
  await failureOf(login({ role: 'nobody', open: (page) => void pages.push(page) }));
  expect(pages).toEqual([]);
});

test('a browser that never comes back, an abort and a port in use', async () => {
  issuer.become({ subject: 'ada' });
  expect(await failureOf(login({ open: () => undefined, waitFor: 50 }))).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  const caller = new AbortController();
  const aborted = failureOf(login({ open: () => caller.abort(), signal: caller.signal }));
  expect(await aborted).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  const open = async (page: string) => {
    expect(await failureOf(login())).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { option: 'port' },
    });
    await visit(page);
  };
  expect((await login({ open })).token).not.toBe('');
});

test.each([
  [{ open: undefined }, 'open'],
  [{ port: 0 }, 'port'],
  [{ port: '8250' }, 'port'],
  [{ waitFor: 'long' }, 'waitFor'],
])('%j is refused', async (wrong, option) => {
  const error = await failureOf(login(wrong as unknown as Partial<BrowserLoginOptions>));
  expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', setting: { option } });
});
