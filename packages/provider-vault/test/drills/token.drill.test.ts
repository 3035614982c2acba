/**
 * Tokens that come to their end in real time, are revoked under load, or cannot be had again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Secrets } from '@keyfall/core';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AppRoleAuthOptions, appRoleAuth, vaultProvider } from '../../src/index.ts';
import { canary, freshPath, readPolicy } from '../harness.ts';
import { type LoginRelay, loginRelay } from '../login-relay.ts';
import { type Witness, witness } from './witness.ts';

const path = freshPath();
const value = canary();
const canaries = [value];
const loggingIn = 'POST auth/approle/login';
let server: VaultServer;
let relay: LoginRelay;
let policy = '';
let drill: Witness;
let roles = 0;

beforeAll(async () => {
  server = await startVaultServer({ external: false });
  canaries.push(server.token);
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  policy = await server.createPolicy(readPolicy('secret', path));
  await server.request('POST', 'sys/auth/approle', { type: 'approle' });
});
afterAll(() => server.stop());
beforeEach(async () => {
  drill = witness(canaries);
  relay = await loginRelay(server.address);
});
afterEach(async () => {
  for (const { token } of relay.requests) if (token !== undefined) canaries.push(token);
  await drill.finish();
  await relay.close();
});

/** A new role, and the request that makes its secret ids. */
async function role(settings: Readonly<Record<string, unknown>>) {
  roles += 1;
  const at = `auth/approle/role/drill-${roles}`;
  await server.request('POST', at, { token_policies: policy, ...settings });
  const { body } = await server.request('GET', `${at}/role-id`);
  return { roleId: String(body.data?.['role_id']), secretIds: `${at}/secret-id` };
}

async function secretIdAt(path: string): Promise<string> {
  const { body } = await server.request('POST', path, {});
  const secretId = String(body.data?.['secret_id']);
  canaries.push(secretId);
  return secretId;
}

/** A chain that asks the server at every read, and serves nothing that is old. */
function open(auth: AppRoleAuthOptions): Secrets {
  const provider = vaultProvider({
    address: relay.address,
    path,
    env: {},
    auth: appRoleAuth(auth),
  });
  return drill.open({ providers: [provider], ttl: 0, staleIfError: 0 });
}

/** The service tokens of these tests that the server still knows. */
async function livingTokens(): Promise<number> {
  const tokens = new Set(relay.requests.map(({ token }) => token));
  let living = 0;
  for (const token of tokens) {
    if (token === undefined) continue;
    const { status } = await server.request(
      'POST',
      'auth/token/lookup',
      { token },
      { allow: [403] },
    );
    if (status === 200) living += 1;
  }
  return living;
}

test('through three longest lives of a token no read fails, and none is left behind', async () => {
  const { roleId, secretIds } = await role({ token_ttl: '2s', token_max_ttl: '5s' });
  const secrets = open({ roleId, secretId: await secretIdAt(secretIds) });
  while (relay.count(loggingIn) < 4) {
    expect(await secrets.get('A')).toBe(value);
    await wait(20); // two cores are shared with the server
  }
  expect(relay.count('POST auth/token/renew-self')).toBeGreaterThan(3);
  expect(drill.events.filter(({ type }) => type !== 'refreshed')).toEqual([]);
  await secrets.close();
  expect(await livingTokens()).toBe(0);
});

test('revoked over and over under load: no read fails', async () => {
  const { roleId, secretIds } = await role({ token_ttl: '1h' });
  const secrets = open({ roleId, secretId: await secretIdAt(secretIds) });
  let over = false;
  const readers = Array.from({ length: 4 }, async () => {
    while (!over) {
      expect(await secrets.get('A')).toBe(value);
      await wait(5);
    }
  });
  for (let round = 1; round <= 6; round += 1) {
    while (relay.count(loggingIn) < round) await wait(5);
    const token = relay.requests.findLast(({ line }) => line.startsWith('GET secret/'))?.token;
    if (token !== undefined) await server.request('POST', 'auth/token/revoke', { token });
    else round -= 1;
  }
  while (relay.count(loggingIn) < 7) await wait(5);
  over = true;
  await Promise.all(readers);
  expect(relay.count(loggingIn)).toBe(7);
  await secrets.close();
  expect(await livingTokens()).toBe(0);
});

test('that no login can follow is told while the token is good, and true when it has ended', async () => {
  const { roleId, secretIds } = await role({ token_ttl: '2s', token_max_ttl: '4s' });
  const { body } = await server.request(
    'POST',
    secretIds,
    { num_uses: 1 },
    { headers: { 'X-Vault-Wrap-TTL': '1m' } },
  );
  const wrapping = body.wrap_info?.token ?? '';
  canaries.push(wrapping);
  const secrets = open({ roleId, wrappedSecretId: wrapping });
  expect(await secrets.get('A')).toBe(value);
  const warnings = () => drill.events.filter(({ type }) => type === 'warning');
  expect(warnings()).toMatchObject([{ message: expect.stringMatching(/^reauth-impossible: /) }]);
  let reads = 0;
  let ended: unknown;
  while (ended === undefined) {
    await secrets.get('A').then(
      () => {
        reads += 1;
      },
      (error: unknown) => {
        ended = error;
      },
    );
    await wait(20);
  }
  drill.note(ended);
  expect(ended).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED' });
  expect(reads).toBeGreaterThan(0);
  expect(relay.count('POST sys/wrapping/unwrap')).toBe(1);
});

test('a process that was stopped for longer than its token lives reads at once when it goes on', async () => {
  const { roleId, secretIds } = await role({ token_ttl: '2s' });
  const secretId = await secretIdAt(secretIds);
  const settings = { address: relay.address, path, roleId, secretId };
  const program = fileURLToPath(new URL('stopped-client.mjs', import.meta.url));
  const client = spawn(process.execPath, [program, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface({ input: client.stdout });
    const read = async (): Promise<unknown> => {
      client.stdin.write('read\n');
      const [line] = await once(lines, 'line');
      return line;
    };
    expect(await read()).toBe(`read ${value.length}`);
    client.kill('SIGSTOP');
    const token = relay.requests.at(-1)?.token;
    // only time ends it
    for (let status = 200; status === 200; await wait(50))
      ({ status } = await server.request('POST', 'auth/token/lookup', { token }, { allow: [403] }));
    client.kill('SIGCONT');
    expect(await read()).toBe(`read ${value.length}`);
    client.stdin.end();
    await once(client, 'exit');
    expect(await livingTokens()).toBe(0);
  } finally {
    client.kill('SIGKILL');
  }
});
