import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type CuttingProxy,
  cuttingProxy,
  sharedVaultServer,
  type VaultServer,
} from '../src/index.ts';

let server: VaultServer;
let proxy: CuttingProxy;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
});
beforeEach(async () => {
  mount = await server.mountKv({ version: 2 });
  proxy = await cuttingProxy({ target: server.address });
});
afterEach(() => proxy.close());

const ask = (init: RequestInit = {}) =>
  fetch(`${proxy.address}/v1/${mount}/data/shop`, {
    headers: { 'X-Vault-Token': server.token },
    ...init,
  });
const write = (value: string) =>
  ask({ method: 'POST', body: JSON.stringify({ data: { A: value } }) });
const stored = async () => {
  const { body } = await server.request('GET', `${mount}/data/shop`, undefined, { allow: [404] });
  return body.data?.['data'];
};

test('a line that passes is not noticed', async () => {
  expect((await write('1')).status).toBe(200);
  expect(await (await ask()).json()).toMatchObject({ data: { data: { A: '1' } } });
  expect(proxy.bytesSent).toBeGreaterThan(0);
});

test.each(['fin', 'reset'] as const)('an answer is cut after its first bytes: %s', async (how) => {
  await write('1');
  proxy.set({ kind: 'cut', after: 400, how });
  await expect(ask().then((answer) => answer.text())).rejects.toThrow();
  proxy.set({ kind: 'pass' });
  expect((await ask()).status).toBe(200);
});

test('a cut before the first byte leaves no answer at all', async () => {
  proxy.set({ kind: 'cut', after: 0 });
  await expect(ask()).rejects.toThrow('fetch failed');
});

test.each(['fin', 'reset'] as const)(
  'a dropped answer leaves the client in doubt about a write that happened: %s',
  async (how) => {
    proxy.set({ kind: 'drop-answers', how });
    await expect(write('written')).rejects.toThrow('fetch failed');
    expect(proxy.answersDropped).toBe(1);
    expect(await stored()).toEqual({ A: 'written' });
  },
);

test('an answer trickles, and what is left of it comes at once when the line is good again', async () => {
  await write('trickling');
  proxy.set({ kind: 'trickle', every: 100 });
  let isWhole = false;
  const answer = ask()
    .then((response) => response.json())
    .finally(() => {
      isWhole = true;
    });
  while (proxy.bytesTrickled < 2) await new Promise(setImmediate);
  expect(isWhole).toBe(false);
  proxy.set({ kind: 'pass' });
  expect(await answer).toMatchObject({ data: { data: { A: 'trickling' } } });
  expect(proxy.bytesTrickled).toBeLessThan(20);
});

test('neither end notices a dark line, and what was sent arrives when it is back', async () => {
  await write('before');
  proxy.set({ kind: 'dark' });
  const signal = AbortSignal.timeout(200);
  await expect(ask({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  const waiting = write('after');
  expect(await stored()).toEqual({ A: 'before' });
  proxy.set({ kind: 'pass' });
  expect((await waiting).status).toBe(200);
  expect(await stored()).toEqual({ A: 'after' });
});
