// Answers that are cut or somebody else's, states of a version and of credentials, and what a program in plain JavaScript
// may hand over.
import { createSecrets, isSecretError, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, callContext as context } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type GcpSecretManagerProviderOptions, gcpSecretManagerProvider } from '../src/index.ts';
import {
  type Caller,
  googleError,
  type Reply,
  type SecretManager,
  startSecretManager,
} from './secret-manager.ts';

const canary = 'canary-value-93e1';
let cloud: SecretManager;
let caller: Caller;
beforeAll(async () => {
  cloud = await startSecretManager();
  caller = cloud.newCaller();
});
afterEach(() => {
  cloud.answer(undefined);
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await cloud?.stop();
});

let projects = 0;
const newProject = () => {
  projects += 1;
  return `hostile-${projects}`;
};
const providerOf = (options: GcpSecretManagerProviderOptions = {}) =>
  gcpSecretManagerProvider({
    project: 'shop',
    address: cloud.address,
    credentials: caller.credentials,
    ...options,
  });
const ok = (body: unknown): Reply => ({ status: 200, body: JSON.stringify(body) });
const write = async (provider: SecretProvider, entries: Record<string, string | null>) =>
  provider.write?.({ entries: new Map(Object.entries(entries)) }, context());
const failureOf = (work: Promise<unknown> | undefined) =>
  Promise.resolve(work).then(
    () => undefined,
    (thrown) => thrown,
  );

