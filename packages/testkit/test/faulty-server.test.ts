import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { type Fault, type FaultyServer, faultyServer } from '../src/index.ts';

const servers: FaultyServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
async function start(fault: Fault): Promise<FaultyServer> {
  const server = await faultyServer(fault);
  servers.push(server);
  return server;
}

/** Reads at most `limit` bytes of the answer; rejects with Node's code. */
function get(address: string, limit = Number.POSITIVE_INFINITY) {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const outgoing = httpRequest(address, { agent: false }, (answer: IncomingMessage) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        if (body.length < limit) return;
        answer.destroy();
        resolve({ status: answer.statusCode, body });
      });
      answer.on('end', () => resolve({ status: answer.statusCode, body })).on('error', reject);
    });
    outgoing.on('error', reject).end();
  });
}

test('black-hole takes the request and says nothing', async () => {
  const server = await start({ kind: 'black-hole' });
  const end = new AbortController();
  const answer = fetch(server.address, { signal: end.signal });
  await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 20_000 });
  // whatever it were to say would be on its way before the answer to a later request
  const other = await start({ kind: 'status', status: 200 });
  await get(other.address);
  end.abort();
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
});

test('slow-loris keeps a reader busy byte by byte', async () => {
  const server = await start({ kind: 'slow-loris', interval: 1 });
  const { body } = await get(server.address, 30);
  expect(body).toMatch(/^\{"data":"x{10,}$/);
});

test('slow-loris can stay in the head, so that no answer ever starts', async () => {
  const server = await start({ kind: 'slow-loris', interval: 1, part: 'head' });
  const seen = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    );
    socket.setEncoding('latin1').on('data', (more: string) => {
      text += more;
      if (text.length > 40) resolve(text);
      if (text.length > 40) socket.destroy();
    });
  });
  expect(seen).toMatch(/^HTTP\/1\.1 200 OK\r\nx-slow: x+$/);
});

test('flood never ends', async () => {
  const server = await start({ kind: 'flood' });
  const { body } = await get(server.address, 20 * 1024 * 1024);
  expect(body.length).toBeGreaterThanOrEqual(20 * 1024 * 1024);
});

test.each<[Fault, string]>([
  [{ kind: 'cut' }, 'ECONNRESET'],
  [{ kind: 'cut', after: 1_000 }, 'ECONNRESET'],
  [{ kind: 'reset' }, 'ECONNRESET'],
  [{ kind: 'reset', after: 300 }, 'ECONNRESET'],
  [{ kind: 'garbage' }, 'HPE_INVALID_CONSTANT'],
])('%o fails with %s', async (fault, code) => {
  const server = await start(fault);
  await expect(get(server.address)).rejects.toMatchObject({ code });
});

test.each<[Fault, number, string]>([
  [{ kind: 'html' }, 200, 'Sign in'],
  [{ kind: 'truncated-json' }, 200, '{"data":'],
  [{ kind: 'null-json' }, 200, 'null'],
  [{ kind: 'status', status: 503, body: { errors: ['Vault is sealed'] } }, 503, 'sealed'],
  [{ kind: 'status', status: 403 }, 403, '{"errors":[]}'],
  [{ kind: 'status', status: 204 }, 204, ''],
])('%o is answered with %i', async (fault, status, text) => {
  const server = await start(fault);
  const answer = await get(server.address);
  expect(answer.status).toBe(status);
  expect(answer.body).toContain(text);
});

test('redirect shows what a client carries to another host', async () => {
  const elsewhere = await start({ kind: 'status', status: 200 });
  const server = await start({ kind: 'redirect', location: `${elsewhere.address}/stolen` });
  await fetch(`${server.address}/v1/x?a=%2f`, {
    method: 'POST',
    headers: { 'X-Vault-Token': 'canary-token' },
    body: '{"value":"ü"}',
  });
  expect(server.requests).toMatchObject([
    { method: 'POST', target: '/v1/x?a=%2f', body: '{"value":"ü"}' },
  ]);
  expect(elsewhere.requests[0]?.headers['x-vault-token']).toBe('canary-token');
  expect(elsewhere.received()).toContain('canary-token');
});

test('a body in chunks is put together, whatever the packets', async () => {
  const server = await start({ kind: 'status', status: 200 });
  await new Promise<void>((resolve, reject) => {
    const outgoing = httpRequest(server.address, { method: 'PUT' }, (answer) => {
      answer.resume().on('end', resolve);
    });
    outgoing.on('error', reject);
    outgoing.write('first ');
    setImmediate(() => outgoing.end('second'));
  });
  expect(server.requests).toMatchObject([{ method: 'PUT', body: 'first second' }]);
});

test('become changes the fault for the next request, and connections are counted', async () => {
  const server = await start({ kind: 'status', status: 500 });
  expect((await get(server.address)).status).toBe(500);
  server.become({ kind: 'status', status: 200 });
  expect((await get(server.address)).status).toBe(200);
  expect(server.connections).toBeGreaterThanOrEqual(1);
  expect(server.requests).toHaveLength(2);
  await server.close();
  expect(server.openConnections).toBe(0);
  await expect(get(server.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
