/**
 * What providers over a store with one secret a name are built with.
 */
import { expect, test, vi } from 'vitest';
import { isSecretError, SecretError, type SecretErrorCode } from '../src/index.ts';
import { eachPage, nameReader, nameWriter, type SecretRecord } from '../src/provider.ts';

const error = (code: SecretErrorCode, storeStatus?: number) =>
  new SecretError(code, 'as the test has it', { storeStatus });
const record = (value: string): SecretRecord => ({ value });
const names = (count: number) => Array.from({ length: count }, (_, at) => `N${at}`);
const shown = (entries: ReadonlyMap<string, SecretRecord | SecretError>) =>
  Object.fromEntries(
    [...entries].map(([name, entry]) => [name, isSecretError(entry) ? entry.code : entry.value]),
  );

test('what is denied or broken under one name stands in its place, with the name', async () => {
  const read = nameReader({
    async one(name: string) {
      if (name === 'DENIED') throw error('ERR_SECRET_DENIED');
      if (name === 'BROKEN') return error('ERR_SECRET_INVALID');
      return name === 'ABSENT' ? undefined : record(name);
    },
  });
  const entries = await read(['A', 'DENIED', 'BROKEN', 'ABSENT'], undefined);
  expect(shown(entries)).toEqual({
    A: 'A',
    DENIED: 'ERR_SECRET_DENIED',
    BROKEN: 'ERR_SECRET_INVALID',
  });
  expect(entries.get('BROKEN')).toMatchObject({ secretName: 'BROKEN' });
});

test.each(['ERR_SECRET_TLS', 'ERR_SECRET_UNAUTHENTICATED', 'ERR_SECRET_CONFIG'] as const)(
  '%s under one name is that of the whole read',
  async (code) => {
    const read = nameReader({
      async one(name: string) {
        if (name === 'N1') throw error(code);
        return record(name);
      },
    });
    await expect(read(names(3), undefined)).rejects.toMatchObject({ code });
  },
);

test('a store without an answer is asked as often as requests are under way, and no more', async () => {
  const one = vi.fn(async () => {
    throw error('ERR_SECRET_UNAVAILABLE');
  });
  const read = nameReader({ one });
  await expect(read(names(200), undefined)).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  expect(one).toHaveBeenCalledTimes(5);
});

test('what was answered before an outage counts, and the other names have its error', async () => {
  const read = nameReader({
    async one(name: string) {
      if (name === 'N0') return record('held');
      throw error('ERR_SECRET_UNAVAILABLE', 503);
    },
  });
  const entries = await read(names(20), undefined);
  expect(entries.size).toBe(20);
  expect(entries.get('N0')).toEqual(record('held'));
  expect(entries.get('N19')).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    secretName: 'N19',
  });
});

test('several names are one request, and what it leaves out is asked for by itself', async () => {
  const batches: number[] = [];
  const alone: string[] = [];
  const read = nameReader({
    most: 3,
    async several(batch) {
      batches.push(batch.length);
      return new Map(batch.filter((name) => name !== 'N4').map((name) => [name, record(name)]));
    },
    async one(name: string) {
      alone.push(name);
      return undefined;
    },
  });
  expect(Object.keys(shown(await read(names(7), undefined))).sort()).toEqual(
    names(7).filter((name) => name !== 'N4'),
  );
  expect(batches).toEqual([3, 3, 1]);
  expect(alone).toEqual(['N4']);
  // one name needs no batch
  await read(['A'], undefined);
  expect(batches).toHaveLength(3);
});

test('a request for several names that is denied is not sent again', async () => {
  const several = vi.fn(async () => {
    throw error('ERR_SECRET_DENIED');
  });
  const read = nameReader({ several, one: async (name: string) => record(name) });
  for (let round = 0; round < 2; round += 1)
    expect(shown(await read(['A', 'B'], undefined))).toEqual({ A: 'A', B: 'B' });
  expect(several).toHaveBeenCalledTimes(1);
});

const context = {
  signal: new AbortController().signal,
  remainingTimeout: () => 1_000,
  warn: () => {},
};

test('a write that fails says which names were written before it', async () => {
  const written: string[] = [];
  const write = nameWriter({
    provider: 'drawer',
    assertWritable: () => {},
    async one(name) {
      if (name === 'C') throw error('ERR_SECRET_DENIED').with({ applied: 'no' });
      written.push(name);
      return 'v1';
    },
  });
  const entries = new Map(['A', 'B', 'C', 'D'].map((name) => [name, name]));
  await expect(write({ entries }, context)).rejects.toMatchObject({
    code: 'ERR_SECRET_DENIED',
    secretName: 'C',
    applied: 'unknown',
    reason: expect.stringMatching(/^C .*A, B/),
  });
  expect(written).toEqual(['A', 'B']);
  await expect(write({ entries: new Map([['C', 'c']]) }, context)).rejects.toMatchObject({
    applied: 'no',
  });
  expect(await write({ entries: new Map([['A', 'a']]) }, context)).toEqual({
    conditional: false,
    version: 'v1',
  });
});

test('nothing is written where one of the names cannot be, or under a condition', async () => {
  const one = vi.fn(async () => undefined);
  const write = nameWriter({
    provider: 'drawer',
    assertWritable(name) {
      if (name === 'B') throw error('ERR_SECRET_UNSUPPORTED').with({ applied: 'no' });
    },
    one,
  });
  const entries = new Map([
    ['A', 'a'],
    ['B', 'b'],
  ]);
  const refused = { code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' };
  await expect(write({ entries }, context)).rejects.toMatchObject(refused);
  const onCondition = { entries: new Map([['A', 'a']]), ifRevision: '1' };
  await expect(write(onCondition, context)).rejects.toMatchObject(refused);
  expect(one).not.toHaveBeenCalled();
});

test('pages are followed to the last one, and a page that comes again ends in an error', async () => {
  const subject = { what: 'the list', provider: 'drawer' };
  const asked: (string | undefined)[] = [];
  await eachPage(async (token) => {
    asked.push(token);
    return { ids: [`id of ${token}`], next: asked.length < 3 ? `page ${asked.length}` : '' };
  }, subject);
  expect(asked).toEqual([undefined, 'page 1', 'page 2']);
  for (const page of [
    { ids: ['the same'], next: () => `${Math.random()}` },
    { ids: [], next: () => 'the same' },
  ])
    await expect(
      eachPage(async () => ({ ids: page.ids, next: page.next() }), subject),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID', provider: 'drawer' });
});