describe('a broken answer does not make a name missing', () => {
  test.each<[string, object]>([
    ['no content', { name: 'projects/1/secrets/A/versions/1' }],
    ['no base64', { payload: { data: `{${canary}}` } }],
    ['a number', { payload: { data: 7 } }],
  ])('%s', async (_, body) => {
    cloud.answer(() => ok(body));
    const { entries } = await providerOf().read(['A'], context());
    expect(entries.get('A')).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'A' });
    assertNoLeak([canary, caller.token], entries.get('A'));
  });

  test.each<[string, Reply, string]>([
    ['a 404 of another server', { status: 404, body: '<html>' }, 'ERR_SECRET_INVALID'],
    ['a 404 of another API', { status: 404, body: '{"message":"x"}' }, 'ERR_SECRET_INVALID'],
    ['a failure with status 200', ok([]), 'ERR_SECRET_INVALID'],
    ['a state of its own', googleError(400, 'OUT_OF_RANGE'), 'ERR_SECRET_CONFIG'],
  ])('%s', async (_, reply, code) => {
    cloud.answer(() => reply);
    const reading = providerOf()
      .read(['A'], context())
      .then(({ entries }) => entries.get('A'));
    const found = await reading.catch((thrown) => thrown);
    expect(found).toMatchObject({ code });
  });

  test.each<[string, unknown]>([
    ['text', { secrets: canary }],
    ['things without names', { secrets: [{ value: canary }] }],
  ])('a list that holds %s', async (_, body) => {
    cloud.answer(() => ok(body));
    const error = await failureOf(providerOf().list?.(context()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    assertNoLeak([canary], error);
  });

  test('a list that sends a page again ends in an error', async () => {
    let pages = 0;
    cloud.answer(() => {
      pages += 1;
      return ok({ secrets: [{ name: 'projects/1/secrets/A' }], nextPageToken: `${pages}` });
    });
    const error = await failureOf(providerOf().read('all', context()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(pages).toBeLessThanOrEqual(3);
  });
});

describe('the newest version', () => {
  test.each(['disable', 'destroy'])('counts as absent after %s', async (verb) => {
    const project = newProject();
    await cloud.put(project, 'A', 'first');
    await cloud.put(project, 'A', 'second');
    await cloud.admin('POST', `projects/${project}/secrets/A/versions/2:${verb}`);
    const provider = providerOf({ project });
    expect((await provider.read(['A'], context())).entries.size).toBe(0);
    const versions = await provider.history?.('A', context());
    expect(versions?.map(({ version, state }) => [version, state])).toEqual([
      ['2', verb === 'disable' ? 'deleted' : 'destroyed'],
      ['1', 'previous'],
    ]);
    expect(await provider.readVersion?.('A', '1', context())).toMatchObject({ value: 'first' });
    expect(await provider.readVersion?.('A', '2', context())).toBeUndefined();
  });

  test('that is in force and cannot be had is no missing one: its key may not be used', async () => {
    // drongo has no keys: Google's own answer for this one request
    const project = newProject();
    await cloud.put(project, 'A', 'first');
    cloud.answer((_, path) =>
      path.endsWith(':access') ? googleError(400, 'FAILED_PRECONDITION') : undefined,
    );
    const { entries } = await providerOf({ project }).read(['A'], context());
    expect(entries.get('A')).toMatchObject({ code: 'ERR_SECRET_DENIED', secretName: 'A' });
  });

  test('whose state may not be asked is no missing one', async () => {
    cloud.answer((_, path) =>
      path.endsWith(':access')
        ? googleError(400, 'FAILED_PRECONDITION')
        : googleError(403, 'PERMISSION_DENIED'),
    );
    const { entries } = await providerOf().read(['A'], context());
    expect(isSecretError(entries.get('A'), 'ERR_SECRET_DENIED')).toBe(true);
  });
});

test('an API that is not enabled is named', async () => {
  cloud.answer(() => googleError(403, 'PERMISSION_DENIED', 'SERVICE_DISABLED'));
  const found = await providerOf().check?.(context());
  expect(found).toMatchObject([
    { state: 'failing', code: 'denied', hint: expect.stringContaining('gcloud services enable') },
  ]);
});

describe('credentials', () => {
  test('a token that is not accepted any more is asked for once more', async () => {
    const project = newProject();
    await cloud.put(project, 'A', 'a');
    const revoked = cloud.newCaller();
    revoked.forget();
    const tokens = [revoked.token, caller.token];
    const getAccessToken = async () => ({ token: tokens.shift() });
    const provider = providerOf({ project, credentials: { getAccessToken } });
    expect((await provider.read(['A'], context())).entries.get('A')).toMatchObject({ value: 'a' });
  });

  test.each<[string, unknown, string]>([
    ['nothing', null, 'ERR_SECRET_UNAUTHENTICATED'],
    ['a token over two lines', `${canary}\n`, 'ERR_SECRET_UNAUTHENTICATED'],
    ['an error', new Error(canary), 'ERR_SECRET_UNAUTHENTICATED'],
    [
      'a key file that is not there',
      Object.assign(new Error(canary), { code: 'ENOENT' }),
      'ERR_SECRET_UNAUTHENTICATED',
    ],
    [
      'no answer',
      Object.assign(new Error(canary), { code: 'ECONNREFUSED' }),
      'ERR_SECRET_UNAVAILABLE',
    ],
    [
      'an outage',
      Object.assign(new Error(canary), { response: { status: 503, data: canary } }),
      'ERR_SECRET_UNAVAILABLE',
    ],
    [
      'a refused grant',
      Object.assign(new Error(canary), { response: { status: 400, data: canary } }),
      'ERR_SECRET_UNAUTHENTICATED',
    ],
    [
      'an untrusted certificate',
      Object.assign(new Error(canary), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      'ERR_SECRET_TLS',
    ],
  ])('that give %s end a read and a write without a request', async (_, given, code) => {
    const getAccessToken = async () => {
      if (given instanceof Error) throw given;
      return given as string | null;
    };
    const provider = providerOf({ credentials: { getAccessToken } });
    const before = cloud.seen.length;
    for (const failing of [
      provider.read(['A'], context()),
      provider.read('all', context()),
      write(provider, { A: 'a' }),
    ]) {
      const error = await failureOf(failing);
      expect(error).toMatchObject({ code });
      assertNoLeak([canary], error);
    }
    expect(cloud.seen.length).toBe(before);
  });

  test('that do not answer are not waited for when the call is given up', async () => {
    const getAccessToken = () => new Promise<string>(() => {});
    const stop = new AbortController();
    const reading = providerOf({ credentials: { getAccessToken } }).read(['A'], {
      ...context(),
      signal: stop.signal,
    });
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  });
});

describe('a write', () => {
  test('of a secret that another writer has just created is made, too', async () => {
    const project = newProject();
    await cloud.put(project, 'A', 'theirs');
    let adds = 0;
    // drongo has it by now: the front answers the first try as Google did a moment before
    cloud.answer((method, path) =>
      method === 'POST' && path.endsWith(':addVersion') && adds++ === 0
        ? googleError(404, 'NOT_FOUND')
        : undefined,
    );
    expect(await write(providerOf({ project }), { A: 'ours' })).toEqual({
      conditional: false,
      version: '2',
    });
  });

  test('whose answer is lost may have been made, and says so', async () => {
    cloud.answer(() => 'cut');
    const error = await failureOf(write(providerOf(), { A: canary }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', applied: 'unknown' });
    assertNoLeak([canary, caller.token], error);
  });

  test.each<[string, object]>([
    ['nothing', {}],
    ['another thing', { name: canary }],
  ])('whose answer is %s may have been made, and says so', async (_, body) => {
    cloud.answer(() => ok(body));
    const error = await failureOf(write(providerOf(), { A: 'a' }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', applied: 'unknown' });
    assertNoLeak([canary, caller.token], error);
  });

  test('that the rules of the project refuse changed nothing', async () => {
    cloud.answer((_, path) =>
      path.endsWith(':addVersion')
        ? googleError(404, 'NOT_FOUND')
        : googleError(400, 'FAILED_PRECONDITION'),
    );
    const error = await failureOf(write(providerOf(), { A: canary }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  });

  test.each<[string, Record<string, string>]>([
    ['more bytes than Google keeps', { A: 'é'.repeat(32_769) }],
    ['half a character', { A: 'a\ud800' }],
    ['nothing', { A: '' }],
    ['a name with a dot', { 'a.b': 'a' }],
    ['a name with a method', { 'A:access': 'a' }],
  ])('of %s is refused before anything is sent', async (_, entries) => {
    const before = cloud.seen.length;
    const error = await failureOf(write(providerOf(), { FIRST: 'first', ...entries }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
    expect(cloud.seen.length).toBe(before);
  });
});

test.each<[unknown, string | undefined]>([
  [null, undefined],
  ['shop', undefined],
  [{ project: 5 }, 'project'],
  [{ project: 'projects/shop' }, 'project'],
  [{ project: 'shop/../other' }, 'project'],
  [{ prefix: 'shop/' }, 'prefix'],
  [{ credentials: {} }, 'credentials'],
  [{ address: 'http://secretmanager.example' }, 'address'],
  [{ address: 'https://user:password-canary@secretmanager.example' }, 'address'],
  [{ address: 'https://secretmanager.example/v1' }, 'address'],
  [{ name: [] }, 'name'],
])('the options %j are refused, and the error names %s', (options, option) => {
  expect(() => gcpSecretManagerProvider(options as GcpSecretManagerProviderOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      setting: option === undefined ? undefined : expect.objectContaining({ option }),
    }),
  );
});

test('without a project the first call fails, and a chain may go past it', async () => {
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', undefined);
  const provider = gcpSecretManagerProvider({ credentials: caller.credentials });
  expect([provider.store, provider.place]).toEqual([
    'not configured',
    { kind: 'gcp-secret-manager' },
  ]);
  await expect(createSecrets({ providers: [provider] }).get('A')).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { option: 'project', variable: 'GOOGLE_CLOUD_PROJECT', isMissing: true },
  });
  const providers = [{ provider, ifUnconfigured: 'skip' } as const, memoryProvider({ A: 'a' })];
  const secrets = createSecrets({ providers });
  secrets.on('fallback', () => {});
  expect(await secrets.get('A')).toBe('a');
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'shop');
  expect(provider.store).toBe('shop/*');
});
