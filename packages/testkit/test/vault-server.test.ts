import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharedVaultServer, startVaultServer, type VaultServer } from '../src/index.ts';

let server: VaultServer;
beforeAll(async () => {
  server = await startVaultServer({ external: false });
});
afterAll(() => server.stop());

test.each([1, 2] as const)('a fresh KV v%i mount takes a write at once', async (version) => {
  const mount = await server.mountKv({ version });
  const path = version === 2 ? `${mount}/data/shop` : `${mount}/shop`;
  await server.request('POST', path, version === 2 ? { data: { A: '1' } } : { A: '1' });
  const { body } = await server.request('GET', path);
  expect(version === 2 ? body.data?.['data'] : body.data).toEqual({ A: '1' });
});

test('policies and tokens bind: a token may do what its policy says and no more', async () => {
  const mount = await server.mountKv();
  const policy = await server.createPolicy(`path "${mount}/data/a" { capabilities = ["read"] }`);
  const { token } = await server.createToken({ policies: [policy], ttl: '60s' });
  await server.request('POST', `${mount}/data/a`, { data: { A: '1' } });
  const allowed = await server.request('GET', `${mount}/data/a`, undefined, { token });
  expect(allowed.status).toBe(200);
  const denied = await server.request('GET', `${mount}/data/b`, undefined, { token, allow: [403] });
  expect(denied.status).toBe(403);
  await expect(server.request('GET', `${mount}/data/b`, undefined, { token })).rejects.toThrow(
    '403',
  );
});

test('the shared server is one for the process, and no test ends it', async () => {
  const shared = await sharedVaultServer();
  expect((await sharedVaultServer()).address).toBe(shared.address);
  await shared.stop();
  for (const end of [shared.kill, shared.pause, shared.restart])
    await expect(end()).rejects.toThrow('used by others');
  expect((await shared.request('GET', 'sys/health')).status).toBe(200);
});

test('a server of another program on the port is not taken for ours', async () => {
  const port = Number(new URL(server.address).port);
  await expect(startVaultServer({ external: false, port })).rejects.toThrow(
    'address already in use',
  );
});

test('a paused server accepts and does not answer; it goes on after resume', async () => {
  await server.pause();
  const health = `${server.address}/v1/sys/health`;
  await expect(fetch(health, { signal: AbortSignal.timeout(300) })).rejects.toThrow('timeout');
  await server.resume();
  expect((await fetch(health)).status).toBe(200);
});

test('killed, it refuses; restarted, it is the same address and empty', async () => {
  const mount = await server.mountKv();
  await server.kill();
  await expect(fetch(`${server.address}/v1/sys/health`)).rejects.toThrow('fetch failed');
  await server.restart();
  const { status } = await server.request('GET', `${mount}/config`, undefined, { allow: [404] });
  expect(status).toBe(404);
});
