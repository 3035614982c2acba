/**
 * OpenBao's own proxy with its cache and its own login, between applications and a real server. It keeps tokens and leases, which its
 * clients then share, and passes documents on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets } from '@keyfall/core';
import {
  findVaultBinary,
  freePort,
  manualClock,
  startVaultServer,
  temporaryFolder,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { appRoleAuth, vaultDynamicProvider, vaultProvider } from '../../src/index.ts';
import { enableAuth, eventually, writeAppRole } from '../harness.ts';
import { leasesOf, mountUsers, type UserRegistry, userRegistry } from '../user-registry.ts';

let server: VaultServer;
let registry: UserRegistry;
let path: string;
let folder: string;
let remove: () => Promise<void>;
let proxy: ChildProcess;
let address: string;

beforeAll(async () => {
  server = await startVaultServer({ external: false });
  registry = await userRegistry();
  ({ folder, remove } = await temporaryFolder());
  await enableAuth(server, 'approle');
});
afterAll(async () => {
  await server.stop();
  await registry.close();
  await remove();
});
beforeEach(async () => {
  path = await mountUsers(server, registry, { ttl: 60, maxTtl: 120 });
  await server.request('POST', 'secret/data/shop', { data: { TOKEN: 'first' } });
  const policy = await server.createPolicy(`
path "secret/data/shop" { capabilities = ["read"] }
path "${path}" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
`);
  await writeAppRole(server, 'proxy', policy, folder);
  address = `http://127.0.0.1:${await freePort()}`;
  await writeFile(
    join(folder, 'proxy.hcl'),
    `vault { address = "${server.address}" }
cache {}
api_proxy { use_auto_auth_token = true }
auto_auth {
  method "approle" {
    config = {
      role_id_file_path = "${join(folder, 'role-id')}"
      secret_id_file_path = "${join(folder, 'secret-id')}"
      remove_secret_id_file_after_reading = false
    }
  }
}
listener "tcp" {
  address = "${new URL(address).host}"
  tls_disable = true
  require_request_header = true
}
`,
  );
  await startProxy();
});
afterEach(endProxy);

async function startProxy(): Promise<void> {
  const { PATH = '' } = process.env;
  proxy = spawn(await findVaultBinary(), ['proxy', `-config=${join(folder, 'proxy.hcl')}`], {
    env: { PATH, HOME: folder },
    stdio: 'ignore',
  });
  // it listens before it has logged in
  await eventually(async () => {
    const answer = await fetch(`${address}/v1/secret/data/shop`, {
      headers: { 'X-Vault-Request': 'true' },
    });
    expect(answer.status).toBe(200);
  });
}

async function endProxy(): Promise<void> {
  const over = new Promise((resolve) => proxy.once('exit', resolve));
  if (proxy.kill('SIGKILL')) await over;
}

const document = () =>
  vaultProvider({ address, path: 'shop', token: { agent: true }, env: {}, kvVersion: 2 });
const users = (options = {}) =>
  vaultDynamicProvider({ address, path, token: { agent: true }, env: {}, ...options });

/** Asks the proxy as a client does that is not Keyfall. */
async function asked(at: string): Promise<{ cache: string | null; lease: unknown }> {
  const answer = await fetch(`${address}/v1/${at}`, { headers: { 'X-Vault-Request': 'true' } });
  const body = (await answer.json()) as Record<string, unknown>;
  return { cache: answer.headers.get('x-cache'), lease: body['lease_id'] };
}

/** How many tokens the server has. */
async function tokens(): Promise<number> {
  const { body } = await server.request('GET', 'auth/token/accessors?list=true');
  const keys = body.data?.['keys'] as readonly string[] | undefined;
  return keys?.length ?? 0;
}

test('the proxy keeps credentials, and no document', async () => {
  const first = await asked(path);
  expect(first.cache).toBe('MISS');
  expect(await asked(path)).toEqual({ cache: 'HIT', lease: first.lease });
  await asked('secret/data/shop');
  expect((await asked('secret/data/shop')).cache).toBe('MISS');
});

