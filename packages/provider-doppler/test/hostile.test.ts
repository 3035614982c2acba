// Answers that are cut, swapped or somebody else's, clocks and lines that mislead, names that are gone,
// and what a program in plain JavaScript may hand over.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createSecrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import {
  type DopplerFallbackProviderOptions,
  type DopplerProviderOptions,
  dopplerFallbackProvider,
  dopplerProvider,
} from '../src/index.ts';
import { type DopplerStub, startDoppler, status } from './doppler-stub.ts';

const canary = 'canary-value-5b20';
let doppler: DopplerStub;
let folder: string;
beforeEach(async () => {
  doppler = await startDoppler([
    ['A', canary],
    ['B', 'b'],
  ]);
  folder = await testFolder();
});
afterEach(async () => {
  await doppler.close();
});

const context = (remainingTimeout = 20_000) => ({
  signal: new AbortController().signal,
  remainingTimeout: () => remainingTimeout,
  warn: vi.fn(),
});
const providerOf = (more: object = {}) =>
  dopplerProvider({ token: doppler.token, address: doppler.address, ...more });
const write = (provider: SecretProvider, value: string) =>
  provider.write?.({ entries: new Map([['A', value]]) }, context());

describe("an answer that is not Doppler's does not make a name missing", () => {
  test.each<[string, DopplerStub['instead']]>([
    ['an empty object', (response) => response.end('{}')],
    ["another server's JSON", (response) => response.end(`{"error":"${canary}"}`)],
    ['a refusal with status 200', status(200, canary)],
    ['null', (response) => response.end('null')],
    ['cut JSON', (response) => response.end(`{"A":"${canary}","B`)],
    [
      'bytes that are no UTF-8',
      (response) => response.end(Buffer.from([...Buffer.from('{"A":"'), 0xff, 0x22, 0x7d])),
    ],
    [
      'broken compression',
      (response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.end(gzipSync(JSON.stringify({ A: canary })).fill(0, 12, 20));
      },
    ],
    ['over 8 MiB', (response) => response.end(`{"A":"${canary}${'x'.repeat(8 * 1024 * 1024)}"}`)],
  ])('%s', async (_, instead) => {
    doppler.instead = instead;
    const error = await providerOf()
      .read('all', context(0))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    assertNoLeak([canary, doppler.token], error);
  });

  test('a truncated answer is an outage', async () => {
    doppler.instead = (response) => {
      response.writeHead(200, { 'content-length': '400' });
      response.write('{"A":"a"}', () => response.destroy());
    };
    await expect(providerOf().read('all', context(0))).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
  });

  test.each<[string, DopplerStub['instead']]>([
    ['304', (response) => response.writeHead(304).end()],
    ['a refusal with status 200', status(200, canary)],
    ['a page', (response) => response.end(`<html>${canary}`)],
  ])('a write that is answered by %s is not taken for done', async (_, instead) => {
    doppler.instead = instead;
    const error = await write(providerOf(), canary)?.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    assertNoLeak([canary, doppler.token], error);
  });
});

test('an untrusted certificate stops every call before the token is sent', async () => {
  const file = (kind: string) =>
    readFile(new URL(`./certificates/self-signed.${kind}`, import.meta.url));
  let asked = 0;
  const server = createServer({ cert: await file('pem'), key: await file('key') }, () => {
    asked += 1;
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(providerOf({ address }).read('all', context())).rejects.toMatchObject({
    code: 'ERR_SECRET_TLS',
  });
  expect(asked).toBe(0);
  server.close();
});

test.each([
  ['seconds that are too many', '3', 1],
  ['a date that is too far', new Date(Date.now() + 600_000).toUTCString(), 1],
  ['no date of HTTP', '2999-01-01', 3],
  ['a number below zero', '-5', 3],
])('Retry-After with %s', async (_, retryAfter, requests) => {
  doppler.instead = status(429, '', { 'retry-after': retryAfter });
  await expect(providerOf().read('all', context(2_000))).rejects.toMatchObject({
    storeStatus: 429,
  });
  expect(doppler.statuses).toHaveLength(requests);
});

test('half a character is refused before anything is sent', async () => {
  await expect(write(providerOf(), 'a\ud800')).rejects.toMatchObject({
    code: 'ERR_SECRET_UNSUPPORTED',
    secretName: 'A',
  });
  expect(doppler.statuses).toEqual([]);
});

test('concurrent reads and writes leave what was written last', async () => {
  const provider = providerOf();
  const secrets = createSecrets({ providers: [provider] });
  await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      if (index % 3 === 0) await secrets.set('A', `value ${index}`);
      else await secrets.get('A');
    }),
  );
  expect(await secrets.get('A')).toBe(doppler.values.get('A'));
});

