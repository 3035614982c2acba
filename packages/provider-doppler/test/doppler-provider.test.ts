// What the conformance suite does not ask: Doppler's errors one by one, ETag, rate limits, writes that
// must not happen twice, and the fallback file.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createSecrets,
  isSecretError,
  type SecretError,
  type SecretErrorCode,
} from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { dopplerFallbackProvider, dopplerProvider } from '../src/index.ts';
import { type DopplerStub, startDoppler, status } from './doppler-stub.ts';

const canary = 'canary-value-8c1d';
let doppler: DopplerStub;
let folder: string;
beforeEach(async () => {
  doppler = await startDoppler([
    ['A', canary],
    ['B', ''],
  ]);
  folder = await testFolder();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await doppler.close();
});

const context = (remainingTimeout = 20_000) => ({
  signal: new AbortController().signal,
  remainingTimeout: () => remainingTimeout,
  warn: vi.fn(),
});
const providerOf = (more: object = {}) =>
  dopplerProvider({ token: doppler.token, address: doppler.address, ...more });

test('every name is answered by one request, and an unchanged config by 304', async () => {
  const provider = providerOf();
  const first = await provider.read(['A'], context());
  expect([...first.entries]).toEqual([
    ['A', { value: canary }],
    ['B', { value: '' }],
  ]);
  expect((await provider.read(['A'], context())).entries).toEqual(first.entries);
  doppler.values.set('C', 'new');
  expect((await provider.read(['A'], context())).entries.get('C')).toEqual({ value: 'new' });
  expect(doppler.statuses).toEqual([200, 304, 200]);
});

test.each<[string, DopplerStub['instead'], SecretErrorCode, number | undefined]>([
  ['401', status(401, canary), 'ERR_SECRET_UNAUTHENTICATED', 401],
  ['403', status(403, canary), 'ERR_SECRET_DENIED', 403],
  ['400', status(400, canary), 'ERR_SECRET_CONFIG', 400],
  ['429', status(429, canary), 'ERR_SECRET_UNAVAILABLE', 429],
  ['500', status(500, canary), 'ERR_SECRET_UNAVAILABLE', 500],
  ['a gateway', (response) => response.writeHead(502).end(canary), 'ERR_SECRET_UNAVAILABLE', 502],
  ['another server', (response) => response.writeHead(404).end(canary), 'ERR_SECRET_INVALID', 404],
  ['a web page', (response) => response.end(`<html>${canary}`), 'ERR_SECRET_INVALID', 200],
  ['a list', (response) => response.end('[]'), 'ERR_SECRET_INVALID', undefined],
  [
    'a 304 without an ETag',
    (response) => response.writeHead(304).end(),
    'ERR_SECRET_INVALID',
    undefined,
  ],
  [
    'a redirect',
    (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    'ERR_SECRET_INVALID',
    302,
  ],
])(
  '%s is an error of its kind, without the text of the answer',
  async (_, instead, code, storeStatus) => {
    doppler.instead = instead;
    const error = await providerOf()
      .read('all', context(0))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, storeStatus });
    assertNoLeak([canary, doppler.token], error);
  },
);

test('a value that is withheld or is not text is an error of its name alone', async () => {
  doppler.values.set('RESTRICTED', null);
  doppler.values.set('NUMBER', 7 as never);
  const { entries } = await providerOf().read('all', context());
  expect(entries.get('A')).toEqual({ value: canary });
  expect(isSecretError(entries.get('RESTRICTED'), 'ERR_SECRET_DENIED')).toBe(true);
  expect(isSecretError(entries.get('NUMBER'), 'ERR_SECRET_INVALID')).toBe(true);
});

describe('repeated requests', () => {
  test('a read is repeated twice, after Retry-After where that fits into its time', async () => {
    doppler.instead = status(503, '');
    await expect(providerOf().read('all', context())).rejects.toMatchObject({ storeStatus: 503 });
    expect(doppler.statuses).toEqual([503, 503, 503]);
    doppler.instead = status(429, '', { 'retry-after': '60' });
    await expect(providerOf().read('all', context())).rejects.toMatchObject({ storeStatus: 429 });
    expect(doppler.statuses).toHaveLength(4);
    let limited = 0;
    doppler.instead = (response) => {
      limited += 1;
      doppler.instead = undefined;
      status(429, '', { 'retry-after': '0' })(response);
    };
    expect((await providerOf().read('all', context())).entries.size).toBe(2);
    expect(limited).toBe(1);
  });

  test('a write that may have been carried out is not repeated, and one over the rate limit is', async () => {
    const provider = providerOf();
    const write = () => provider.write?.({ entries: new Map([['A', 'new']]) }, context());
    doppler.instead = status(500, '');
    await expect(write()).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(doppler.statuses).toEqual([500]);
    doppler.instead = (response) => {
      doppler.instead = undefined;
      status(429, '')(response);
    };
    await write();
    expect(doppler.values.get('A')).toBe('new');
    doppler.instead = undefined;
    doppler.line.set({ kind: 'drop-answers', how: 'reset' });
    await expect(write()).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(doppler.line.answersDropped).toBe(1);
  });
});

