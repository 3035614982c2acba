import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ClientRequest, createServer } from 'node:http';
import { join } from 'node:path';
import { createSecrets, isSecretError, type SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  type Fault,
  type FaultyServer,
  faultyServer,
  freePort,
  manualClock,
} from '@keyfall/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context, wires } from './harness.ts';

const token = canary();
const value = canary();
const endings: (() => Promise<void> | undefined)[] = [];
// not after each: those that only wait run beside each other
afterAll(async () => {
  for (const end of endings.splice(0)) await end();
});

async function faulty(fault: Fault): Promise<FaultyServer> {
  const server = await faultyServer(fault);
  endings.push(() => server.close());
  return server;
}

/** The error of a call, searched for what it must not show. */
async function errorOf(call: Promise<unknown>): Promise<SecretError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assertNoLeak([token, value], error);
  if (!isSecretError(error)) throw new Error('no SecretError');
  return error;
}

const answerOf = (data: Readonly<Record<string, string>>, version = 1): Fault => ({
  kind: 'status',
  status: 200,
  body: { data: { data, metadata: { version, created_time: '2026-01-02T03:04:05.678901Z' } } },
});

describe.each(['direct', 'node-vault'] as const)('wire %s', (wire) => {
  /** A provider that needs no detection, so that the first request is the read. */
  function providerAt(address: string, options: VaultProviderOptions = {}): SecretProvider {
    const provider = vaultProvider({
      address,
      token,
      path: 'shop',
      kvVersion: 2,
      env: {},
      wire: wires[wire],
      ...options,
    });
    endings.push(() => provider.close?.());
    return provider;
  }

  const write = (provider: SecretProvider, limit?: number, ifRevision?: string) =>
    provider.write?.(
      { entries: new Map([['NEW', value]]), ...(ifRevision !== undefined && { ifRevision }) },
      context({ limit: limit ?? 5_000 }),
    ) ?? Promise.reject(new Error('no write'));

  describe('an answer that is not one of Vault', () => {
    test.each<[string, Fault]>([
      ['a web page with status 200', { kind: 'html' }],
      ['half of a JSON text', { kind: 'truncated-json' }],
      ['null', { kind: 'null-json' }],
      ['a JSON array', { kind: 'status', status: 200, body: [] }],
      ['an empty body with status 200', { kind: 'status', status: 200, body: '' }],
      ['bytes that are no HTTP', { kind: 'garbage' }],
      ['more than 8 MiB', { kind: 'flood' }],
      [
        'a document without metadata',
        { kind: 'status', status: 200, body: { data: { data: {} } } },
      ],
      ['an envelope without data', { kind: 'status', status: 200, body: { data: null } }],
      ['no content where there should be some', { kind: 'status', status: 204, body: '' }],
      ["a web server's 404", { kind: 'status', status: 404, body: '<h1>Not found</h1>' }],
      ['a 404 with an empty body', { kind: 'status', status: 404, body: '' }],
      ['an unheard-of status', { kind: 'status', status: 418 }],
    ])('%s is invalid, and asked once', async (_, fault) => {
      const server = await faulty(fault);
      const error = await errorOf(providerAt(server.address).read('all', context()));
      expect(error.code).toBe('ERR_SECRET_INVALID');
      expect(server.requests).toHaveLength(1);
    });

    test('bytes that are not UTF-8 are invalid, not replaced', async () => {
      const latin = createServer((_request, response) =>
        response.end(
          Buffer.concat([
            Buffer.from('{"data":{"data":{"A":"'),
            Buffer.from([0xe9]),
            Buffer.from('"},"metadata":{"version":1}}}'),
          ]),
        ),
      );
      await new Promise<void>((resolve) => latin.listen(0, '127.0.0.1', resolve));
      endings.push(async () => {
        latin.close();
        latin.closeAllConnections();
      });
      const { port } = latin.address() as { port: number };
      const error = await errorOf(providerAt(`http://127.0.0.1:${port}`).read('all', context()));
      expect(error.code).toBe('ERR_SECRET_INVALID');
    });
  });

  describe('a store that cannot be asked', () => {
    test.concurrent.each<[string, Fault]>([
      ['an answer that is cut off', { kind: 'cut' }],
      ['a connection that is reset', { kind: 'reset' }],
      ['a reset in the middle of an answer', { kind: 'reset', after: 200 }],
      ['a gateway that fails', { kind: 'status', status: 502, body: '<html>Bad gateway</html>' }],
      ['a gateway without a node', { kind: 'status', status: 503, body: 'no healthy upstream' }],
      ['a quota', { kind: 'status', status: 429, body: { errors: ['rate limit'] } }],
      [
        'a standby that lags',
        { kind: 'status', status: 412, body: { errors: ['required index'] } },
      ],
    ])('%s: a read is asked three times and is then unavailable', async (_, fault) => {
      const server = await faulty(fault);
      const error = await errorOf(providerAt(server.address).read('all', context()));
      expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      expect(server.requests).toHaveLength(3);
    });

    test('a sealed server: a read is asked twice, since sealed is no blip', async () => {
      const server = await faulty({
        kind: 'status',
        status: 503,
        body: { errors: ['Vault is sealed'] },
      });
      const error = await errorOf(providerAt(server.address).read('all', context()));
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
      expect(server.requests).toHaveLength(2);
    });

    test('a refused connection: a read is tried twice, whatever maxRetries is', async () => {
      const port = await freePort();
      let requests = 0;
      const count = (message: unknown) => {
        const { request } = message as { readonly request: ClientRequest };
        if (request.getHeader('host') === `127.0.0.1:${port}`) requests += 1;
      };
      subscribe('http.client.request.start', count);
      const options = { retry: { max: 9 } };
      const error = await errorOf(
        providerAt(`http://127.0.0.1:${port}`, options).read('all', context()),
      );
      unsubscribe('http.client.request.start', count);
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
      expect(requests).toBe(2);
    });

    test.each([472, 473, 474, 501, 530])(
      'status %i is unavailable and not repeated',
      async (status) => {
        const server = await faulty({ kind: 'status', status });
        const error = await errorOf(providerAt(server.address).read('all', context()));
        expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', storeStatus: status });
        expect(server.requests).toHaveLength(1);
      },
    );

    test("HashiCorp's word for a token that it does not know needs no look-up", async () => {
      const errors = ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'];
      const server = await faulty({ kind: 'status', status: 403, body: { errors } });
      const error = await errorOf(providerAt(server.address).read('all', context()));
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 403 });
      expect(server.requests).toHaveLength(1);
    });

    test('maxRetries bounds the repeats', async () => {
      const server = await faulty({ kind: 'reset' });
      await errorOf(providerAt(server.address, { retry: { max: 0 } }).read('all', context()));
      expect(server.requests).toHaveLength(1);
    });

    test.each([
      ['60', '60 s'],
      ['99999999', '1157 d'],
      ['9'.repeat(400), '36525 d'],
    ])(
      'Retry-After: %s, beyond the time that is left, ends the read at once and is reported',
      async (seconds, told) => {
        const headers = { 'retry-after': seconds };
        const body = { message: 'Too many requests' };
        const server = await faulty({ kind: 'status', status: 429, headers, body });
        const error = await errorOf(providerAt(server.address).read('all', context()));
        expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
        expect(error.reason).toContain(told);
        expect(server.requests).toHaveLength(1);
      },
    );

    test('VAULT_CLIENT_TIMEOUT is the time limit in a chain', async () => {
      const hole = await faulty({ kind: 'black-hole' });
      const clock = manualClock();
      const env = { BAO_CLIENT_TIMEOUT: '1500ms', VAULT_CLIENT_TIMEOUT: '1s' };
      const secrets = createSecrets({ providers: [providerAt(hole.address, { env })], clock });
      const getting = errorOf(secrets.get('A'));
      let settled = false;
      void getting.then(() => {
        settled = true;
      });
      await clock.advance(1_499);
      expect(settled).toBe(false);
      await clock.advance(1);
      expect((await getting).code).toBe('ERR_SECRET_UNAVAILABLE');
      await secrets.close();
    });

    test('the deadline bounds all repeats together', async () => {
      const server = await faulty({ kind: 'reset' });
      const provider = providerAt(server.address, { retry: { max: 1_000_000 } });
      const error = await errorOf(provider.read('all', context({ limit: 400 })));
      expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
      expect(server.requests.length).toBeGreaterThan(1);
    });

    test('a read recovers inside its time', async () => {
      const server = await faulty({ kind: 'reset' });
      const reading = providerAt(server.address, { retry: { max: 1_000 } }).read('all', context());
      while (server.requests.length < 2) await new Promise(setImmediate);
      server.become(answerOf({ A: value }));
      expect((await reading).entries.get('A')).toMatchObject({ value });
    });

    test.concurrent.each<[string, Fault]>([
      ['a black hole', { kind: 'black-hole' }],
      ['a slow loris in the body', { kind: 'slow-loris' }],
      ['a slow loris in a header', { kind: 'slow-loris', part: 'head' }],
    ])('%s: the deadline bounds the whole exchange', async (_, fault) => {
      const server = await faulty(fault);
      const error = await errorOf(providerAt(server.address).read('all', context({ limit: 300 })));
      expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
    });

    test('an abort ends the exchange and its connection', async () => {
      const server = await faulty({ kind: 'black-hole' });
      const caller = new AbortController();
      const reading = errorOf(
        providerAt(server.address).read('all', context({ signal: caller.signal })),
      );
      while (server.requests.length === 0) await new Promise(setImmediate);
      caller.abort();
      expect((await reading).code).toBe('ERR_SECRET_ABORTED');
      while (server.openConnections > 0) await new Promise(setImmediate);
    });
  });

  describe('redirects', () => {
    test.each([301, 302, 303, 307, 308])(
      '%i to a foreign host: nothing is sent there',
      async (status) => {
        const elsewhere = await faulty(answerOf({ A: 'evil' }));
        const location = `${elsewhere.address}/v1/secret/data/shop`;
        const server = await faulty({ kind: 'redirect', status, location });
        const provider = providerAt(server.address);
        for (const call of [() => provider.read('all', context()), () => write(provider)]) {
          const error = await errorOf(call());
          expect(error.code).toBe(status === 307 ? 'ERR_SECRET_UNAVAILABLE' : 'ERR_SECRET_CONFIG');
          expect(error.message).toContain(elsewhere.address);
        }
        expect(elsewhere.received()).toBe('');
      },
    );

    test('307 to a listed node with the same path is followed once', async () => {
      const leader = await faulty(answerOf({ A: value }));
      const location = `${leader.address}/v1/secret/data/shop`;
      const standby = await faulty({ kind: 'redirect', location });
      const provider = providerAt(standby.address, { nodes: [leader.address] });
      const { entries } = await provider.read('all', context());
      expect(entries.get('A')).toMatchObject({ value });
      expect(leader.requests[0]?.headers['x-vault-token']).toBe(token);

      leader.become({ kind: 'redirect', location: `${standby.address}/v1/secret/data/shop` });
      const error = await errorOf(
        providerAt(standby.address, { nodes: [leader.address], retry: { max: 0 } }).read(
          'all',
          context(),
        ),
      );
      expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
      // each of the two is asked, and each one's redirect followed once
      expect(standby.requests).toHaveLength(3);
      expect(error.reason).toContain('after another node failed');
    });

    test("the node's origin may be spelled in another way than in the list", async () => {
      const leader = await faulty(answerOf({ A: value }));
      const location = `${leader.address.toUpperCase()}/v1/secret/data/shop`;
      const standby = await faulty({ kind: 'redirect', location });
      const provider = providerAt(standby.address, { nodes: [leader.address] });
      expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
    });

    test('307 to another path is not followed, since it would read another secret', async () => {
      const leader = await faulty(answerOf({ A: 'of another' }));
      const location = `${leader.address}/v1/secret/data/other`;
      const standby = await faulty({ kind: 'redirect', location });
      const provider = providerAt(standby.address, { nodes: [leader.address] });
      expect((await errorOf(provider.read('all', context()))).code).toBe('ERR_SECRET_CONFIG');
      expect(leader.received()).toBe('');
    });

    test('VAULT_DISABLE_REDIRECTS follows none, to a listed node neither', async () => {
      const standby = await faulty({ kind: 'black-hole' });
      standby.become({ kind: 'redirect', location: `${standby.address}/v1/secret/data/shop` });
      for (const [env, requests] of [
        [{}, 2],
        [{ VAULT_DISABLE_REDIRECTS: 'true' }, 3],
      ] as const) {
        await errorOf(
          providerAt(standby.address, { env, retry: { max: 0 } }).read('all', context()),
        );
        expect(standby.requests).toHaveLength(requests);
      }
    });
  });

  describe('a write', () => {
    /** The error of a write onto version 3 alone that is answered by `fault`; reads before and after find version 3 and 4. */
    async function writeAnsweredBy(fault: Fault): Promise<{ error: SecretError; sent: number }> {
      const server = await faulty(answerOf({ OLD: 'x' }, 3));
      const writes = () => server.requests.filter(({ method }) => method === 'POST').length;
      const provider = providerAt(server.address);
      const { revision } = await provider.read('all', context());
      const before = server.requests.length;
      const writing = errorOf(write(provider, undefined, revision));
      // both ends run in this process: the server is told before the client can send the next request
      while (server.requests.length === before) await new Promise(setImmediate);
      server.become(fault);
      while (writes() === 0) await new Promise(setImmediate);
      const repeated =
        fault.kind === 'redirect' || (fault.kind === 'status' && fault.status === 429);
      if (!repeated) server.become(answerOf({ OTHER: 'y' }, 4));
      const error = await writing;
      return { error, sent: writes() };
    }

    test.each([301, 302, 303, 307, 308])('a %i sends its body nowhere else', async (status) => {
      const elsewhere = await faulty(answerOf({}));
      const location = `${elsewhere.address}/v1/secret/data/shop`;
      const { error } = await writeAnsweredBy({ kind: 'redirect', status, location });
      expect(error.message).toContain(elsewhere.address);
      expect(elsewhere.received()).toBe('');
    });

    test.each<[string, Fault]>([
      ['a reset', { kind: 'reset' }],
      ['an answer that is cut off', { kind: 'cut' }],
      ['status 500', { kind: 'status', status: 500, body: { errors: ['internal error'] } }],
      ['status 502', { kind: 'status', status: 502, body: '<html>' }],
      ['a web page', { kind: 'html' }],
    ])(
      'a write that ends with %s is sent once, and another version in its place is a conflict',
      async (_, fault) => {
        const { error, sent } = await writeAnsweredBy(fault);
        expect(sent).toBe(1);
        expect(error.code).toBe('ERR_SECRET_CONFLICT');
      },
    );

    test.each<[string, Fault, string]>([
      [
        'too many names',
        {
          kind: 'status',
          status: 400,
          body: { errors: ['refused JSON input due to high complexity'] },
        },
        'ERR_SECRET_UNSUPPORTED',
      ],
      ['too large a request', { kind: 'status', status: 413 }, 'ERR_SECRET_UNSUPPORTED'],
      [
        'too large an entry',
        { kind: 'status', status: 500, body: { errors: ['value being too large'] } },
        'ERR_SECRET_UNSUPPORTED',
      ],
      [
        'a sealed server',
        { kind: 'status', status: 503, body: { errors: ['Vault is sealed'] } },
        'ERR_SECRET_UNAVAILABLE',
      ],
    ])('%s: it is refused and sent once', async (_, fault, code) => {
      const { error, sent } = await writeAnsweredBy(fault);
      expect(error.code).toBe(code);
      expect(sent).toBe(1);
    });

    test('a quota: it is sent again, since the server did not act on it', async () => {
      const { error, sent } = await writeAnsweredBy({ kind: 'status', status: 429 });
      expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
      expect(sent).toBe(3);
    });
  });

  describe('what goes out', () => {
    test('the token, the request header and no cookie or agent of a library', async () => {
      const server = await faulty(answerOf({}));
      await providerAt(server.address, { namespace: '/team-a/' }).read('all', context());
      const [request] = server.requests;
      expect(request?.method).toBe('GET');
      expect(request?.target).toBe('/v1/secret/data/shop');
      expect(request?.headers).toEqual({
        accept: 'application/json',
        connection: 'keep-alive',
        host: server.address.slice('http://'.length),
        'x-vault-namespace': 'team-a',
        'x-vault-request': 'true',
        'x-vault-token': token,
      });
    });

    test('neither token nor namespace to sys/health', async () => {
      const server = await faulty({ kind: 'status', status: 200, body: { sealed: true } });
      const checks = await providerAt(server.address, { namespace: 'team-a' }).check?.(context());
      expect(checks?.at(-1)).toMatchObject({ subject: 'seal', state: 'failing' });
      expect(server.requests[0]?.headers).not.toHaveProperty('x-vault-token');
      expect(server.requests[0]?.headers).not.toHaveProperty('x-vault-namespace');
    });

    test('nothing through a proxy variable, and nothing from VAULT_ variables of the process', async () => {
      const proxy = await faulty(answerOf({}));
      const server = await faulty(answerOf({ A: value }));
      const before = { ...process.env };
      Object.assign(process.env, {
        http_proxy: proxy.address,
        HTTP_PROXY: proxy.address,
        VAULT_ADDR: proxy.address,
        VAULT_PREFIX: '/evil',
        VAULT_NAMESPACE: 'evil',
        VAULT_SKIP_VERIFY: 'perhaps',
      });
      try {
        await providerAt(server.address).read('all', context());
      } finally {
        process.env = before;
      }
      expect(proxy.received()).toBe('');
      expect(server.requests[0]?.target).toBe('/v1/secret/data/shop');
      expect(server.requests[0]?.headers).not.toHaveProperty('x-vault-namespace');
    });

    test('a path whose segments look like URL syntax stays one path', async () => {
      const server = await faulty(answerOf({}));
      const path = 'a b/q?x=1/#f/%2e%2e/;&=\'"\\:@/ключ/😀';
      await providerAt(server.address, { path }).read('all', context());
      const sent = server.requests[0]?.target.slice('/v1/secret/data/'.length);
      expect(sent?.split('/').map(decodeURIComponent).join('/')).toBe(path);
    });

    test('a prefix of the address goes in front of the API', async () => {
      const server = await faulty(answerOf({}));
      await providerAt(`${server.address}/vault/`).read('all', context());
      expect(server.requests[0]?.target).toBe('/vault/v1/secret/data/shop');
    });

    test('connections are kept and used again', async () => {
      const server = await faulty(answerOf({}));
      const provider = providerAt(server.address);
      for (let reads = 0; reads < 3; reads += 1) await provider.read('all', context());
      expect(server.connections).toBe(1);
      await provider.close?.();
      while (server.openConnections > 0) await new Promise(setImmediate);
      expect((await errorOf(provider.read('all', context()))).code).toBe('ERR_SECRET_ABORTED');
    });
  });

  test('a unix socket is an address', async () => {
    const directory = await testFolder();
    const socket = join(directory, 'agent.sock');
    const agent = createServer((request, response) => {
      const body = { data: { data: { HOST: request.headers.host }, metadata: { version: 1 } } };
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => agent.listen(socket, resolve));
    endings.push(async () => {
      agent.close();
      agent.closeAllConnections();
    });
    const { entries } = await providerAt(`unix://${socket}`).read('all', context());
    expect(entries.get('HOST')).toMatchObject({ value: 'localhost' });
  });
});
