/**
 * The requests of providers over a REST API, on real sockets.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createRawServer } from 'node:net';
import { type HttpRequest, httpClient } from '@keyfall/core/provider/http';
import { expect, onTestFinished, test } from 'vitest';
import { assertNoLeak } from '../../src/index.ts';

const canary = 'canary-token-66ab';
const headers = { authorization: `Bearer ${canary}` };
const never = new AbortController().signal;

async function listening(server: Server, scheme = 'http'): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const serve = (listener: RequestListener) => listening(createServer(listener));

function clientOf(options: Partial<Parameters<typeof httpClient>[0]> = {}) {
  const client = httpClient({ provider: 'drawer', subject: 'the drawer', ...options });
  onTestFinished(() => client.close());
  return client;
}
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown) => thrown,
  );
const send = (request: HttpRequest, signal = never) => clientOf().send(request, { signal });

test('an answer is given whatever its status is, and a redirect is not followed', async () => {
  const asked: unknown[] = [];
  const url = await serve((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(307, { location: '/other' }).end('{"a":1}');
  });
  const { status, json, headers: given } = await send({ url, headers });
  expect([status, json, given['location']]).toEqual([307, { a: 1 }, '/other']);
  expect(asked).toEqual([headers.authorization]);
});

test.each(['', 'x', '{"a":', 'null\u0000'])('%j is no JSON', async (body) => {
  const url = await serve((_, response) => response.end(body));
  expect((await send({ url, headers })).json).toBeUndefined();
});

test('JSON that is no UTF-8 is none', async () => {
  const url = await serve((_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])));
  expect((await send({ url, headers })).json).toBeUndefined();
});

test('a read goes once more on a new connection where the server had ended the kept one', async () => {
  let connections = 0;
  const server = createServer((request, response) => {
    // answers the first request of each connection, and ends the connection at the second
    if (Object(request.socket).wasUsed) return void request.socket.resetAndDestroy();
    Object(request.socket).wasUsed = true;
    response.end('1');
  });
  server.on('connection', () => {
    connections += 1;
  });
  const url = await listening(server);
  const client = clientOf();
  for (let reads = 0; reads < 3; reads += 1)
    expect((await client.send({ url, headers }, { signal: never })).json).toBe(1);
  expect(connections).toBe(3);
  // a change has a connection of its own, and is sent once
  const change = { method: 'POST', url, headers, body: '{}' };
  for (let writes = 0; writes < 2; writes += 1)
    expect((await client.send(change, { signal: never })).status).toBe(200);
  expect(connections).toBe(5);
});

test('what cannot be sent is not, and is not shown', async () => {
  let asked = 0;
  const url = await serve((_, response) => {
    asked += 1;
    response.end();
  });
  for (const request of [
    { url, headers: { authorization: `${canary}\n` } },
    { url: `//${canary}`, headers },
  ]) {
    const error = await failureOf(send({ ...request, method: 'POST' }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', applied: 'no' });
    assertNoLeak([canary], error);
  }
  expect(asked).toBe(0);
});

test('of a change that was not answered it is unknown what became, unless there was no connection', async () => {
  const server = createServer((request) => request.socket.resetAndDestroy());
  const url = await listening(server);
  const change = { method: 'POST', url, headers, body: '{}' };
  expect(await failureOf(send(change))).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    applied: 'unknown',
  });
  server.close();
  await new Promise((resolve) => server.once('close', resolve));
  expect(await failureOf(send(change))).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    applied: 'no',
  });
  const { applied } = (await failureOf(send({ url, headers }))) as { applied?: string };
  expect(applied).toBeUndefined();
});

test('an answer that breaks off is an outage, and one over the limit is broken', async () => {
  const cut = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '400' });
    response.write('{"a":"a"}', () => response.destroy());
  });
  expect(await failureOf(send({ url: cut, headers }))).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  const url = await serve((_, response) => response.end(`"${'x'.repeat(200)}"`));
  const limited = clientOf({ sizeLimit: 100 });
  expect(await failureOf(limited.send({ url, headers }, { signal: never }))).toMatchObject({
    code: 'ERR_SECRET_INVALID',
    storeStatus: 200,
  });
});

test('what is no HTTP is broken', async () => {
  const raw = createRawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  await new Promise<void>((resolve) => void raw.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void raw.close());
  const url = `http://127.0.0.1:${(raw.address() as AddressInfo).port}`;
  expect(await failureOf(send({ url, headers }))).toMatchObject({ code: 'ERR_SECRET_INVALID' });
});

test('a stream is read as it comes', async () => {
  let more = () => {};
  const url = await serve((_, response) => {
    response.write('first');
    more = () => response.end('second');
  });
  const { status, body } = await clientOf().open({ url, headers }, { signal: never });
  expect(status).toBe(200);
  const chunks: string[] = [];
  for await (const chunk of body) {
    chunks.push(Buffer.from(chunk).toString());
    more();
  }
  expect(chunks).toEqual(['first', 'second']);
});

test('a call that is given up ends, before the answer and in the middle of it', async () => {
  for (const listener of [
    () => {},
    (_: unknown, response: { write(text: string): unknown }) => void response.write('"'),
  ]) {
    const url = await serve(listener as RequestListener);
    const stop = new AbortController();
    const reading = failureOf(send({ url, headers }, stop.signal));
    setImmediate(() => stop.abort());
    expect(await reading).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    expect(await failureOf(send({ url, headers }, stop.signal))).toMatchObject({
      code: 'ERR_SECRET_ABORTED',
    });
  }
});

test('a certificate counts that the client was given, and no other one', async () => {
  const file = (kind: string) =>
    readFile(
      new URL(
        `../../../provider-aws-secrets-manager/test/certificates/self-signed.${kind}`,
        import.meta.url,
      ),
      'utf8',
    );
  const cert = await file('pem');
  let asked = 0;
  const url = await listening(
    createSecureServer({ cert, key: await file('key') }, (_, response) => {
      asked += 1;
      response.end('1');
    }) as unknown as Server,
    'https',
  );
  const change = { method: 'POST', url, headers };
  const error = await failureOf(send(change));
  expect(error).toMatchObject({ code: 'ERR_SECRET_TLS', applied: 'no' });
  assertNoLeak([canary], error);
  expect(asked).toBe(0);
  const trusting = clientOf({ ca: cert, serverName: 'localhost' });
  expect(await trusting.send({ url, headers }, { signal: never })).toMatchObject({ json: 1 });
  const other = clientOf({ ca: cert, serverName: 'drawer.example' });
  expect(await failureOf(other.send({ url, headers }, { signal: never }))).toMatchObject({
    code: 'ERR_SECRET_TLS',
  });
});