test('an aborted read ends at once, and leaves the others alone', async () => {
  doppler.line.set({ kind: 'dark' });
  const stop = new AbortController();
  const provider = providerOf();
  const aborted = provider.read('all', { ...context(), signal: stop.signal });
  const other = provider.read('all', context());
  stop.abort(new Error(canary));
  const error = await aborted.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  assertNoLeak([canary], error);
  doppler.line.set({ kind: 'pass' });
  expect((await other).entries.size).toBe(2);
});

describe('the fallback file', () => {
  test('the fallback file holds no name that was deleted in Doppler', async () => {
    const path = join(folder, 'fallback');
    const start = () =>
      createSecrets({
        providers: [
          providerOf({ fallbackFile: path }),
          dopplerFallbackProvider({ path, token: doppler.token }),
        ],
      });
    const first = start();
    expect(await first.get('A')).toBe(canary);
    await first.close();
    doppler.values.delete('A');
    const second = start();
    expect(await second.find('A')).toBe(undefined);
    expect(await second.getAll()).toEqual({ B: 'b' });
    await second.close();
  });
});

describe('another thing in place of the fallback file', () => {
  const fallbackAt = (path: string) => dopplerFallbackProvider({ path, token: doppler.token });
  test.each<[string, string, (path: string) => unknown]>([
    ['a folder', 'CONFIG', (path) => mkdir(path)],
    ['a device that gives without end', 'INVALID', (path) => symlink('/dev/zero', path)],
    [
      'a FIFO without a writer',
      'INVALID',
      (path) => execFileSync('sh', ['-c', 'mkfifo "$0"', path]),
    ],
    ['a link to nothing', 'INVALID', (path) => symlink('nothing', path)],
    ['a link to itself', 'INVALID', (path) => symlink('fallback', path)],
    ['a file whose disk fails', 'UNAVAILABLE', (path) => symlink('/proc/self/mem', path)],
    [
      'a file of another kind, and large',
      'INVALID',
      (path) => writeFile(path, canary).then(() => truncate(path, 40_000_000)),
    ],
    ['text that is no ASCII', 'INVALID', (path) => writeFile(path, `4:base64:1:é-${canary}-x`)],
  ])('%s is no missing file', async (_, code, put) => {
    const path = join(folder, 'fallback');
    await put(path);
    const error = await fallbackAt(path)
      .read('all', context())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: `ERR_SECRET_${code}`, provider: 'doppler-fallback' });
    assertNoLeak([canary, doppler.token], error);
  });

  test('a path is relative to the working directory at the time the provider is made', async () => {
    const before = process.cwd();
    process.chdir(folder);
    const provider = providerOf({ fallbackFile: 'fallback' });
    const fallback = fallbackAt('fallback');
    process.chdir(before);
    await provider.read('all', context());
    expect(await readdir(folder)).toEqual(['fallback']);
    expect((await fallback.read('all', context())).entries.size).toBe(2);
  });
});