test('a document is read through it without a token of ours, and so is its next version', async () => {
  const secrets = createSecrets({ providers: [document()], ttl: 0 });
  expect(await secrets.get('TOKEN')).toBe('first');
  await server.request('POST', 'secret/data/shop', { data: { TOKEN: 'second' } });
  expect(await secrets.get('TOKEN')).toBe('second');
  await secrets.close();
});

test('each process has credentials of its own in spite of the cache, and gives back no others', async () => {
  const [one, two] = [
    createSecrets({ providers: [users()] }),
    createSecrets({ providers: [users()] }),
  ];
  const [first, second] = [await one.get('username'), await two.get('username')];
  expect(first).not.toBe(second);
  expect([...registry.users]).toEqual(expect.arrayContaining([first, second]));
  await one.close();
  expect(registry.users.has(first)).toBe(false);
  expect(registry.users.has(second)).toBe(true);
  expect(await two.get('username')).toBe(second);
  await two.close();
  expect(registry.users.has(second)).toBe(false);
});

test('each process has a token of its own where it logs in through the cache, and revokes no other', async () => {
  const auth = () =>
    appRoleAuth({
      roleId: { file: join(folder, 'role-id') },
      secretId: { file: join(folder, 'secret-id') },
    });
  const made = () => vaultProvider({ address, path: 'shop', auth: auth(), env: {}, kvVersion: 2 });
  const [one, two] = [
    createSecrets({ providers: [made()], ttl: 0 }),
    createSecrets({ providers: [made()], ttl: 0 }),
  ];
  const before = await tokens();
  await one.get('TOKEN');
  await two.get('TOKEN');
  expect(await tokens()).toBe(before + 2);
  await one.close();
  expect(await tokens()).toBe(before + 1);
  await server.request('POST', 'secret/data/shop', { data: { TOKEN: 'third' } });
  expect(await two.get('TOKEN')).toBe('third');
  expect(await tokens()).toBe(before + 1); // the same token: it was not revoked
  await two.close();
});

test('a proxy that is killed takes no credentials along: they are renewed and given back through the next one', async () => {
  const clock = manualClock();
  const secrets = createSecrets({ providers: [users({ clock })], clock });
  const warnings: string[] = [];
  secrets.on('warning', ({ message }) => warnings.push(message));
  const username = await secrets.get('username');
  const [lease] = await leasesOf(server, path);
  const leftOf = async () => {
    const { body } = await server.request('PUT', 'sys/leases/lookup', {
      lease_id: `${path}/${lease}`,
    });
    return String(body.data?.['last_renewal'] ?? '');
  };
  const before = await leftOf();
  await endProxy();
  await startProxy();
  // the life of the lease is a minute, and it is renewed when two thirds of it are over
  await clock.advance(45_000);
  await eventually(async () => expect(await leftOf()).not.toBe(before));
  expect(await secrets.get('username')).toBe(username);
  await secrets.close();
  expect(registry.users.has(username)).toBe(false);
  expect(warnings).toEqual([]);
});

test('while no proxy runs, the last good value answers', async () => {
  const clock = manualClock();
  const secrets = createSecrets({ providers: [document()], ttl: '1m', clock });
  const fallbacks: unknown[] = [];
  secrets.on('fallback', (event) => fallbacks.push(event.answeredBy));
  secrets.on('recovered', () => {});
  expect(await secrets.get('TOKEN')).toBe('first');
  await endProxy();
  await clock.advance(10 * 60_000);
  expect(await secrets.get('TOKEN')).toBe('first');
  expect(fallbacks).toEqual(['last-good']);
  await startProxy();
  await server.request('POST', 'secret/data/shop', { data: { TOKEN: 'second' } });
  await secrets.refresh();
  expect(await secrets.get('TOKEN')).toBe('second');
  await secrets.close();
});
