/**
 * Certificates that are renewed while a program runs: new connections are made with the files as they
 * are, and what is half done or broken never takes down what works.
 */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError, type SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  freePort,
  sharedVaultServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, newAuthority, type Pair } from '../../../test/authority.ts';
import { testFolder } from '../../../test/test-folder.ts';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context, eventually, freshPath, readPolicy, tokenFor } from './harness.ts';
import { type TlsFront, tlsFront } from './tls-front.ts';

let server: VaultServer;
let token = '';
let authority: Authority;
let another: Authority;
let ofServer: Pair;
const path = freshPath();
const value = canary();
const endings: (() => unknown)[] = [];

beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, readPolicy('secret', path)));
  authority = await newAuthority(server);
  another = await newAuthority(server);
  ofServer = await authority.issue('vault.test');
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

let folder = '';
beforeEach(async () => {
  folder = await testFolder();
});

/** Replaces a file as careful programs do, and returns its path. */
async function put(name: string, text: string): Promise<string> {
  const target = join(folder, name);
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
  return target;
}

async function front(options: object = {}): Promise<TlsFront> {
  const made = await tlsFront(server.address, { ...ofServer, ...options });
  endings.push(() => made.close());
  return made;
}

function providerFor(options: VaultProviderOptions): SecretProvider {
  const provider = vaultProvider({ token, path, env: {}, kvVersion: 2, ...options });
  endings.push(() => provider.close?.());
  return provider;
}

async function reads(provider: SecretProvider): Promise<void> {
  const { entries } = await provider.read('all', context());
  expect(entries.get('A')).toMatchObject({ value });
}

async function errorOf(provider: SecretProvider): Promise<SecretError> {
  const error = await provider.read('all', context()).catch((reason: unknown) => reason);
  assertNoLeak([token, value, ofServer.key], error, provider);
  if (!isSecretError(error)) throw new Error('no SecretError');
  return error;
}

