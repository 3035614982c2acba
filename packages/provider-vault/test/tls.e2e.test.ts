/**
 * TLS in front of a real server: what is not trusted is never asked, and says why.
 */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls, { type TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { createSecrets, isSecretError, type SecretError } from '@keyfall/core';
import { assertNoLeak, faultyServer, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { vaultKv } from '../src/kv.ts';
import { canary, context, freshPath, readPolicy, tokenFor } from './harness.ts';
import { type TlsFront, tlsFront } from './tls-front.ts';

let server: VaultServer;
let token = '';
const path = freshPath();
const value = canary();
const endings: (() => void)[] = [];

beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, readPolicy('secret', path)));
});
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

const file = (name: string) => fileURLToPath(new URL(`certificates/${name}`, import.meta.url));

/** TLS before the server, with the committed certificate of this name. */
async function frontWith(name: string, options: TlsOptions = {}): Promise<TlsFront> {
  const [cert, key] = await Promise.all([
    readFile(file(`${name}.pem`)),
    readFile(file(`${name}.key`)),
  ]);
  const front = await tlsFront(server.address, { cert, key, ...options });
  endings.push(() => front.close());
  return front;
}

function read(options: VaultProviderOptions, said: string[] = []) {
  const provider = vaultProvider({ token, path, env: {}, ...options });
  endings.push(() => void provider.close?.());
  return provider.read('all', context({}, said));
}

async function errorOf(options: VaultProviderOptions): Promise<SecretError> {
  const error = await read(options).catch((reason: unknown) => reason);
  assertNoLeak([token, value], error);
  if (!isSecretError(error)) throw new Error('no SecretError');
  return error;
}

const held = { value };

test('a certificate of an authority that was given is trusted: as file, as text, as directory', async () => {
  const { address } = await frontWith('server');
  const ca = file('authority.pem');
  for (const given of [ca, await readFile(ca, 'utf8')])
    expect((await read({ address, tls: { ca: given } })).entries.get('A')).toMatchObject(held);
  const env = {
    VAULT_ADDR: address,
    VAULT_TOKEN: token,
    BAO_CACERT: ca,
    VAULT_CACERT: '/none',
  };
  const provider = vaultProvider({ path, env });
  endings.push(() => void provider.close?.());
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject(held);
});

test('tls.ca takes every file of a directory', async () => {
  const directory = await testFolder();
  await cp(file('stranger.pem'), join(directory, 'a.pem'));
  await cp(file('authority.pem'), join(directory, 'b.pem'));
  const { address } = await frontWith('server');
  expect((await read({ address, tls: { ca: directory } })).entries.get('A')).toMatchObject(held);
});

test.each([
  ['server', 'stranger.pem', 'not signed by an authority', 'VAULT_CACERT'],
  ['expired', 'authority.pem', 'has expired', 'clock'],
  ['future', 'authority.pem', 'not valid yet', 'clock'],
  ['wrong-host', 'authority.pem', 'for another name', 'VAULT_TLS_SERVER_NAME'],
])(
  'the certificate %s with the authority %s: the token never leaves',
  async (name, ca, reason, mend) => {
    const front = await frontWith(name);
    const error = await errorOf({ address: front.address, tls: { ca: file(ca) } });
    expect(error).toMatchObject({ code: 'ERR_SECRET_TLS', retryable: false });
    expect(error.reason).toContain(reason);
    expect(error.hint).toContain(mend);
    expect(front.attempts).toBe(1);
    expect(front.received).toBe('');
  },
);

test("without an authority given, the system's decide", async () => {
  const front = await frontWith('server');
  expect((await errorOf({ address: front.address })).code).toBe('ERR_SECRET_TLS');
  expect(front.received).toBe('');
});

