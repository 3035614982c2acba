import { createSecrets, isSecretError, memoryProvider, type Secrets } from '@keyfall/core';
import { vaultProvider } from '@keyfall/provider-vault';
import {
  assertNoLeak,
  controllableProvider,
  freePort,
  sharedVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { fastifySecrets } from '../src/index.ts';

const canary = 'canary-value-6d71';

let server: VaultServer;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/shop`, { data: { KEY: canary } });
});

/** A server with a route that needs a secret, and what it has written to its log. */
async function serverOf(
  secrets: Secrets,
  more: object = {},
  prepare: (app: FastifyInstance) => void = () => {},
) {
  const lines: string[] = [];
  const app = Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } });
  onTestFinished(() => app.close());
  await app.register(fastifySecrets, { secrets, ...more });
  prepare(app);
  app.get('/', async () => ({ length: (await app.secrets.get('KEY')).length }));
  return { app, lines };
}

function vault(options: object = {}): Secrets {
  const { address, token } = server;
  return createSecrets({
    providers: [vaultProvider({ address, token, mount, path: 'shop', ...options })],
  });
}

test('the chain is on the server, and on plugins of it', async () => {
  const secrets = vault();
  const { app, lines } = await serverOf(secrets, {}, (app) => {
    app.register(async (inner) => {
      inner.get('/inner', async () => inner.secrets === secrets);
    });
  });
  expect((await app.inject('/')).json()).toEqual({ length: canary.length });
  expect((await app.inject('/inner')).json()).toBe(true);
  assertNoLeak([canary, server.token], lines);
});

describe('a request that fails by a secret', () => {
  const denied = async () => {
    const policy = await server.createPolicy('path "nothing" { capabilities = ["read"] }');
    return vault({ token: (await server.createToken({ policies: [policy] })).token });
  };

  test.each([
    ['denied', denied, 503, 'ERR_SECRET_DENIED'],
    [
      'not authenticated',
      async () => vault({ token: 'hvs.unknown' }),
      503,
      'ERR_SECRET_UNAUTHENTICATED',
    ],
    [
      'not reachable',
      async () => vault({ address: `http://127.0.0.1:${await freePort()}` }),
      503,
      'ERR_SECRET_UNAVAILABLE',
    ],
    ['without the name', async () => vault({ path: 'empty' }), 500, 'ERR_SECRET_NOT_FOUND'],
    ['not set up', async () => vault({ path: undefined }), 500, 'ERR_SECRET_CONFIG'],
  ])('of a Vault that is %s', async (_, chain, status, code) => {
    const { app, lines } = await serverOf(await chain());
    const answer = await app.inject('/');
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toEqual({
      statusCode: status,
      error: status === 503 ? 'Service Unavailable' : 'Internal Server Error',
      message: 'A secret could not be read.',
    });
    const logged = lines.map((line) => JSON.parse(line)).find(({ err }) => err !== undefined);
    expect(logged).toMatchObject({ level: 50, err: { code } });
    assertNoLeak([canary, server.token], answer.body, lines);
  });

  test('in an outage keeps what is still known', async () => {
    const provider = controllableProvider({ KEY: canary });
    const { app } = await serverOf(createSecrets({ providers: [provider], ttl: 0 }));
    expect((await app.inject('/')).statusCode).toBe(200);
    provider.fail('ERR_SECRET_UNAVAILABLE');
    expect((await app.inject('/')).statusCode).toBe(200);
  });
});

