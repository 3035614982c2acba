/** What the transport does with connections over time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { faultyServer } from '@keyfall/testkit';
import { expect, test, vi } from 'vitest';
import { createTransport, type Transport, type TransportOptions } from '../src/http/transport.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import type { WireCall } from '../src/wire/vault-wire.ts';

const settingsFor = (address: string): TransportOptions =>
  resolveSettings({ address, token: 'token', path: 'shop', env: {} });
const http = { method: 'GET', path: '/v1/kv/p', headers: {} };
const asked = { verb: 'read', path: 'kv/p' } as const;
const send = (transport: Transport, call: Partial<WireCall> = {}) =>
  transport.send(http, asked, {
    signal: new AbortController().signal,
    remainingTimeout: () => 20_000,
    ...call,
  });
const answers = { kind: 'status', status: 200, body: {} } as const;

test('an idle connection is ended before something on the way forgets it', async () => {
  const server = await faultyServer(answers);
  const transport = createTransport({ ...settingsFor(server.address), idle: 50 });
  expect(await send(transport)).toMatchObject({ status: 200 });
  while (server.openConnections > 0) await new Promise(setImmediate);
  expect(await send(transport)).toMatchObject({ status: 200 });
  expect(server.connections).toBe(2);
  transport.close();
  await server.close();
});

test('close ends what is under way, and nothing goes out after it', async () => {
  const server = await faultyServer({ kind: 'black-hole' });
  const transport = createTransport(settingsFor(server.address));
  const sending = send(transport);
  while (server.requests.length === 0) await new Promise(setImmediate);
  transport.close();
  expect(await sending).toMatchObject({ kind: 'failure', what: 'aborted', sent: true });
  while (server.openConnections > 0) await new Promise(setImmediate);
  expect(await send(transport)).toMatchObject({ what: 'aborted', sent: false });
  expect(server.requests).toHaveLength(1);
  await server.close();
});

test('a server that goes over to another protocol has answered nothing, and is not waited for', async () => {
  const headers = { connection: 'Upgrade', upgrade: 'other' };
  const server = await faultyServer({ kind: 'status', status: 101, headers });
  const transport = createTransport(settingsFor(server.address));
  const result = await send(transport);
  expect(result).toMatchObject({ kind: 'failure', what: 'malformed', sent: true });
  transport.close();
  await server.close();
});

test.each([
  ['close', (transport: Transport) => transport.close()],
  ['an abort', (_: Transport, controller: AbortController) => controller.abort()],
])('%s ends a tunnel that is being made', async (_, end) => {
  const proxy = await faultyServer({ kind: 'black-hole' });
  const settings = resolveSettings({
    address: 'https://vault.internal:8200',
    proxy: proxy.address,
    token: 'token',
    path: 'shop',
    env: {},
  });
  const transport = createTransport(settings);
  const controller = new AbortController();
  const sending = send(transport, { signal: controller.signal });
  while (proxy.requests.length === 0) await new Promise(setImmediate);
  end(transport, controller);
  expect(await sending).toMatchObject({ kind: 'failure', what: 'aborted', sent: false });
  await vi.waitFor(() => expect(proxy.openConnections).toBe(0), 5_000);
  transport.close();
  await proxy.close();
});

test('a connection that is never accepted ends at the deadline, as one whose request was not sent', async () => {
  // the kernel answers for a listener until its queue is full, and then nobody does
  const program =
    'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(0); print(s.getsockname()[1], flush=True); input()';
  const listener = spawn('python3', ['-c', program]);
  const [line] = await once(listener.stdout, 'data');
  const port = Number(String(line));
  const queue = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await once(queue[0] as Socket, 'connect');
  const transport = createTransport(settingsFor(`http://127.0.0.1:${port}`));
  try {
    const result = await send(transport, { remainingTimeout: () => 200 });
    expect(result).toMatchObject({ kind: 'failure', what: 'timeout' });
  } finally {
    transport.close();
    for (const socket of queue) socket.destroy();
    listener.kill();
  }
});