describe('writing', () => {
  test('a write sets and deletes in one request', async () => {
    const secrets = createSecrets({ providers: [providerOf()] });
    await secrets.set('NEW', 'value');
    await secrets.delete('A');
    expect(await secrets.getAll()).toEqual({ B: '', NEW: 'value' });
  });

  test.each([
    ['lower', 'x'],
    ['DOPPLER_CONFIG', 'x'],
    ['A', `to \${B} ${canary}`],
  ])('%s is refused before anything is sent', async (name, value) => {
    const error = await providerOf()
      .write?.(
        {
          entries: new Map([
            ['OK', 'x'],
            [name, value],
          ]),
        },
        context(),
      )
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', secretName: name });
    assertNoLeak([canary], error);
    expect(doppler.statuses).toEqual([]);
  });

  test('applied of a rejected write is no only where Doppler itself refused it', async () => {
    const refusal = JSON.stringify({ messages: ['no'], success: false });
    const page = '<html><body>no</body></html>';
    for (const [code, body, applied] of [
      [400, refusal, 'no'],
      [401, refusal, 'no'],
      [403, refusal, 'no'],
      [404, refusal, 'no'],
      [429, page, 'no'],
      [400, page, 'unknown'],
      [401, page, 'unknown'],
      [403, page, 'unknown'],
      [404, page, 'unknown'],
      [408, page, 'unknown'],
      [500, refusal, 'unknown'],
      [502, page, 'unknown'],
      [200, page, 'unknown'],
      [200, refusal, 'unknown'],
    ] as const) {
      doppler.instead = (response) => void response.writeHead(code).end(body);
      const error = await providerOf()
        .write?.({ entries: new Map([['A', 'x']]) }, context())
        .catch((thrown: unknown) => thrown);
      expect([code, body, (error as SecretError).applied]).toEqual([code, body, applied]);
    }
    doppler.instead = undefined;
    doppler.line.set({ kind: 'drop-answers', how: 'reset' });
    const lost = { entries: new Map([['A', 'lost']]) };
    await expect(providerOf().write?.(lost, context())).rejects.toMatchObject({
      applied: 'unknown',
    });
    expect(doppler.values.get('A')).toBe('lost');
    await doppler.close();
    await expect(providerOf().write?.(lost, context())).rejects.toMatchObject({ applied: 'no' });
  });

  test('a write with a read-only token is denied', async () => {
    doppler.instead = status(403, canary);
    await expect(
      providerOf().write?.({ entries: new Map([['A', 'x']]) }, context()),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_DENIED',
      message: expect.stringContaining('write access'),
    });
  });
});

test('a token that is not a service token needs project and config', async () => {
  const personal = await startDoppler([['A', 'a']], { serviceToken: false });
  const { token, address } = personal;
  const config = { project: 'shop', config: 'prd' };
  const provider = dopplerProvider({ token, address, ...config });
  expect((await provider.read('all', context())).entries.size).toBe(1);
  await provider.write?.({ entries: new Map([['B', 'b']]) }, context());
  expect(personal.values.get('B')).toBe('b');
  const typo = dopplerProvider({ token, address, ...config, config: 'prod' });
  expect((await typo.read('all', context())).missingDocument).toEqual({
    description: expect.stringContaining('shop/prod'),
    optional: false,
  });
  const none = dopplerProvider({ token, address });
  await expect(none.read('all', context())).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
  await personal.close();
});

test('a missing token is an error at the first call with both its names, and DOPPLER_TOKEN is used if it is set', async () => {
  vi.stubEnv('DOPPLER_TOKEN', undefined);
  const setting = { option: 'token', variable: 'DOPPLER_TOKEN', isMissing: true };
  const provider = dopplerProvider({ address: doppler.address });
  await expect(provider.read('all', context())).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting,
  });
  expect(provider).toMatchObject({
    store: `${doppler.address} not configured`,
    place: { kind: 'doppler' },
  });
  expect(await provider.check?.(context())).toMatchObject([{ code: 'config', setting }]);
  vi.stubEnv('DOPPLER_TOKEN', doppler.token);
  expect((await provider.read('all', context())).entries.size).toBe(2);
});

