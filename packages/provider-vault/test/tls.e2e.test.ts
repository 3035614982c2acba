/**
 * TLS in front of a real server: what is not trusted is never asked, and says why.
 */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { createSecrets, isSecretError, type SecretError } from '@keyfall/core';
import { assertNoLeak, faultyServer, startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context, freshPath, readPolicy, tokenFor } from './harness.ts';

let server: VaultServer;
let token = '';
const path = freshPath();
const value = canary();
const endings: (() => void)[] = [];

beforeAll(async () => {
  server = await startVaultServer({ external: false });
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, readPolicy('secret', path)));
});
afterAll(() => server.stop());
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

const file = (name: string) => fileURLToPath(new URL(`certificates/${name}`, import.meta.url));

interface TlsFront {
  /** `https://127.0.0.1:PORT` */
  readonly address: string;
  /** Handshakes that were tried. */
  readonly attempts: number;
  /** What came through the handshake. */
  readonly received: string;
}

/** TLS before the server, with this certificate. */
async function tlsFront(name: string, options: TlsOptions = {}): Promise<TlsFront> {
  const [cert, key] = await Promise.all([
    readFile(file(`${name}.pem`)),
    readFile(file(`${name}.key`)),
  ]);
  let attempts = 0;
  let received = '';
  const front = createServer({ cert, key, ...options }, (socket) => {
    const upstream = connect(Number(new URL(server.address).port), '127.0.0.1');
    socket.on('data', (bytes) => {
      received += bytes.toString();
    });
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  front.on('connection', () => {
    attempts += 1;
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  endings.push(() => front.close());
  const { port } = front.address() as AddressInfo;
  return {
    address: `https://127.0.0.1:${port}`,
    get attempts() {
      return attempts;
    },
    get received() {
      return received;
    },
  };
}

function read(options: VaultProviderOptions, said: string[] = []) {
  const provider = vaultProvider({ token, path, env: {}, ...options });
  endings.push(() => void provider.close?.());
  return provider.read('all', context({}, said));
}

async function errorOf(options: VaultProviderOptions): Promise<SecretError> {
  const error = await read(options).catch((reason: unknown) => reason);
  assertNoLeak([token, value], error);
  if (!isSecretError(error)) throw new Error('did not reject with a SecretError');
  return error;
}

const held = { value };

test('a certificate of an authority that was given is trusted: as file, as text, as directory', async () => {
  const { address } = await tlsFront('server');
  const caCert = file('authority.pem');
  const caCertPem = await readFile(caCert, 'utf8');
  for (const option of [{ caCert }, { caCertPem }])
    expect((await read({ address, ...option })).entries.get('A')).toMatchObject(held);
  const env = {
    VAULT_ADDR: address,
    VAULT_TOKEN: token,
    BAO_CACERT: caCert,
    VAULT_CACERT: '/none',
  };
  const provider = vaultProvider({ path, env });
  endings.push(() => void provider.close?.());
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject(held);
});

test('caPath takes every file of a directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'keyfall-ca-'));
  endings.push(() => void rm(directory, { recursive: true }));
  await cp(file('stranger.pem'), join(directory, 'a.pem'));
  await cp(file('authority.pem'), join(directory, 'b.pem'));
  const { address } = await tlsFront('server');
  expect((await read({ address, caPath: directory })).entries.get('A')).toMatchObject(held);
});

test.each([
  ['server', 'stranger.pem', 'not signed by an authority'],
  ['expired', 'authority.pem', 'has expired'],
  ['future', 'authority.pem', 'not valid yet'],
  ['wrong-host', 'authority.pem', 'for another name'],
])('the certificate %s with the authority %s: the token never leaves', async (name, ca, reason) => {
  const front = await tlsFront(name);
  const error = await errorOf({ address: front.address, caCert: file(ca) });
  expect(error).toMatchObject({ code: 'ERR_SECRET_TLS', retryable: false });
  expect(error.reason).toContain(reason);
  expect(front.attempts).toBe(1);
  expect(front.received).toBe('');
});

test("without an authority given, the system's decide", async () => {
  const front = await tlsFront('server');
  expect((await errorOf({ address: front.address })).code).toBe('ERR_SECRET_TLS');
  expect(front.received).toBe('');
});

test('tlsServerName is the name that is expected', async () => {
  const { address } = await tlsFront('wrong-host');
  const options = { address, caCert: file('authority.pem'), tlsServerName: 'other.test' };
  expect((await read(options)).entries.get('A')).toMatchObject(held);
  const front = await tlsFront('server');
  const error = await errorOf({ ...options, address: front.address });
  expect(error.code).toBe('ERR_SECRET_TLS');
});

test('skipVerify trusts anybody, and says so once, naming what was set', async () => {
  const { address } = await tlsFront('expired');
  const said: string[] = [];
  expect((await read({ address, skipVerify: true }, said)).entries.get('A')).toMatchObject(held);
  expect(said.join()).toContain('the option skipVerify');

  const env = { BAO_SKIP_VERIFY: 't', VAULT_SKIP_VERIFY: 'false' };
  const secrets = createSecrets({ providers: [vaultProvider({ token, path, address, env })] });
  const warnings: string[] = [];
  secrets.on('warning', ({ message }) => warnings.push(message));
  expect(await secrets.get('A')).toBe(value);
  await secrets.set('B', value).catch(() => {}); // the policy does not allow it
  await secrets.close();
  expect(warnings).toEqual([expect.stringContaining('the variable BAO_SKIP_VERIFY')]);
});

test('VAULT_SKIP_VERIFY=false verifies', async () => {
  const { address } = await tlsFront('expired');
  const error = await errorOf({ address, env: { VAULT_SKIP_VERIFY: 'false' } });
  expect(error.code).toBe('ERR_SECRET_TLS');
});

test('a client certificate is shown where one is asked for', async () => {
  const ca = await readFile(file('authority.pem'));
  const { address } = await tlsFront('server', { requestCert: true, rejectUnauthorized: true, ca });
  const options = { address, caCert: file('authority.pem') };
  expect((await errorOf(options)).code).toBe('ERR_SECRET_TLS');
  const mutual = { ...options, clientCert: file('client.pem'), clientKey: file('client.key') };
  expect((await read(mutual)).entries.get('A')).toMatchObject(held);
});

test('TLS 1.1 is refused', async () => {
  const { address } = await tlsFront('server', {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const error = await errorOf({ address, caCert: file('authority.pem') });
  expect(error.code).toBe('ERR_SECRET_TLS');
});

test('https to a port that speaks http is a wrong address, not a bad certificate, and says the mend', async () => {
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

  const { address, received } = await tlsFront('server');
  expect((await errorOf({ address: address.replace('https:', 'http:') })).code).toMatch(
    /UNAVAILABLE|INVALID/,
  );
  expect(received).toBe('');
});

test('files that are not what they should be are named', async () => {
  const { address } = await tlsFront('server');
  const caCert = file('authority.pem');
  const noPem = await errorOf({ address, caCert: file('server.key') });
  const swapped = await errorOf({
    address,
    caCert,
    clientCert: file('client.pem'),
    clientKey: file('server.key'),
  });
  expect(noPem.code).toMatch(/CONFIG|TLS/);
  expect(swapped.code).toBe('ERR_SECRET_CONFIG');
  expect(swapped.message).toContain('clientKey');
});

test.each(['caCert', 'caPath', 'clientCert'])('%s that cannot be read is named', async (option) => {
  const { address } = await tlsFront('server');
  const key = option === 'clientCert' ? { clientKey: file('client.key') } : {};
  const error = await errorOf({ address, [option]: '/nowhere/at-all', ...key });
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).toContain(option);
});
