// Without a cluster: a server that answers as the API's reference says (a stand-in), files of a pod, and what a program in plain
// JavaScript may hand over.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, callContext as context, temporaryFolder } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type KubernetesProviderOptions, kubernetesProvider } from '../src/index.ts';
import { type Front, type Reply, startFront, statusReply } from './front.ts';

const canary = 'canary-value-2f90';
const token = 'canary-token-2f90';
let front: Front;
beforeAll(async () => {
  front = await startFront();
});
beforeEach(() => {
  front.seen.length = 0;
});
afterEach(() => {
  front.answer(undefined);
  vi.unstubAllEnvs();
});
afterAll(() => front?.close());

const providerOf = (options: Partial<KubernetesProviderOptions> = {}) =>
  kubernetesProvider({
    secret: 'shop',
    namespace: 'prod',
    address: front.address,
    token,
    ...options,
  });
const ok = (body: unknown): Reply => ({ status: 200, body: JSON.stringify(body) });
const secretWith = (data: object, version = '7') =>
  ok({ kind: 'Secret', metadata: { resourceVersion: version }, data });
const write = async (
  provider: SecretProvider,
  entries: Record<string, string | null>,
  ifRevision?: string,
) =>
  provider.write?.(
    { entries: new Map(Object.entries(entries)), ...(ifRevision !== undefined && { ifRevision }) },
    context(),
  );
const failureOf = (work: Promise<unknown> | undefined) =>
  Promise.resolve(work).then(
    () => undefined,
    (thrown) => thrown,
  );

describe('an answer that is not of Kubernetes makes nothing missing', () => {
  test.each<[string, Reply]>([
    ['a 404 of another server', { status: 404, body: '<html>' }],
    ['a 404 of another API', { status: 404, body: '{"error":"x"}' }],
    ['another kind of thing', ok({ kind: 'ConfigMap', metadata: {}, data: { A: canary } })],
    ['a Secret without a version', ok({ kind: 'Secret', data: { A: canary } })],
    [
      'keys that are a list',
      ok({ kind: 'Secret', metadata: { resourceVersion: '1' }, data: [canary] }),
    ],
  ])('%s', async (_, reply) => {
    front.answer(() => reply);
    const error = await failureOf(providerOf().read(['A'], context()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    assertNoLeak([canary, token], error);
  });

  test.each<[string, unknown]>([
    ['a number', 7],
    ['no base64', `{${canary}}`],
    ['bytes', Buffer.from([0x61, 0xff]).toString('base64')],
  ])('%s as a value is an error of that name alone', async (_, value) => {
    front.answer(() => secretWith({ A: value, B: 'Yg==' }));
    const { entries } = await providerOf().read('all', context());
    expect(entries.get('A')).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'A' });
    expect(entries.get('B')).toEqual({ value: 'b', version: '7' });
    assertNoLeak([canary], entries.get('A'));
  });

  test('a Secret without keys is there, and empty', async () => {
    front.answer(() => ok({ kind: 'Secret', metadata: { resourceVersion: '1' } }));
    const batch = await providerOf().read('all', context());
    expect([batch.entries.size, batch.missingDocument]).toEqual([0, undefined]);
  });
});

