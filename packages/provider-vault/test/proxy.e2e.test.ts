/**
 * A real server behind a real proxy: what the proxy is asked, what it sees, and what its refusals are.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isSecretError, type SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, faultyServer, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context, freshPath, readPolicy, tokenFor, wires } from './harness.ts';
import { type TlsFront, tlsFront } from './tls-front.ts';

let server: VaultServer;
let front: TlsFront;
let token = '';
const path = freshPath();
const value = canary();
const password = canary();
const endings: (() => unknown)[] = [];
const file = (name: string) => fileURLToPath(new URL(`certificates/${name}`, import.meta.url));

beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, readPolicy('secret', path)));
  const [cert, key] = await Promise.all([
    readFile(file('server.pem')),
    readFile(file('server.key')),
  ]);
  front = await tlsFront(server.address, { cert, key });
});
afterAll(async () => {
  front?.close();
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

interface Proxy {
  readonly address: string;
  /** `host:port` and the credentials of each CONNECT. */
  readonly asked: readonly {
    readonly target: string;
    readonly authorization: string | undefined;
  }[];
  /** Everything that went through it, both ways. */
  seen(): string;
}

/** A proxy. `answer`: what it says instead of connecting. */
async function proxy(answer?: string): Promise<Proxy> {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const open = new Set<Socket>();
  let seen = '';
  const listening: Server = createServer();
  listening.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  listening.on('connect', ({ url = '', headers }, client: Socket) => {
    asked.push({ target: url, authorization: headers['proxy-authorization'] });
    client.on('error', () => {});
    if (answer !== undefined) {
      client.end(answer);
      return;
    }
    const upstream = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.on('data', (bytes) => {
        seen += bytes.toString('latin1');
        upstream.write(bytes);
      });
      upstream.on('data', (bytes) => {
        seen += bytes.toString('latin1');
        client.write(bytes);
      });
    });
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.on('end', () => client.destroy()).on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    listening.close();
    for (const socket of open) socket.destroy();
  });
  const { port } = listening.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}`, asked, seen: () => seen };
}

function providerFor(options: VaultProviderOptions): SecretProvider {
  const provider = vaultProvider({
    address: front.address,
    token,
    path,
    kvVersion: 2,
    env: {},
    ...options,
    tls: { ca: file('authority.pem'), ...options.tls },
  });
  endings.push(() => provider.close?.());
  return provider;
}

async function errorOf(provider: SecretProvider, limit = 20_000): Promise<SecretError> {
  const error = await provider.read('all', context({ limit })).catch((why: unknown) => why);
  assertNoLeak([token, value, password], error, provider);
  if (!isSecretError(error)) throw new Error('no SecretError');
  return error;
}

const target = () => new URL(front.address).host;

describe.each(['direct', 'node-vault'] as const)('wire %s', (wire) => {
  test('the server is reached through it, on one connection, and it sees neither token nor value', async () => {
    const through = await proxy();
    const provider = providerFor({ wire: wires[wire], env: { VAULT_PROXY_ADDR: through.address } });
    for (let reads = 0; reads < 3; reads += 1) {
      const { entries } = await provider.read('all', context());
      expect(entries.get('A')).toMatchObject({ value });
    }
    expect(through.asked).toEqual([{ target: target(), authorization: undefined }]);
    expect(through.seen().length).toBeGreaterThan(500);
    assertNoLeak([token, value], through.seen());
  });
});

test('its credentials go to it, and not to the server', async () => {
  const through = await proxy();
  const address = through.address.replace('//', `//us%40er:${password}@`);
  await providerFor({ proxy: address }).read('all', context());
  const pair = Buffer.from(`us@er:${password}`).toString('base64');
  expect(through.asked).toEqual([{ target: target(), authorization: `Basic ${pair}` }]);
  expect(front.received).not.toContain(password);
  expect(front.received.toLowerCase()).not.toContain('proxy-authorization');
});

test('the certificate is still checked against the name of the server', async () => {
  const through = await proxy();
  const stranger = providerFor({ proxy: through.address, tls: { ca: file('stranger.pem') } });
  expect((await errorOf(stranger)).code).toBe('ERR_SECRET_TLS');
  const other = providerFor({ proxy: through.address, tls: { serverName: 'other.test' } });
  expect((await errorOf(other)).code).toBe('ERR_SECRET_TLS');
});

test.each([
  [407, 'ERR_SECRET_CONFIG', 'user:password'],
  [403, 'ERR_SECRET_CONFIG', 'allows'],
  [405, 'ERR_SECRET_CONFIG', 'VAULT_PROXY_ADDR'],
  [502, 'ERR_SECRET_UNAVAILABLE', 'VAULT_PROXY_ADDR'],
  [503, 'ERR_SECRET_UNAVAILABLE', 'VAULT_PROXY_ADDR'],
])('a proxy that answers %i', async (status, code, hint) => {
  const through = await proxy(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
  const error = await errorOf(
    providerFor({ proxy: through.address.replace('//', `//user:${password}@`) }),
  );
  expect(error.code).toBe(code);
  expect(error.reason).toContain(through.address);
  expect(error.reason).toContain(String(status));
  expect(error.hint).toContain(hint);
  // what is only busy is asked again
  expect(through.asked).toHaveLength(code === 'ERR_SECRET_CONFIG' ? 1 : 3);
});

test('a proxy that puts in words of its own is not believed', async () => {
  const through = await proxy('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{"data":{}}');
  const error = await errorOf(providerFor({ proxy: through.address, retry: { max: 0 } }));
  expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
});

test('a proxy that is not there, one that hangs, and one that ends', async () => {
  const gone = await errorOf(providerFor({ proxy: 'http://127.0.0.1:1', retry: { max: 0 } }));
  expect(gone.code).toBe('ERR_SECRET_UNAVAILABLE');
  expect(gone.reason).toContain('http://127.0.0.1:1');

  const hole = await faultyServer({ kind: 'black-hole' });
  endings.push(() => hole.close());
  const hung = await errorOf(providerFor({ proxy: hole.address }), 200);
  expect(hung.code).toBe('ERR_SECRET_UNAVAILABLE');
  while (hole.openConnections > 0) await new Promise(setImmediate); // nothing is left behind

  const cut = await faultyServer({ kind: 'reset' });
  endings.push(() => cut.close());
  const ended = await errorOf(providerFor({ proxy: cut.address, retry: { max: 0 } }));
  expect(ended.code).toBe('ERR_SECRET_UNAVAILABLE');
});

test('a tunnel through which something else than a Vault server answers is ended without harm, and another one is made', async () => {
  const stranger = await faultyServer({ kind: 'html' });
  const credentials = await Promise.all([
    readFile(file('server.pem')),
    readFile(file('server.key')),
  ]);
  const before = await tlsFront(stranger.address, { cert: credentials[0], key: credentials[1] });
  endings.push(
    () => before.close(),
    () => stranger.close(),
  );
  const through = await proxy();
  const provider = providerFor({ proxy: through.address, address: before.address });
  for (let times = 0; times < 2; times += 1)
    expect((await errorOf(provider)).code).toBe('ERR_SECRET_INVALID');
  expect(through.asked).toHaveLength(2);
});

test('a tunnel in which the handshake is not answered ends with its request', async () => {
  const hole = await faultyServer({ kind: 'black-hole' });
  endings.push(() => hole.close());
  const through = await proxy();
  const address = hole.address.replace('http:', 'https:');
  const error = await errorOf(providerFor({ proxy: through.address, address }), 1_000);
  expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
  expect(through.asked).toHaveLength(1);
  while (hole.openConnections > 0) await new Promise(setImmediate);
});
