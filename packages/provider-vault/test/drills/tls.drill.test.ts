/**
 * Certificates that are wrong, or become so while a client is connected: never asked, never repeated,
 * never fallen back from, and recovered from without a restart.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { memoryProvider } from '@keyfall/core';
import { findVaultBinary } from '@keyfall/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { type VaultProviderOptions, type VaultTlsOptions, vaultProvider } from '../../src/index.ts';
import { type Front, frontOf } from '../front.ts';
import { canary, context, eventually } from '../harness.ts';
import { type TlsFront, tlsFront } from '../tls-front.ts';
import { canaries, drill, endings, path, plain, server, stage, token, value } from './stage.ts';

stage();

const file = (name: string) => fileURLToPath(new URL(`../certificates/${name}`, import.meta.url));
const pair = async (name: string): Promise<SecureContextOptions> => ({
  cert: await readFile(file(`${name}.pem`)),
  key: await readFile(file(`${name}.key`)),
});

async function front(name: string, more: TlsOptions = {}): Promise<TlsFront> {
  const made = await tlsFront(server.address, { ...(await pair(name)), ...more });
  endings.push(() => made.close());
  return made;
}

const trusting = { ca: file('authority.pem') };

function providerAt(
  address: string,
  tls: VaultTlsOptions = trusting,
  more: VaultProviderOptions = {},
) {
  const provider = vaultProvider({ address, path, token, kvVersion: 2, env: {}, tls, ...more });
  endings.push(() => provider.close?.());
  return provider;
}

const dotenv = () => memoryProvider({ A: plain }, { name: 'dotenv' });

test.each<[string, string, string | undefined]>([
  ['has expired', 'expired', 'authority.pem'],
  ['is not valid yet', 'future', 'authority.pem'],
  ['is for another host', 'wrong-host', 'authority.pem'],
  ['is of another authority', 'server', 'stranger.pem'],
  ['the system does not know', 'server', undefined],
  ['vouches for itself', 'self-signed', 'authority.pem'],
  ['wants to see ours', 'server', 'authority.pem'],
])('a certificate that %s: one handshake, nothing sent, no fall-back', async (why, name, given) => {
  const ca = await readFile(file('authority.pem'));
  const mutual = { requestCert: true, rejectUnauthorized: true, ca };
  const tls = await front(name, why === 'wants to see ours' ? mutual : {});
  const vault = providerAt(tls.address, given === undefined ? {} : { ca: file(given) });
  const secrets = drill.open({ providers: [vault, dotenv()] });
  const error = await drill.errorOf(secrets.get('A'));
  expect(error).toMatchObject({ code: 'ERR_SECRET_TLS', retryable: false });
  expect(tls.attempts).toBe(1);
  expect(tls.received).toBe('');
  expect(drill.events.filter(({ type }) => type === 'fallback')).toEqual([]);
  expect(drill.events).toContainEqual(
    expect.objectContaining({ type: 'denied', code: 'ERR_SECRET_TLS' }),
  );
});

test('a certificate that is replaced while the server runs: refused while it is wrong, and good again', async () => {
  const tls = await front('server');
  const vault = providerAt(tls.address);
  const read = async () => (await vault.read('all', context())).entries.get('A');
  expect(await read()).toMatchObject({ value });
  for (const bad of ['expired', 'future', 'wrong-host']) {
    tls.become(await pair(bad));
    tls.cut();
    expect((await drill.errorOf(read())).code).toBe('ERR_SECRET_TLS');
    tls.become(await pair('server'));
    expect(await read()).toMatchObject({ value });
  }
});

test('mTLS: our certificate is shown, and what it shows is the one that the file holds', async () => {
  const ca = await readFile(file('authority.pem'));
  const tls = await front('server', { requestCert: true, rejectUnauthorized: true, ca });
  const vault = providerAt(tls.address, {
    ...trusting,
    cert: file('client.pem'),
    key: file('client.key'),
  });
  expect((await vault.read('all', context())).entries.get('A')).toMatchObject({ value });
});

test("the server's own TLS, whose authority is given or not", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-dev-tls-'));
  const root = canary();
  canaries.push(root);
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  free.close();
  const child = spawn(
    await findVaultBinary(),
    [
      'server',
      '-dev',
      '-dev-tls',
      '-dev-no-store-token',
      `-dev-tls-cert-dir=${folder}`,
      `-dev-root-token-id=${root}`,
      `-dev-listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  endings.push(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await rm(folder, { recursive: true });
  });
  const address = `https://127.0.0.1:${port}`;
  const own = [{ ca: join(folder, 'vault-ca.pem') }, { token: root }] as const;
  const write = async () =>
    providerAt(address, ...own).write?.({ entries: new Map([['A', value]]) }, context());
  await eventually(write);
  expect((await providerAt(address, ...own).read('all', context())).entries.get('A')).toMatchObject(
    {
      value,
    },
  );
  const secrets = drill.open({ providers: [providerAt(address, {}, { token: root }), dotenv()] });
  expect((await drill.errorOf(secrets.get('A'))).code).toBe('ERR_SECRET_TLS');
});

describe('a port that changes its protocol', () => {
  let line: Front;
  beforeEach(async () => {
    line = await frontOf(server.address);
    endings.push(() => line.close());
  });

  test('https that becomes http, and back', async () => {
    const tls = await front('server');
    line.leadTo(tls.address);
    const vault = providerAt(line.address.replace('http:', 'https:'));
    const read = async () => (await vault.read('all', context())).entries.get('A');
    expect(await read()).toMatchObject({ value });
    line.leadTo(server.address);
    expect((await drill.errorOf(read())).code).toBe('ERR_SECRET_CONFIG');
    line.leadTo(tls.address);
    expect(await read()).toMatchObject({ value });
  });

  test('http that becomes https, and back', async () => {
    const tls = await front('server');
    const vault = providerAt(line.address);
    const read = async () => (await vault.read('all', context())).entries.get('A');
    expect(await read()).toMatchObject({ value });
    line.leadTo(tls.address);
    expect((await drill.errorOf(read())).code).toMatch(/UNAVAILABLE|INVALID|CONFIG/);
    expect(tls.received).toBe('');
    line.leadTo(server.address);
    expect(await read()).toMatchObject({ value });
  });
});