describe('a write', () => {
  test.each<[string, Reply, object]>([
    ['a conflict', statusReply(409, 'Conflict'), { code: 'ERR_SECRET_CONFLICT', applied: 'no' }],
    [
      'too large',
      statusReply(413, 'RequestEntityTooLarge'),
      { code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' },
    ],
    [
      'too many',
      statusReply(429, 'TooManyRequests'),
      { code: 'ERR_SECRET_UNAVAILABLE', applied: 'no' },
    ],
    [
      'a failure',
      statusReply(500, 'InternalError'),
      { code: 'ERR_SECRET_UNAVAILABLE', applied: 'unknown' },
    ],
    ['a page', { status: 200, body: '<html>' }, { code: 'ERR_SECRET_INVALID', applied: 'unknown' }],
  ])('that is answered by %s says what became of it', async (_, reply, expected) => {
    front.answer(() => reply);
    const error = await failureOf(write(providerOf(), { A: canary }));
    expect(error).toMatchObject(expected);
    assertNoLeak([canary, token], error);
  });

  test('makes the Secret that another writer removed, and changes the one that another writer made', async () => {
    const answers = [
      statusReply(404, 'NotFound'),
      statusReply(409, 'AlreadyExists'),
      secretWith({ A: 'YQ==' }, '8'),
    ];
    front.answer(() => answers.shift());
    expect(await write(providerOf(), { A: 'a', B: null })).toEqual({
      conditional: true,
      revision: '8',
      version: '8',
    });
    expect(front.seen.map(({ what }) => what.split(' ')[0])).toEqual(['PATCH', 'POST', 'PATCH']);
  });

  test('under a condition neither makes what was removed nor changes what was made', async () => {
    front.answer(() => statusReply(404, 'NotFound'));
    const conflict = { code: 'ERR_SECRET_CONFLICT', applied: 'no' };
    expect(await failureOf(write(providerOf(), { A: 'a' }, '7'))).toMatchObject(conflict);
    front.answer(() => statusReply(409, 'AlreadyExists'));
    expect(await failureOf(write(providerOf(), { A: 'a' }, ''))).toMatchObject(conflict);
    expect(front.seen.map(({ what }) => what.split(' ')[0])).toEqual(['PATCH', 'POST']);
  });
});

describe('a watch', () => {
  const list = (version: string, ...secrets: string[]) =>
    ok({
      kind: 'SecretList',
      metadata: { resourceVersion: version },
      items: secrets.map((resourceVersion) => ({ metadata: { resourceVersion } })),
    });
  const event = (type: string, resourceVersion?: string) =>
    `${JSON.stringify({ type, object: { metadata: { resourceVersion } } })}\n`;
  /** Watches with these answers, each to one request; the last one stays. */
  async function follow(...answers: Reply[]) {
    front.answer(() => (answers.length > 0 ? answers.shift() : 'silence'));
    const changes = vi.fn();
    const stop = new AbortController();
    const watching = failureOf(providerOf().watch?.(changes, stop.signal));
    const versions = () =>
      front.seen
        .filter(({ what }) => what.includes('watch=1'))
        .map(({ what }) => /resourceVersion=(\w*)/.exec(what)?.[1]);
    return {
      watching,
      changes,
      versions,
      async end() {
        stop.abort();
        return watching;
      },
    };
  }

  test('goes on from where the last event or bookmark was, when the API ends it', async () => {
    const events = [event('MODIFIED', '12'), event('BOOKMARK', '20')].join('');
    const { changes, versions, end } = await follow(list('10', '5'), { status: 200, body: events });
    await vi.waitFor(() => expect(versions()).toEqual(['10', '20']), 10_000);
    expect(changes).toHaveBeenCalledTimes(1);
    expect(await end()).toBeUndefined();
  });

  test.each<[string, Reply]>([
    [
      'as an event',
      { status: 200, body: `{"type":"ERROR","object":{"kind":"Status","code":410}}\n` },
    ],
    ['as a status', statusReply(410, 'Expired')],
  ])('lists again when its version is not known any more: %s', async (_, gone) => {
    const { changes, versions, end } = await follow(list('10', '5'), gone, list('30', '25'));
    await vi.waitFor(() => expect(versions()).toEqual(['10', '30']), 10_000);
    // the list shows what the watch has missed
    expect(changes).toHaveBeenCalledTimes(1);
    expect(await end()).toBeUndefined();
  });

  test('that has missed nothing reports nothing', async () => {
    const { changes, versions, end } = await follow(
      list('10', '5'),
      statusReply(410, 'Expired'),
      list('30', '5'),
    );
    await vi.waitFor(() => expect(versions()).toEqual(['10', '30']), 10_000);
    expect(changes).not.toHaveBeenCalled();
    await end();
  });

  test.each([
    ['no less', '5', 1],
    ['no more', '6', 0],
  ])('begins where a reader was, however late it begins: %s', async (_, version, count) => {
    front.answer(({ url = '' }) => {
      if (url.includes('watch=1')) return 'silence';
      return url.includes('fieldSelector') ? list('10', '6') : secretWith({}, version);
    });
    const provider = providerOf();
    await provider.read(['A'], context());
    const changes = vi.fn();
    const stop = new AbortController();
    const watching = provider.watch?.(changes, stop.signal);
    await vi.waitFor(() =>
      expect(front.seen.some(({ what }) => what.includes('watch=1'))).toBe(true),
    );
    expect(changes).toHaveBeenCalledTimes(count);
    stop.abort();
    await watching;
  });

  test('waits for an API that cannot be asked at its beginning, and is refused by one that denies it', async () => {
    const waiting = await follow(statusReply(503, 'ServiceUnavailable'), list('10', '5'));
    await vi.waitFor(() => expect(waiting.versions()).toEqual(['10']), 10_000);
    await waiting.end();
    const denied = await follow(statusReply(403, 'Forbidden'));
    expect(await denied.watching).toMatchObject({ code: 'ERR_SECRET_DENIED' });
  });

  test('that gets no events in JSON shows nothing of them', async () => {
    const { versions, end } = await follow(
      list('10', '5'),
      { status: 200, body: `${canary}\n` },
      list('30', '5'),
    );
    await vi.waitFor(() => expect(versions()).toEqual(['10', '30']), 10_000);
    assertNoLeak([canary], await end());
  });
});

describe('where and who', () => {
  test('a token in a file is read for each request, and one that is missing is a setting that is missing', async () => {
    const { folder, remove } = await temporaryFolder();
    const tokenFile = join(folder, 'token');
    const provider = providerOf({ token: undefined, tokenFile });
    front.answer(() => secretWith({}));
    expect(await failureOf(provider.read('all', context()))).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { option: 'tokenFile', isMissing: true },
    });
    for (const [text, sent] of [
      ['first', 'Bearer first'],
      ['second\n', 'Bearer second'],
    ] as const) {
      await writeFile(tokenFile, text);
      await provider.read('all', context());
      expect(front.seen.at(-1)?.authorization).toBe(sent);
    }
    await writeFile(tokenFile, `${canary}\nof two lines`);
    const error = await failureOf(provider.read('all', context()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
    assertNoLeak([canary], error);
    await remove();
  });

  test('the proxy of kubectl needs no token, and the namespace is default', async () => {
    front.answer(() => secretWith({}));
    await providerOf({ token: undefined, namespace: undefined }).read('all', context());
    expect(front.seen).toEqual([
      { what: 'GET /api/v1/namespaces/default/secrets/shop', authorization: undefined },
    ]);
  });

  test('outside of a pod there is no address, and a chain may go past it', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
    const provider = kubernetesProvider({ secret: 'shop' });
    expect([provider.store, provider.place]).toEqual(['not configured', { kind: 'kubernetes' }]);
    await expect(createSecrets({ providers: [provider] }).get('A')).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { option: 'address', variable: 'KUBERNETES_SERVICE_HOST', isMissing: true },
    });
    const providers = [{ provider, ifUnconfigured: 'skip' } as const, memoryProvider({ A: 'a' })];
    const secrets = createSecrets({ providers });
    secrets.on('fallback', () => {});
    expect(await secrets.get('A')).toBe('a');
  });

  test.each([
    ['10.0.0.1', 'https://10.0.0.1'],
    ['fd00::1', 'https://[fd00::1]'],
  ])('in a pod the address is that of its environment: %s', (host, address) => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', host);
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    const { place, store } = kubernetesProvider({ secret: 'shop' });
    expect(place).toEqual({ kind: 'kubernetes', address, paths: ['shop'] });
    expect(store).toBe(`${address} shop`);
  });
});