test('tls.serverName is the name that is asked for and expected', async () => {
  const other = await frontWith('wrong-host');
  const { address } = other;
  const env = { BAO_TLS_SERVER_NAME: 'other.test', VAULT_TLS_SERVER_NAME: 'ignored.test' };
  const options = { address, tls: { ca: file('authority.pem'), serverName: 'other.test' } };
  expect((await read(options)).entries.get('A')).toMatchObject(held);
  const byVariable = { address, tls: { ca: file('authority.pem') }, env };
  expect((await read(byVariable)).entries.get('A')).toMatchObject(held);
  expect(other.peers.map(({ asked }) => asked)).toEqual(['other.test', 'other.test']);
  const front = await frontWith('server');
  const error = await errorOf({ ...options, address: front.address });
  expect(error.code).toBe('ERR_SECRET_TLS');
});

test('tls.skipVerify trusts any server, and says so once, naming what was set', async () => {
  const { address } = await frontWith('expired');
  const said: string[] = [];
  expect((await read({ address, tls: { skipVerify: true } }, said)).entries.get('A')).toMatchObject(
    held,
  );
  expect(said.join()).toContain('the option tls.skipVerify');

  const env = { BAO_SKIP_VERIFY: 't', VAULT_SKIP_VERIFY: 'false' };
  const secrets = createSecrets({ providers: [vaultProvider({ token, path, address, env })] });
  const warnings: string[] = [];
  secrets.on('warning', ({ message }) => warnings.push(message));
  expect(await secrets.get('A')).toBe(value);
  await secrets.set('B', value).catch(() => {}); // the policy does not allow it
  await secrets.close();
  expect(warnings).toEqual([expect.stringContaining('the variable BAO_SKIP_VERIFY')]);

  const told: string[] = [];
  const kv = vaultKv({ token, address, env, onWarning: (message) => told.push(message) });
  endings.push(() => void kv.close());
  for (let times = 0; times < 2; times += 1)
    expect((await kv.document(path).read())?.values.get('A')).toBe(value);
  expect(told).toEqual([expect.stringContaining('the variable BAO_SKIP_VERIFY')]);
});

test('a redirect from https to http is not followed, to a listed node neither', async () => {
  const plain = await faultyServer({ kind: 'status', status: 200 });
  const location = `${plain.address}/v1/secret/data/${path}`;
  const standby = await faultyServer({ kind: 'redirect', location });
  endings.push(
    () => void plain.close(),
    () => void standby.close(),
  );
  const [cert, key] = await Promise.all([
    readFile(file('server.pem')),
    readFile(file('server.key')),
  ]);
  const front = await tlsFront(standby.address, { cert, key });
  endings.push(() => front.close());
  const { address } = front;
  const nodes = [plain.address];
  const ca = file('authority.pem');
  const error = await errorOf({ address, nodes, tls: { ca }, kvVersion: 2, retry: { max: 0 } });
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).toContain(`redirects to ${plain.address}`);
  expect(standby.requests).toHaveLength(1);
  expect(plain.received()).toBe('');
});

test('VAULT_SKIP_VERIFY=false verifies', async () => {
  const { address } = await frontWith('expired');
  const error = await errorOf({ address, env: { VAULT_SKIP_VERIFY: 'false' } });
  expect(error.code).toBe('ERR_SECRET_TLS');
});

test('a client certificate is shown where one is asked for', async () => {
  const ca = await readFile(file('authority.pem'));
  const { address } = await frontWith('server', {
    requestCert: true,
    rejectUnauthorized: true,
    ca,
  });
  const options = { ca: file('authority.pem') };
  expect((await errorOf({ address, tls: options })).code).toBe('ERR_SECRET_TLS');
  const mutual = { ...options, cert: file('client.pem'), key: file('client.key') };
  expect((await read({ address, tls: mutual })).entries.get('A')).toMatchObject(held);
});

