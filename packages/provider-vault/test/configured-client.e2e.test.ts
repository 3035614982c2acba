/**
 * A team's own node-vault client, the real one, on a real server: what is taken from it, what is
 * refused, and that it stays as it was.
 */
import { readFile } from 'node:fs/promises';
import { isSecretError, type SecretError } from '@keyfall/core';
import { assertNoLeak, faultyServer, startVaultServer, type VaultServer } from '@keyfall/testkit';
import nodeVault from 'node-vault';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context, failureOf, freshPath, readPolicy, tokenFor } from './harness.ts';
import { tlsFront } from './tls-front.ts';

let server: VaultServer;
let token = '';
const path = freshPath();
const value = canary();
beforeAll(async () => {
  server = await startVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, readPolicy('secret', path)));
});
afterAll(() => server?.stop());

const env = {
  VAULT_ADDR: 'http://127.0.0.1:1',
  VAULT_TOKEN: 'another',
  VAULT_NAMESPACE: 'another',
};

async function read(options: VaultProviderOptions): Promise<unknown> {
  const provider = vaultProvider({ path, env, ...options });
  try {
    const { entries } = await provider.read('all', context());
    return entries.get('A');
  } finally {
    await provider.close?.();
  }
}

function errorOf(options: VaultProviderOptions): SecretError {
  try {
    vaultProvider({ path, env, ...options });
  } catch (error) {
    assertNoLeak([token, value, 'hidden-header'], error);
    if (isSecretError(error, 'ERR_SECRET_CONFIG')) return error;
    throw error;
  }
  throw new Error('did not throw');
}

/** All own members with their descriptors, so that a change of any shows. */
const membersOf = (client: object) => Object.getOwnPropertyDescriptors(client);

test.each(['direct', 'node-vault'] as const)(
  'its endpoint and token are used over our transport, by wire %s, and it is not changed',
  async (wire) => {
    const client = nodeVault({ endpoint: `${server.address}/`, token });
    const before = membersOf(client);
    expect(await read({ client, wire })).toMatchObject({ value });
    expect(membersOf(client)).toEqual(before);
    expect(client.listenerCount('token:renewed')).toBe(0);
    // it still works by itself
    expect((await client.read(`secret/data/${path}`)).data.data).toEqual({ A: value });
  },
);

test('its token is the one that it has when a request goes out', async () => {
  const client = nodeVault({ endpoint: server.address });
  client.token = '';
  const provider = vaultProvider({ path, env, client });
  const error = await provider.read('all', context()).catch((reason: unknown) => reason);
  expect(isSecretError(error, 'ERR_SECRET_CONFIG') && error.reason).toContain('the option client');
  client.token = token; // as its own logins set it
  const { entries } = await provider.read('all', context());
  expect(entries.get('A')).toMatchObject({ value });
  await provider.close?.();
});

test('its namespace and prefix are used', async () => {
  const answer = { data: { data: { A: value }, metadata: { version: 1 } } };
  const proxy = await faultyServer({ kind: 'status', status: 200, body: answer });
  const client = nodeVault({
    endpoint: `${proxy.address}/vault`,
    token,
    namespace: 'team-a/',
    pathPrefix: '/edge',
  });
  try {
    expect(await read({ client, kvVersion: 2 })).toMatchObject({ value });
    const [request] = proxy.requests;
    expect(request?.target).toBe(`/vault/v1/edge/secret/data/${path}`);
    expect(request?.headers).toMatchObject({
      'x-vault-namespace': 'team-a',
      'x-vault-token': token,
    });
  } finally {
    await proxy.close();
  }
});

