/**
 * The chain over a real Vault provider: what each way of failing on the wire costs, and that it costs
 * it once. Time is stepped by hand, requests are counted; nothing here measures the machine.
 */
import {
  createSecrets,
  isSecretError,
  memoryProvider,
  type Secrets,
  type SecretsEvents,
} from '@keyfall/core';
import {
  assertNoLeak,
  type Fault,
  faultyServer,
  manualClock,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { vaultProvider } from '../src/index.ts';
import { droppingAddress } from './dropping-address.ts';
import { canary, freshPath, readPolicy, relayTo, tokenFor } from './harness.ts';

const token = canary();
const plain = canary();
const names = Array.from({ length: 40 }, (_, index) => `NAME_${index}`);
const dotenv = () =>
  memoryProvider(
    names.map((name) => [name, plain] as const),
    { name: 'dotenv' },
  );
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function listen(secrets: Secrets): {
  readonly fallbacks: SecretsEvents['fallback'][];
  recovered: number;
} {
  const heard = { fallbacks: [] as SecretsEvents['fallback'][], recovered: 0 };
  secrets.on('fallback', (event) => heard.fallbacks.push(event));
  secrets.on('recovered', () => {
    heard.recovered += 1;
  });
  secrets.on('denied', () => {});
  endings.push(() => secrets.close());
  return heard;
}

async function faulty(fault: Fault) {
  const server = await faultyServer(fault);
  endings.push(() => server.close());
  return server;
}

describe('a store that does not answer costs one time limit once', () => {
  const silent = async (kind: 'black-hole' | 'slow-loris') => {
    const server = await faulty({ kind });
    return { address: server.address, requests: () => server.requests.length };
  };
  test.each([
    ['takes the request and says nothing', () => silent('black-hole')],
    ['answers one byte at a time', () => silent('slow-loris')],
    [
      'drops SYN packets',
      async () => ({ address: await droppingAddress(endings), requests: undefined }),
    ],
  ])('%s', async (_, start) => {
    const { address, requests } = await start();
    const clock = manualClock();
    const vault = vaultProvider({ address, token, path: 'shop', kvVersion: 2, env: {} });
    const secrets = createSecrets({ providers: [vault, dotenv()], clock });
    const heard = listen(secrets);
    let settled = 0;
    const gets = names.map((name) => secrets.get(name).finally(() => (settled += 1)));
    if (requests) await expect.poll(requests).toBe(1);
    await clock.advance(2_499);
    expect(settled).toBe(0);
    await clock.advance(1);
    expect(new Set(await Promise.all(gets))).toEqual(new Set([plain]));
    for (let count = 0; count < 200; count += 1) await secrets.get('NAME_0');
    if (requests) expect(requests()).toBe(1);
    expect(heard.fallbacks).toMatchObject([
      { provider: 'vault', reason: 'unavailable', answeredBy: 'dotenv' },
    ]);
    assertNoLeak(
      [token, plain],
      heard.fallbacks,
      secrets.status(),
      await secrets.explain('NAME_1'),
    );
  });
});

test('a store that answers 503: two requests for a thousand gets, one more at the most for 200 later ones', async () => {
  const server = await faulty({
    kind: 'status',
    status: 503,
    body: { errors: ['Vault is sealed'] },
  });
  const vault = vaultProvider({
    address: server.address,
    token,
    path: 'shop',
    kvVersion: 2,
    env: {},
  });
  const secrets = createSecrets({ providers: [vault, dotenv()] });
  const heard = listen(secrets);
  await Promise.all(Array.from({ length: 1_000 }, (_, index) => secrets.get(`NAME_${index % 40}`)));
  expect(server.requests).toHaveLength(2);
  for (let count = 0; count < 200; count += 1) await secrets.get('NAME_0');
  expect(server.requests.length).toBeLessThanOrEqual(3);
  expect(heard.fallbacks).toHaveLength(1);
});

describe('on a real server', () => {
  let server: VaultServer;
  let mount: string;
  beforeAll(async () => {
    server = await startVaultServer({ external: false });
    mount = await server.mountKv();
  });
  afterAll(() => server?.stop());

  async function shop(values: Readonly<Record<string, string>> = { NAME_0: 'from vault' }) {
    const path = freshPath();
    await server.request('POST', `${mount}/data/${path}`, { data: values });
    const reader = await tokenFor(server, readPolicy(mount, path));
    const at = (given: string, more: object = {}) =>
      vaultProvider({ address: server.address, mount, path, token: given, env: {}, ...more });
    return { path, reader, at };
  }

  test('a thousand first gets of forty names are one request, after one for the KV version', async () => {
    const { path, reader } = await shop(
      Object.fromEntries(names.map((name) => [name, `${name}!`])),
    );
    for (const [kvVersion, expected] of [
      [2, [`GET /v1/${mount}/data/${path}`]],
      [undefined, [`GET /v1/sys/internal/ui/mounts/${mount}`, `GET /v1/${mount}/data/${path}`]],
    ] as const) {
      const relay = await relayTo(server.address);
      endings.push(() => relay.close());
      const vault = vaultProvider({
        address: relay.address,
        mount,
        path,
        token: reader.token,
        env: {},
        ...(kvVersion && { kvVersion }),
      });
      const secrets = createSecrets({ providers: [vault, dotenv()] });
      listen(secrets);
      const all = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) => secrets.get(`NAME_${index % 40}`)),
      );
      expect(all[41]).toBe('NAME_1!');
      expect(relay.requests).toEqual(expected);
    }
  });

  test('denied, not authenticated, and a path that was mistyped are three different things', async () => {
    const { at, reader } = await shop();
    const { token: stranger } = await server.createToken();
    for (const [given, code] of [
      [stranger, 'ERR_SECRET_DENIED'],
      [`s.${canary()}`, 'ERR_SECRET_UNAUTHENTICATED'],
    ] as const) {
      const secrets = createSecrets({ providers: [at(given, { kvVersion: 2 }), dotenv()] });
      const { fallbacks } = listen(secrets);
      for (const call of [
        () => secrets.get('NAME_0'),
        () => secrets.find('NAME_0'),
        () => secrets.getAll(),
      ]) {
        const error = await call().catch((reason: unknown) => reason);
        if (!isSecretError(error, code)) throw new Error(`not ${code}`);
        assertNoLeak([given, plain], error);
      }
      expect(fallbacks).toEqual([]);
    }
    const typo = createSecrets({
      providers: [at(server.token, { path: 'shpo', kvVersion: 2 }), dotenv()],
    });
    const { fallbacks } = listen(typo);
    expect(await typo.get('NAME_0')).toBe(plain);
    expect(fallbacks).toMatchObject([
      { reason: 'missing-document', detail: expect.stringContaining(`${mount}/shpo`) },
    ]);
    const required = createSecrets({
      providers: [
        { provider: at(server.token, { path: 'shpo', kvVersion: 2 }), required: true },
        dotenv(),
      ],
    });
    await expect(required.get('NAME_0')).rejects.toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      message: expect.stringContaining(`${mount}/shpo`),
    });
    expect(await createSecrets({ providers: [at(reader.token), dotenv()] }).get('NAME_0')).toBe(
      'from vault',
    );
  });

  test('a server that dies: its last good value, then, when that is too old, the next provider', async () => {
    const { at, reader } = await shop();
    const clock = manualClock();
    const secrets = createSecrets({ providers: [at(reader.token), dotenv()], ttl: '1m', clock });
    const heard = listen(secrets);
    expect(await secrets.get('NAME_0')).toBe('from vault');
    await server.kill();
    await clock.advance(10 * 60_000);
    expect(await secrets.get('NAME_0')).toBe('from vault');
    expect(heard.fallbacks).toMatchObject([
      { answeredBy: 'last-good', detail: expect.stringContaining('refused') },
    ]);
    expect(await secrets.explain('NAME_0')).toMatchObject({
      freshness: 'stale',
      provider: 'vault',
    });
    await clock.advance(60 * 60_000);
    expect(await secrets.get('NAME_0')).toBe(plain);
    const byAnother = { answeredBy: 'dotenv', reason: 'unavailable' };
    expect(heard).toMatchObject({ fallbacks: [{}, byAnother], recovered: 0 });
    await server.restart();
    mount = await server.mountKv();
  });

  test('a server that hangs and comes back is noticed without a restart, and reported once', async () => {
    const { at, reader } = await shop();
    const clock = manualClock();
    const secrets = createSecrets({ providers: [at(reader.token), dotenv()], clock });
    const heard = listen(secrets);
    await server.pause();
    const get = secrets.get('NAME_0');
    await clock.advance(2_500);
    expect(await get).toBe(plain);
    await server.resume();
    expect(await secrets.get('NAME_0')).toBe(plain); // nobody waits before the probe has succeeded
    await clock.advance(1_000);
    await expect.poll(() => heard.recovered, { timeout: 10_000 }).toBe(1);
    expect(await secrets.get('NAME_0')).toBe('from vault');
    expect(heard.fallbacks).toHaveLength(1);
  });
});
