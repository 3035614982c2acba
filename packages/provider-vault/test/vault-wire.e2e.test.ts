/**
 * The five verbs on a real server. Whatever client is behind the wire must pass these.
 */
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeVaultWire } from '../src/node-vault-wire.ts';
import { createTransport } from '../src/transport.ts';
import { resolveSettings } from '../src/vault-settings.ts';
import type { VaultWire, WireCall } from '../src/vault-wire.ts';

let server: VaultServer;
let mount: string;
let wire: VaultWire;
let call: WireCall;
beforeAll(async () => {
  server = await startVaultServer();
  mount = await server.mountKv();
  const { address, token } = server;
  wire = nodeVaultWire(createTransport(resolveSettings({ address, token, path: 'shop', env: {} })));
  call = { signal: new AbortController().signal, timeLeft: () => 20_000, token };
});
afterAll(async () => {
  wire?.close();
  await server?.stop();
});

test('write, read, update, list and delete', async () => {
  const at = (part: string, path = 'team/shop') => `${mount}/${part}/${path}`;
  const written = await wire.write(at('data'), '{"data":{"A":"1","__proto__":"p"}}', call);
  expect(written).toMatchObject({ kind: 'answer', status: 200, body: { data: { version: 1 } } });

  const read = await wire.read(at('data'), call);
  expect(read).toMatchObject({ kind: 'answer', status: 200 });
  expect(read.kind === 'answer' && read.text).toContain('"__proto__":"p"');

  // PATCH is refused with 415 unless it is sent as a JSON merge patch
  const patched = await wire.update(at('data'), '{"data":{"A":null,"B":"2"}}', call);
  expect(patched).toMatchObject({ kind: 'answer', status: 200, body: { data: { version: 2 } } });
  const { body } = await server.request('GET', at('data'));
  expect(JSON.stringify(body.data?.['data'])).toBe('{"B":"2","__proto__":"p"}');

  expect(await wire.list(at('metadata', ''), call)).toMatchObject({
    body: { data: { keys: ['team/'] } },
  });
  expect(await wire.list(at('metadata', 'team'), call)).toMatchObject({
    body: { data: { keys: ['shop'] } },
  });
  expect(await wire.list(at('metadata', 'nobody'), call)).toMatchObject({
    kind: 'answer',
    status: 404,
  });

  expect(await wire.delete(at('data'), call)).toMatchObject({ kind: 'answer', status: 204 });
  expect(await wire.read(at('data'), call)).toMatchObject({ kind: 'answer', status: 404 });
});