test.each<[string, object, string]>([
  ['headers', { headers: { 'X-Edge': 'hidden-header' } }, ''],
  ['strictSSL', { strictSSL: false }, 'skipVerify'],
  ['ca', { ca: 'PEM' }, 'caCert'],
  ['key', { cert: 'PEM', key: 'PEM' }, 'clientKey'],
  ['timeout', { timeout: 10 }, 'timeout'],
  ['proxy', { proxy: 'http://user:hidden-header@proxy' }, 'proxy'],
  ['agentOptions', { agentOptions: { rejectUnauthorized: false } }, 'caCert'],
  ['httpsAgent', { httpsAgent: { keepAlive: true, password: 'hidden-header' } }, 'proxy'],
])('%s among its request options cannot be carried over, and is refused', (name, more, hint) => {
  const client = nodeVault({ endpoint: server.address, token, requestOptions: more });
  const before = membersOf(client);
  const error = errorOf({ client });
  expect(error.reason).toContain('the option client');
  expect(error.reason).toContain(name);
  expect(error.hint).toContain(hint);
  expect(membersOf(client)).toEqual(before);
});

test('request options that say nothing are none', async () => {
  const requestOptions = { headers: {}, timeout: undefined } as object;
  const client = nodeVault({ endpoint: server.address, token, requestOptions });
  expect(await read({ client })).toMatchObject({ value });
});

test('rpDefaults, which cannot be seen, never loosen anything: a certificate is checked, and the mend is ours', async () => {
  const pem = (name: string) => readFile(new URL(`certificates/${name}`, import.meta.url));
  const [cert, key] = await Promise.all([pem('server.pem'), pem('server.key')]);
  const front = await tlsFront(server.address, { cert, key });
  try {
    const client = nodeVault({
      endpoint: front.address,
      token,
      rpDefaults: { strictSSL: false },
    } as nodeVault.VaultOptions);
    // by itself it trusts anybody
    expect((await client.read(`secret/data/${path}`)).data.data).toEqual({ A: value });
    const { length } = front.received;
    const error = await failureOf(read({ client }), token);
    expect(error.code).toBe('ERR_SECRET_TLS');
    expect(error.hint).toContain('caCert');
    expect(front.received).toHaveLength(length);
    const caCertPem = String(await pem('authority.pem'));
    expect(await read({ client, caCertPem })).toMatchObject({ value });
  } finally {
    front.close();
  }
});

test('a transport of its own, which cannot be seen either, is sent nothing', async () => {
  const asked: unknown[] = [];
  const transport = async (options: unknown) => {
    asked.push(options);
    return {
      statusCode: 200,
      body: { data: { data: { A: 'elsewhere' }, metadata: { version: 1 } } },
    };
  };
  const client = nodeVault({
    endpoint: server.address,
    token,
    'request-promise': { defaults: () => transport },
  } as nodeVault.VaultOptions);
  expect(await read({ client })).toMatchObject({ value });
  expect(asked).toEqual([]);
});

test.each<[string, (client: ReturnType<typeof nodeVault>) => object, string]>([
  ['an object of another kind', () => ({ endpoint: 'http://a' }), 'not a client of node-vault'],
  ['null', () => null as never, 'not a client of node-vault'],
  ['one that is frozen', (client) => Object.freeze(client), 'not a client of node-vault'],
  [
    'another version of the API',
    (client) => Object.assign(client, { apiVersion: 'v2' }),
    'apiVersion',
  ],
  [
    'an endpoint that is none',
    (client) => Object.assign(client, { endpoint: 'vault' }),
    'endpoint',
  ],
  ['a prefix upwards', (client) => Object.assign(client, { pathPrefix: '/../sys' }), 'pathPrefix'],
])('%s is refused by name', (_, change, named) => {
  const client = change(nodeVault({ endpoint: server.address, token })) as never;
  const { reason } = errorOf({ client });
  expect(reason).toContain('the option client');
  expect(reason).toContain(named);
});

test.each<VaultProviderOptions>([
  { address: 'http://127.0.0.1:1' },
  { token: 'another' },
  { tokenFile: '/token' },
  { tokenHelper: true },
  { namespace: 'another' },
])('%o beside it is refused', (more) => {
  const client = nodeVault({ endpoint: server.address, token });
  const { reason } = errorOf({ client, ...more });
  expect(reason).toContain('client');
  expect(reason).toContain(Object.keys(more)[0]);
});