describe('an error of the application', () => {
  const forbidden = Object.assign(new Error('not yours'), { statusCode: 403 });

  test('is answered as without the plugin', async () => {
    const { app } = await serverOf(vault(), {}, (app) => {
      app.get('/mine', async () => Promise.reject(forbidden));
    });
    const bare = Fastify();
    onTestFinished(() => bare.close());
    bare.get('/mine', async () => Promise.reject(forbidden));
    const [ours, theirs] = await Promise.all([app.inject('/mine'), bare.inject('/mine')]);
    expect(ours.statusCode).toBe(403);
    expect(ours.body).toBe(theirs.body);
  });

  test('goes to its own handler, which passes on what is not its own', async () => {
    const { app } = await serverOf(vault({ token: 'hvs.unknown' }), {}, (app) => {
      app.register(async (inner) => {
        inner.setErrorHandler((error, _request, reply) => {
          if (isSecretError(error)) throw error;
          return reply.code(418).send('mine');
        });
        inner.get('/mine', async () => Promise.reject(forbidden));
        inner.get('/secret', async () => inner.secrets.get('KEY'));
      });
    });
    expect((await app.inject('/mine')).statusCode).toBe(418);
    expect((await app.inject('/secret')).statusCode).toBe(503);
  });
});

describe('the health route', () => {
  test('is not there unless it is asked for', async () => {
    const { app } = await serverOf(vault());
    expect((await app.inject('/health')).statusCode).toBe(404);
  });

  test('is ok, then degraded by a store that is down, then failing without a name', async () => {
    const store = controllableProvider({ KEY: canary }, { name: 'store' });
    const secrets = createSecrets({
      providers: [store, memoryProvider({ KEY: 'fallback' })],
      ttl: 0,
      staleIfError: 0,
    });
    secrets.on('fallback', () => {});
    const { app } = await serverOf(secrets, { health: '/health', names: ['KEY'] });
    const ask = async () => {
      const answer = await app.inject('/health');
      expect(answer.headers['cache-control']).toBe('no-store');
      assertNoLeak([canary, 'fallback'], answer.body);
      expect(answer.body).not.toContain('KEY');
      return [answer.statusCode, answer.json()];
    };
    const ready = { state: 'ready', breaker: 'closed' };
    expect(await ask()).toMatchObject([
      200,
      { status: 'ok', providers: [{ provider: 'store', ...ready }, { provider: 'memory' }] },
    ]);
    store.fail('ERR_SECRET_UNAVAILABLE');
    const failing = { provider: 'store', state: 'failing', code: 'ERR_SECRET_UNAVAILABLE' };
    expect(await ask()).toMatchObject([200, { status: 'degraded', providers: [failing, ready] }]);
    store.recover();
    await secrets.refresh();
    store.deny();
    expect(await ask()).toMatchObject([
      503,
      { status: 'failing', providers: [{ state: 'failing', code: 'ERR_SECRET_DENIED' }, {}] },
    ]);
  });

  test('without names says what is known, and never fails', async () => {
    const store = controllableProvider({});
    const { app } = await serverOf(createSecrets({ providers: [store] }), { health: '/health' });
    const answer = await app.inject('/health');
    expect([answer.statusCode, answer.json()]).toMatchObject([200, { status: 'ok' }]);
    expect(store.calls).toEqual([]);
  });
});

test('the chain is closed with the server, after its last request', async () => {
  const secrets = vault();
  const { app } = await serverOf(secrets);
  await app.listen({ port: 0, host: '127.0.0.1' });
  expect((await fetch(app.listeningOrigin)).status).toBe(200);
  await app.close();
  await expect(secrets.get('KEY')).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
});

test.each([
  ['an option that it has not', { helath: '/health' }],
  ['an option of another kind', { names: 'KEY' }],
])('%s fails the start', async (_, more) => {
  const app = Fastify();
  onTestFinished(() => app.close());
  app.register(fastifySecrets, { secrets: vault(), ...(more as object) });
  await expect(app.ready()).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
});

test('options of Fastify itself are none of its own', async () => {
  const app = Fastify();
  onTestFinished(() => app.close());
  const options = { secrets: vault(), prefix: '/v1', logLevel: 'warn' as const };
  await expect(app.register(fastifySecrets, options).ready()).resolves.toBeDefined();
});