test('watch reports a change once, survives an outage, and ends with its signal', async () => {
  const provider = providerOf({ pollInterval: '1s' });
  const stop = new AbortController();
  const changes = vi.fn();
  const watching = provider.watch?.(changes, stop.signal);
  await vi.waitFor(() => expect(doppler.statuses).toContain(200));
  doppler.instead = status(500, '');
  await vi.waitFor(() => expect(doppler.statuses).toContain(500), 10_000);
  doppler.values.set('A', 'new');
  doppler.instead = undefined;
  await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(1), 10_000);
  stop.abort();
  await watching;
  doppler.revoke();
  await expect(provider.watch?.(changes, new AbortController().signal)).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAUTHENTICATED',
  });
});

test('check says what is wrong and what to do', async () => {
  const check = () => providerOf().check?.(context());
  expect(await check()).toMatchObject([{ state: 'ready', message: expect.stringContaining('2') }]);
  doppler.removeConfig();
  expect(await check()).toMatchObject([{ state: 'failing', hint: expect.any(String) }]);
  doppler.revoke();
  expect(await check()).toMatchObject([{ state: 'failing', hint: expect.any(String) }]);
});

describe('the fallback file', () => {
  const chain = (path: string) =>
    createSecrets({
      providers: [
        providerOf({ fallbackFile: path }),
        dopplerFallbackProvider({ path, token: doppler.token }),
      ],
    });

  test('the fallback file answers during an outage, with a fallback event', async () => {
    const path = join(folder, 'fallback');
    const first = chain(path);
    expect(await first.get('A')).toBe(canary);
    await first.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['fallback']);
    assertNoLeak([canary, doppler.token], await readFile(path, 'utf8'));

    doppler.line.set({ kind: 'cut', after: 0, how: 'reset' });
    const second = chain(path);
    const told = vi.fn();
    second.on('fallback', told);
    expect(await second.get('A')).toBe(canary);
    expect(told).toHaveBeenCalledWith(
      expect.objectContaining({ provider: 'doppler', answeredBy: 'doppler-fallback' }),
    );
    await second.close();
  });

  test('without the fallback file an outage is an error', async () => {
    const path = join(folder, 'fallback');
    doppler.line.set({ kind: 'cut', after: 0, how: 'reset' });
    await expect(chain(path).get('A')).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  });

  test.each([
    [
      'base64',
      '4:base64:500000:Ch0DyP2FJM0=-9RwXnyIcn51ywxf+-RK2kMSCcXnTZaHzCVVMCD5DvfmnGNs6TvaT7ApWEYvadnGdLWBSOgBwm1f8fZv+DMFaJAaJY5aGNMgLIicUdSncURrXtwbI=',
    ],
    [
      'hex',
      '4:hex:500000:f994719ae7989e1b-381f568724b62ba491c5060a-d8a384c2acd94bdbed818c04dfa269a26065f55db2d26816fabe3026afee11202e5170348a13b1f29edd7da3b888fe89',
    ],
  ])("a file of Doppler's own CLI is read: %s", async (_, text) => {
    const path = join(folder, 'fallback');
    await writeFile(path, text);
    const provider = dopplerFallbackProvider({ path, passphrase: 'passphrase-of-a-test' });
    const { entries } = await provider.read('all', context());
    expect([...entries]).toEqual([['TOKEN', { value: 'from Doppler’s CLI' }]]);
  });

  test.each([
    ['changed', (text: string) => `${text.slice(0, -6)}AAAA==`],
    ['cut short', (text: string) => text.slice(0, -12)],
    ['another passphrase', (text: string) => text],
    ['a plain file', () => '{"A":"plain"}'],
    ['rounds without end', (text: string) => text.replace(':500000:', ':9999999:')],
    ['empty', () => ''],
  ])('%s: it is broken, before any value leaves', async (what, tamper) => {
    const path = join(folder, 'fallback');
    const first = chain(path);
    await first.get('A');
    await first.close();
    await writeFile(path, tamper(await readFile(path, 'utf8')));
    const token = what === 'another passphrase' ? 'dp.st.other' : doppler.token;
    const error = await dopplerFallbackProvider({ path, token })
      .read('all', context())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    assertNoLeak([canary, token], error);
  });

  test('a fallback file that cannot be written is a warning, and no read fails', async () => {
    const provider = providerOf({ fallbackFile: join(folder, 'no', 'such', 'folder') });
    const given = context();
    expect((await provider.read('all', given)).entries.size).toBe(2);
    await provider.close?.();
    expect(given.warn).toHaveBeenCalledWith(expect.stringContaining('ENOENT'));
  });
});