describe('watch', () => {
  test('watch reports nothing while nothing changes, with other reads and without ETag', async () => {
    doppler.instead = (response) => response.end('{"A":"a","DOPPLER_CONFIG":"prd"}');
    const provider = providerOf({ pollInterval: '1s' });
    const stop = new AbortController();
    const changes = vi.fn();
    const watching = provider.watch?.(changes, stop.signal);
    await provider.read('all', context());
    await vi.waitFor(() => expect(doppler.statuses.length).toBeGreaterThan(3), 10_000);
    expect(changes).not.toHaveBeenCalled();
    stop.abort();
    await watching;
  });
});

const configError = (option: string | undefined) =>
  expect.objectContaining({
    code: 'ERR_SECRET_CONFIG',
    setting: option === undefined ? undefined : expect.objectContaining({ option }),
  });

test.each<[unknown, string | undefined]>([
  [null, undefined],
  ['shop', undefined],
  [{ token: 5 }, 'token'],
  [{ token: 'two\nlines' }, 'token'],
  [{ token: 't', project: {} }, 'project'],
  [{ token: 't', fallbackFile: 1 }, 'fallbackFile'],
  [{ token: 't', fallbackFile: '' }, 'fallbackFile'],
  [{ token: 't', fallbackFile: 'a\0b' }, 'fallbackFile'],
  [{ token: 't', passphrase: null }, 'passphrase'],
  [{ token: 't', address: 1 }, 'address'],
  [{ token: 't', name: [] }, 'name'],
  [{ token: 't', address: 'https://user:password-canary@doppler.example' }, 'address'],
  [{ token: 't', address: 'https://doppler.example/api' }, 'address'],
  [{ token: 't', address: 'http://doppler.example' }, 'address'],
  [{ token: 't', address: 'http://127.0.0.1.doppler.example' }, 'address'],
  [{ token: 't', pollInterval: 5 }, 'pollInterval'],
])('dopplerProvider refuses the options %j, and the error names %s', (options, option) => {
  const make = () => dopplerProvider(options as DopplerProviderOptions);
  expect(make).toThrow(configError(option));
});

test.each<[unknown, string | undefined]>([
  [undefined, undefined],
  ['file', undefined],
  [{ path: 5 }, 'path'],
  [{ path: '' }, 'path'],
  [{ path: 'a\0b', token: 't' }, 'path'],
  [{ path: 'file', token: 5 }, 'token'],
])('dopplerFallbackProvider refuses the options %j, and the error names %s', (options, option) => {
  const make = () => dopplerFallbackProvider(options as DopplerFallbackProviderOptions);
  expect(make).toThrow(configError(option));
});

test.each<[SecretProvider, string]>([
  [dopplerProvider({ token: 't', config: 'prd' }), 'project'],
  [dopplerProvider({ token: 't', project: 'shop' }), 'config'],
  [dopplerProvider({ token: ' ' }), 'token'],
  [dopplerFallbackProvider({ path: undefined, token: 't' }), 'path'],
  [dopplerFallbackProvider({ path: 'file' }), 'token'],
])(
  'what is missing is an error at the first call, by its option (%#)',
  async (provider, option) => {
    for (const variable of ['TOKEN', 'PROJECT', 'CONFIG', 'PASSPHRASE'])
      vi.stubEnv(`DOPPLER_${variable}`, undefined);
    const error = await provider.read('all', context()).catch((thrown) => thrown);
    expect(error).toEqual(configError(option));
    expect(error.setting.isMissing).toBe(true);
    vi.unstubAllEnvs();
  },
);

test('an answer counts from the request that was answered, and not from one that was repeated', async () => {
  const provider = providerOf();
  let stamps = 0;
  const stamp = () => {
    stamps += 1;
    return stamps;
  };
  for (const expected of [
    [2, 2],
    [4, 4],
  ]) {
    let failures = 1;
    doppler.instead = (response) => {
      failures -= 1;
      if (failures === 0) doppler.instead = undefined;
      response.statusCode = 503;
      response.end('{}');
    };
    // the second time nothing has changed since
    const batch = await provider.read('all', { ...context(), stamp });
    expect([batch.stamp, stamps]).toEqual(expected);
  }
});