describe('a client certificate', () => {
  let before: Pair;
  let after: Pair;
  let mutual: TlsFront;
  let provider: SecretProvider;
  const names = () => mutual.peers.map(({ name }) => name);
  beforeEach(async () => {
    before = await authority.issue('before.test');
    after = await authority.issue('after.test');
    const ca = authority.pem;
    mutual = await front({ requestCert: true, rejectUnauthorized: true, ca });
    provider = providerFor({
      address: mutual.address,
      tls: {
        ca: authority.pem,
        cert: await put('client.pem', before.cert),
        key: await put('client.key', before.key),
      },
    });
    await reads(provider);
  });

  test('that was renewed is shown by the next request', async () => {
    await reads(provider);
    expect(names()).toEqual(['before.test']); // one connection, kept
    await put('client.pem', after.cert);
    await put('client.key', after.key);
    await reads(provider);
    expect(names()).toEqual(['before.test', 'after.test']);
    while (mutual.openConnections > 1) await new Promise(setImmediate); // the idle one is ended
  });

  test('whose renewal is half done is used as it was until it is whole', async () => {
    await put('client.pem', after.cert);
    await reads(provider);
    mutual.cut();
    await reads(provider);
    expect(names()).toEqual(['before.test', 'before.test']);
    await put('client.key', after.key);
    await reads(provider);
    expect(names()).toEqual(['before.test', 'before.test', 'after.test']);
  });

  test('that was removed is used on; once it is refused, the file is named', async () => {
    await rm(join(folder, 'client.key'));
    mutual.cut();
    await reads(provider);
    // no cipher of this list goes with the server's own key: it refuses every handshake
    mutual.become({ ...ofServer, maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' });
    mutual.cut();
    const error = await errorOf(provider);
    expect(error.message).toContain('the option tls.key');
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    mutual.become({ ...ofServer, requestCert: true, ca: authority.pem });
    await put('client.pem', after.cert);
    await put('client.key', after.key);
    await reads(provider);
    expect(names().at(-1)).toBe('after.test');
  });

  test('that was renewed does not cut what is under way', async () => {
    const release = mutual.hold();
    const waiting = reads(provider);
    const { length } = mutual.received;
    while (mutual.received.length === length) await new Promise(setImmediate);
    await put('client.pem', after.cert);
    await put('client.key', after.key);
    const renewed = reads(provider);
    while (names().length < 2) await new Promise(setImmediate);
    release();
    await Promise.all([waiting, renewed]);
    expect(names()).toEqual(['before.test', 'after.test']);
  });
});

test('authorities that were replaced in their file decide about the next connection', async () => {
  const renewed = await another.issue('vault.test');
  const made = await front();
  const provider = providerFor({
    address: made.address,
    tls: { ca: await put('ca.pem', authority.pem) },
  });
  await reads(provider);
  made.become(renewed);
  made.cut();
  expect((await errorOf(provider)).code).toBe('ERR_SECRET_TLS');
  await put('ca.pem', another.pem);
  await reads(provider);
  // the authority of before is trusted no more, nor is a session that it vouched for
  made.become(ofServer);
  made.cut();
  expect((await errorOf(provider)).code).toBe('ERR_SECRET_TLS');
  await put('ca.pem', authority.pem + another.pem);
  await reads(provider);
});

test.each([
  ['the second of two', (first: string, second: string) => first + second.slice(0, 300)],
  ['the first of two', (first: string) => first.slice(0, 300)],
  ['nothing', () => ''],
])('of authorities of which %s is half there, those of before are trusted', async (_, half) => {
  const made = await front();
  const ca = await put('ca.pem', authority.pem + another.pem);
  const provider = providerFor({ address: made.address, tls: { ca } });
  await reads(provider);
  await writeFile(ca, half(authority.pem, another.pem));
  made.become(await another.issue('vault.test'));
  made.cut();
  await reads(provider);
});

test('authorities that were overwritten with something else are named when they are missed', async () => {
  const made = await front();
  const ca = await put('ca.pem', authority.pem);
  const provider = providerFor({ address: made.address, tls: { ca } });
  await reads(provider);
  await put('ca.pem', 'not yet written');
  made.cut();
  await reads(provider);
  made.become(await another.issue('vault.test'));
  made.cut();
  const error = await errorOf(provider);
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).toContain('the option tls.ca');
  await put('ca.pem', another.pem);
  await reads(provider);
});

test('no connection rests on the certificate of an earlier one', async () => {
  const made = await front();
  const provider = providerFor({ address: made.address, tls: { ca: authority.pem } });
  for (let connections = 0; connections < 3; connections += 1) {
    await reads(provider);
    made.cut();
  }
  expect(made.peers).toHaveLength(3);
  expect(made.resumed).toBe(0);
});

test('a file that was not there is read once it is', async () => {
  const { address } = await front();
  const ca = join(folder, 'ca.pem');
  const provider = providerFor({ address, tls: { ca } });
  expect((await errorOf(provider)).code).toBe('ERR_SECRET_CONFIG');
  await put('ca.pem', authority.pem);
  await reads(provider);
});

test('a mounted Kubernetes volume is a directory of authorities, and is swapped as one', async () => {
  const ca = join(folder, 'volume');
  const store = async (name: string, pem: string) => {
    await mkdir(join(ca, name), { recursive: true });
    await writeFile(join(ca, name, 'ca.crt'), pem);
    await symlink(name, join(ca, '..data.new'));
    await rename(join(ca, '..data.new'), join(ca, '..data'));
  };
  await store('..2026_01', another.pem);
  await symlink(join('..data', 'ca.crt'), join(ca, 'ca.crt'));
  const { address } = await front();
  const provider = providerFor({ address, tls: { ca } });
  expect((await errorOf(provider)).code).toBe('ERR_SECRET_TLS');
  await store('..2026_02', authority.pem);
  await reads(provider);
});

test('hundred reads at once look at the files together', async () => {
  const made = await front();
  const ca = await put('ca.pem', authority.pem);
  const provider = providerFor({ address: made.address, tls: { ca } });
  await Promise.all(Array.from({ length: 100 }, () => reads(provider)));
  await reads(provider);
  expect(made.attempts).toBeLessThanOrEqual(100);
  expect(made.peers).toHaveLength(made.attempts);
});

test('mTLS with OpenBao itself', async () => {
  const pair = await authority.issue('shop.test');
  const [cert, key, ca] = [
    await put('server.pem', ofServer.cert),
    await put('server.key', ofServer.key),
    await put('ca.pem', authority.pem),
  ];
  const port = await freePort();
  const config = await put(
    'tls.hcl',
    `listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_cert_file = "${cert}"
  tls_key_file = "${key}"
  tls_client_ca_file = "${ca}"
  tls_require_and_verify_client_cert = true
}`,
  );
  const secured = await startVaultServer({ external: false, args: [`-config=${config}`] });
  endings.push(() => secured.stop());
  await secured.request('POST', `secret/data/${path}`, { data: { A: value } });
  const env = {
    VAULT_ADDR: `https://127.0.0.1:${port}`,
    BAO_TOKEN: secured.token,
    VAULT_TOKEN: token,
    BAO_CACERT: ca,
    VAULT_TLS_SERVER_NAME: 'vault.test',
    BAO_SKIP_VERIFY: 'false',
  };
  const identity = {
    VAULT_CLIENT_CERT: await put('client.pem', pair.cert),
    BAO_CLIENT_KEY: await put('client.key', pair.key),
  };
  const provider = vaultProvider({ path, env: { ...env, ...identity } });
  endings.push(() => provider.close?.());
  await reads(provider);
  const stranger = vaultProvider({ path, env });
  endings.push(() => stranger.close?.());
  expect((await errorOf(stranger)).code).toBe('ERR_SECRET_TLS');
});

test('a provider that is closed leaves no connection open', async () => {
  const made = await front();
  const provider = providerFor({ address: made.address, tls: { ca: authority.pem } });
  await reads(provider);
  expect(made.openConnections).toBe(1);
  await provider.close?.();
  await eventually(() => expect(made.openConnections).toBe(0), 5_000);
});