test.each<[unknown, string | undefined]>([
  [null, undefined],
  ['shop', undefined],
  [{ secret: 5 }, 'secret'],
  [{ secret: '' }, 'secret'],
  [{ secret: '../configmaps/shop' }, 'secret'],
  [{ secret: 'shop', namespace: 'a/b' }, 'namespace'],
  [{ secret: 'shop', namespace: 'a.b' }, 'namespace'],
  [{ secret: 'shop', token: 'two\nlines' }, 'token'],
  [{ secret: 'shop', token: 't', tokenFile: '/token' }, 'tokenFile'],
  [{ secret: 'shop', caFile: '' }, 'caFile'],
  [{ secret: 'shop', address: 'http://kubernetes.example' }, 'address'],
  [{ secret: 'shop', address: 'https://user:password-canary@kubernetes.example' }, 'address'],
  [{ secret: 'shop', address: 'https://kubernetes.example/api' }, 'address'],
  [{ secret: 'shop', name: [] }, 'name'],
])('the options %j are refused, and the error names %s', (options, option) => {
  expect(() => kubernetesProvider(options as KubernetesProviderOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      setting: option === undefined ? undefined : expect.objectContaining({ option }),
    }),
  );
});

test('without a secret the first call fails', async () => {
  const provider = kubernetesProvider({ secret: undefined });
  expect(await failureOf(provider.read('all', context()))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { option: 'secret', isMissing: true },
  });
});