test('TLS 1.1 is refused, also where the process would speak it', async () => {
  const front = await frontWith('server', {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const { DEFAULT_MIN_VERSION: version, DEFAULT_CIPHERS: ciphers } = tls;
  try {
    Object.assign(tls, { DEFAULT_MIN_VERSION: 'TLSv1', DEFAULT_CIPHERS: 'DEFAULT@SECLEVEL=0' });
    const error = await errorOf({ address: front.address, tls: { ca: file('authority.pem') } });
    expect(error.code).toBe('ERR_SECRET_TLS');
    expect(error.hint).toContain('TLS 1.2');
  } finally {
    Object.assign(tls, { DEFAULT_MIN_VERSION: version, DEFAULT_CIPHERS: ciphers });
  }
  expect(front.received).toBe('');
});

test("what turns Node's own verification off does not turn off ours", async () => {
  const front = await frontWith('server');
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  // Node says that it is not safe
  const quiet = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  endings.push(
    () => vi.unstubAllEnvs(),
    () => quiet.mockRestore(),
  );
  const error = await errorOf({ address: front.address, tls: { ca: file('stranger.pem') } });
  expect(error.code).toBe('ERR_SECRET_TLS');
  expect(front.received).toBe('');
});

test('https to a port that speaks http is a wrong address, not a bad certificate, and the error says what to write', async () => {
  const error = await errorOf({ address: server.address.replace('http:', 'https:') });
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).not.toContain('certificate');
  expect(error.hint).toContain('http://');
});

test('http to a port that speaks https: as Go servers say it, a wrong address; else unavailable', async () => {
  const go = await faultyServer({
    kind: 'status',
    status: 400,
    body: 'Client sent an HTTP request to an HTTPS server.\n',
  });
  endings.push(() => void go.close());
  const error = await errorOf({ address: go.address });
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.hint).toContain('https://');

  const { address, received } = await frontWith('server');
  expect((await errorOf({ address: address.replace('https:', 'http:') })).code).toMatch(
    /UNAVAILABLE|INVALID/,
  );
  expect(received).toBe('');
});

const unusable: readonly (readonly [string, VaultProviderOptions, string])[] = [
  ['an authority that is not there', { tls: { ca: '/nowhere' } }, 'the option tls.ca'],
  ['by its variable', { env: { BAO_CACERT: '/nowhere' } }, 'the variable BAO_CACERT'],
  ['an authority that is a key', { tls: { ca: file('server.key') } }, 'the option tls.ca'],
  ['a directory that is not there', { env: { VAULT_CAPATH: '/nowhere' } }, 'VAULT_CAPATH'],
  ['a directory with other files', { tls: { ca: file('.') } }, 'the option tls.ca'],
  [
    'a certificate that is not there',
    { tls: { cert: '/nowhere', key: file('client.key') } },
    'the option tls.cert',
  ],
  [
    'a key that is not there',
    { env: { VAULT_CLIENT_CERT: file('client.pem'), BAO_CLIENT_KEY: '/nowhere' } },
    'the variable BAO_CLIENT_KEY',
  ],
  [
    "another certificate's key",
    { tls: { cert: file('client.pem'), key: file('server.key') } },
    'the option tls.cert or the option tls.key',
  ],
];

test.each(unusable)('%s is named at the first use', async (_, options, named) => {
  const front = await frontWith('server');
  const { address } = front;
  const error = await errorOf({
    address,
    ...options,
  });
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).toContain(named);
  expect(front.attempts).toBe(0);
});

test('an empty directory of authorities trusts no server, and is named', async () => {
  const ca = await testFolder();
  const { address } = await frontWith('server');
  const error = await errorOf({ address, tls: { ca } });
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).toContain('the option tls.ca');
});

test('a handshake that is never answered ends at the deadline', async () => {
  const hole = await faultyServer({ kind: 'black-hole' });
  endings.push(() => void hole.close());
  const provider = vaultProvider({
    token,
    path,
    env: {},
    address: hole.address.replace('http:', 'https:'),
  });
  const error = await provider.read('all', context({ limit: 200 })).catch((why: unknown) => why);
  expect(isSecretError(error, 'ERR_SECRET_UNAVAILABLE')).toBe(true);
  await provider.close?.();
  assertNoLeak([token], error, hole.received());
});
