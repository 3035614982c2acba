// What one provider said last: which of two answers counts when reads and writes overtake one another, and how
// long an answer may be given again.
import { SecretError } from '@keyfall/core';
import type { SecretRecord } from '@keyfall/core/provider';
import { describe, expect, test, vi } from 'vitest';
import {
  AnswerCache,
  type CacheLifetimes,
  type ReadAt,
} from '../../../core/src/chain/answer-cache.ts';
import { manualClock } from '../../src/index.ts';

const lifetimes = { ttl: 60_000, negativeTtl: 5_000, staleWhileRevalidate: 60_000 };
const refused = new SecretError('ERR_SECRET_DENIED', 'it is denied');

/** A store that counts its states. It cannot compare what it was not given. */
function counted(one: string, other: string) {
  if (typeof one !== 'string' || typeof other !== 'string') throw new TypeError('no revision');
  return Number(one) < Number(other) ? 'older' : 'newer';
}

function cacheOf(given: Partial<CacheLifetimes> = {}, compare?: typeof counted) {
  const clock = manualClock();
  const cache = new AnswerCache(clock, { ...lifetimes, staleIfError: 600_000, ...given }, compare);
  type Held = Readonly<Record<string, string | SecretRecord | SecretError>>;
  const entriesOf = (held: Held) =>
    new Map(
      Object.entries(held).map(([name, entry]) => [
        name,
        typeof entry === 'string' ? { value: entry } : entry,
      ]),
    );
  return {
    clock,
    cache,
    /** A request goes out. */
    ask: (): ReadAt => cache.now(),
    /** The store answers with all that it holds. */
    all: (at: ReadAt, held: Held, revision?: string) =>
      cache.store(
        'all',
        { entries: entriesOf(held), complete: true, ...(revision && { revision }) },
        at,
      ),
    /** It answers for some names alone. */
    some: (at: ReadAt, asked: readonly string[], held: Held) =>
      cache.store(asked, { entries: entriesOf(held), complete: false }, at),
    valueNow: (name: string) => cache.lookup(name)?.record?.value,
  };
}

describe('of two answers the one that was asked for later counts', () => {
  test('in its own place, and not in that of itself', () => {
    const { cache, ask, all } = cacheOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two' });
    expect(cache.newer('A', first, undefined)?.record?.value).toBe('two');
    expect(cache.newer('A', second, undefined)).toBe(undefined);
    expect(cache.newerWhole(first, undefined)?.records.get('A')?.value).toBe('two');
    expect(cache.newerWhole(second, undefined)).toBe(undefined);
  });

  test('but not once its value has come to an end', async () => {
    const { cache, clock, ask, all } = cacheOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: { value: 'two', expiresAt: clock.wall() + 1_000 } });
    await clock.advance(1_000);
    expect(cache.newer('A', first, undefined)).toBe(undefined);
    expect(cache.newerWhole(first, undefined)).toBe(undefined);
  });

  test('and what it says of names that an older one holds', () => {
    const { cache, ask, all, valueNow } = cacheOf();
    const [first, second, third] = [ask(), ask(), ask()];
    all(third, { A: 'three' });
    all(first, { A: 'one', B: 'one' });
    all(second, { A: 'two', B: 'two' });
    expect([valueNow('A'), valueNow('B')]).toEqual(['three', undefined]);
    expect([...(cache.whole?.records.keys() ?? [])]).toEqual(['A']);
  });

  test('though a read of all that is older comes back last', () => {
    const { cache, ask, all, some, valueNow } = cacheOf();
    const [first, second] = [ask(), ask()];
    some(second, ['A', 'B', 'C'], { A: 'two' });
    all(first, { B: 'one' });
    expect(['A', 'B', 'C'].map(valueNow)).toEqual(['two', undefined, undefined]);
    expect([...(cache.lookupWhole()?.seen.records.entries() ?? [])]).toEqual([
      ['A', { value: 'two' }],
    ]);
  });

  test('a whole that lacks a name which could not be read stands in for none', () => {
    const { cache, ask, all } = cacheOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two', B: refused });
    expect(cache.newerWhole(first, undefined)).toBe(undefined);
    expect(cache.lookupWhole()).toBe(undefined);
    expect(cache.lastGoodWhole()).toBe(undefined);
  });

  test('unless the store says itself which one is newer', () => {
    const { cache, ask, all, valueNow } = cacheOf({}, counted);
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two' }, '2');
    expect(cache.newer('A', first, '3')).toBe(undefined);
    all(first, { A: 'three' }, '3');
    expect(valueNow('A')).toBe('three');
    // of the same state, or of one that says nothing, the moment of the request decides
    expect(cache.isNews('A', second, '3')).toBe(true);
    expect(cache.isNews('A', second, undefined)).toBe(true);
    all(ask(), { A: 'four' });
    expect(cache.isNews('A', second, '3')).toBe(false);
  });
});

test('a store that says it is older than it was is believed once its word counts no longer', async () => {
  const { cache, clock, ask, all } = cacheOf({}, counted);
  all(ask(), { A: 'two' }, '2');
  await clock.advance(lifetimes.ttl + lifetimes.staleWhileRevalidate - 1);
  expect(cache.isNews('A', ask(), '1')).toBe(false);
  await clock.advance(1);
  expect(cache.isNews('A', ask(), '1')).toBe(true);
});

describe('what was asked for before a write', () => {
  test('is not news about the name, unless the answer shows the state after the write', () => {
    const { cache, ask } = cacheOf({}, counted);
    const before = ask();
    cache.invalidate(['A'], '5');
    const news = ['4', '5', '6', undefined].map((revision) => cache.isNews('A', before, revision));
    expect(news).toEqual([false, true, true, false]);
    expect(cache.isNews('B', before, '4')).toBe(true);
    expect(cache.isNews('A', ask(), '4')).toBe(true);
    cache.invalidate(['A'], undefined);
    expect(cache.isNews('A', before, '6')).toBe(false);
  });

  test('and shows the state after it, may stand in for a store that fails', () => {
    const { cache, ask, all } = cacheOf();
    const before = ask();
    cache.invalidate(['A'], '5');
    all(before, { A: 'old' }, '4');
    expect([cache.lastGood('A'), cache.whole]).toEqual([undefined, undefined]);
    all(before, { A: 'new' }, '5');
    expect(cache.lastGood('A')?.record?.value).toBe('new');
    expect(cache.lastGoodWhole()?.records.get('A')?.value).toBe('new');
  });

  test.each([['the older one first'], ['the newer one first']])(
    'is answered by the newest of it: %s',
    (order) => {
      const { cache, ask, all } = cacheOf();
      const [first, second, third] = [ask(), ask(), ask()];
      cache.invalidate(['A'], undefined);
      const lands = [() => all(second, { A: 'two' }), () => all(third, { A: 'three' })];
      for (const land of order === 'the older one first' ? lands : lands.reverse()) land();
      expect(cache.newerBefore('A', first, undefined)?.record?.value).toBe('three');
      expect(cache.newerBefore('A', third, undefined)).toBe(undefined);
      // no other call is given it
      expect(cache.lookup('A')).toBe(undefined);
    },
  );

  test('is answered by no refusal of it', () => {
    const { cache, ask, all } = cacheOf();
    const [first, second] = [ask(), ask()];
    cache.invalidate(['A'], undefined);
    all(second, { A: refused });
    expect(cache.newerBefore('A', first, undefined)).toBe(undefined);
  });

  test('is let go with the first read of all after it', () => {
    const { cache, ask, all } = cacheOf();
    const before = ask();
    all(before, { A: 'one', B: 'one' });
    cache.invalidate(['A'], undefined);
    expect([...cache.contested()]).toEqual(['A', 'B']);
    all(ask(), { B: 'one' });
    expect([...cache.contested()]).toEqual(['B']);
    // the write is over: a store that shows a later state than that of the last read is believed
    expect(cache.lookup('A')).toMatchObject({ record: undefined });
  });

  test('is remembered of ten thousand written names, the latest', () => {
    const { cache, ask, all } = cacheOf();
    const before = ask();
    const names = Array.from({ length: 10_001 }, (_, index) => `N${index}`);
    all(ask(), Object.fromEntries(names.map((name) => [name, 'x'])));
    const early = () =>
      names.filter((name) => cache.newerBefore(name, before, undefined) === undefined);
    const news = () => names.filter((name) => cache.isNews(name, before, undefined));
    cache.invalidate(names.slice(0, 10_000), undefined);
    for (const name of names) cache.drop(name);
    expect([early(), news()]).toEqual([['N10000'], ['N10000']]);
    cache.invalidate(['N10000'], undefined);
    expect(news()).toEqual(['N0']);
  });
});

describe('the whole of a store that answers name by name', () => {
  test('has in it what was read of a name since, and lacks what is gone', () => {
    const { cache, ask, all, some } = cacheOf();
    all(ask(), { A: 'a', B: 'b' });
    some(ask(), ['A', 'B'], { A: 'new' });
    expect([...(cache.lookupWhole()?.seen.records ?? [])]).toEqual([['A', { value: 'new' }]]);
  });

  test('ends with the refusal of a name that it holds, and of no other', () => {
    const { cache, ask, all, some } = cacheOf();
    all(ask(), { A: 'a' });
    some(ask(), ['X'], { X: refused });
    expect(cache.lookupWhole()?.freshness).toBe('fresh');
    some(ask(), ['A'], { A: refused });
    expect(cache.lookupWhole()).toBe(undefined);
  });

  test('is missing no longer once a name is read', () => {
    const { cache, ask, some } = cacheOf();
    const missingDocument = { description: 'has no such folder', optional: true };
    cache.store('all', { entries: new Map(), complete: true, missingDocument }, ask());
    expect(cache.lookupWhole()?.seen.missingDocument).toBe(missingDocument);
    some(ask(), ['A'], { A: 'a' });
    expect(cache.lookupWhole()).toBe(undefined);
  });

  test('is as old as the read of it', () => {
    const { cache, ask, all } = cacheOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two' });
    all(first, { A: 'one' });
    expect(cache.whole?.at).toBe(second);
  });
});

describe('an answer is fresh', () => {
  test.each<[string, string | undefined, string | undefined, number]>([
    ['for ttl', 'a', undefined, 60_000],
    ['for negativeTtl where the name is not held', undefined, undefined, 5_000],
    ['for negativeTtl where it is second-hand', 'a', 'another store failed', 5_000],
  ])('%s, or until a moment of the cache itself', async (_, value, degraded, time) => {
    const record = value === undefined ? undefined : { value };
    for (const [chance, share] of [
      [0, 1],
      [0.5, 0.55],
    ] as const) {
      const random = vi.spyOn(Math, 'random').mockReturnValue(chance);
      const { cache, clock } = cacheOf();
      random.mockRestore();
      const first = { record, at: cache.now(), revision: undefined, degraded };
      expect(cache.freshFor(first)).toBe(time * share);
      await clock.advance(time * share - 1);
      expect([cache.freshness(first), cache.freshFor(first)]).toEqual(['fresh', 1]);
      await clock.advance(1);
      expect(cache.freshness(first)).toBe(record ? 'aging' : 'gone');
      // every nine tenths from there on, however late the next read is
      await clock.advance(time * 0.2);
      const second = { ...first, at: cache.now() };
      expect(cache.freshFor(second)).toBeCloseTo(time * 0.7);
      expect(cache.freshness(second)).toBe('fresh');
    }
  });

  test.each<[string, Omit<SecretRecord, 'value'>]>([
    ['expiresAt', { expiresAt: manualClock().wall() + 10_000 }],
    ['its lease', { lease: { id: 'l', renewable: false, duration: 10_000 } }],
    [
      'the first of both',
      {
        expiresAt: manualClock().wall() + 10_000,
        lease: { id: 'l', renewable: false, duration: 20_000 },
      },
    ],
  ])('until the end that its value has: %s', async (_, end) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    const { cache, clock, ask, all } = cacheOf();
    random.mockRestore();
    all(ask(), { A: { value: 'a', ...end } });
    const look = () => [
      cache.freshness(cache.lookup('A') as never),
      cache.lookupWhole()?.freshness,
      cache.lastGood('A')?.record?.value,
    ];
    await clock.advance(9_999);
    expect(look()).toEqual(['fresh', 'fresh', 'a']);
    await clock.advance(1);
    expect(look()).toEqual(['gone', 'gone', undefined]);
  });

  test('until everything is forgotten', () => {
    const { cache, ask, all } = cacheOf();
    all(ask(), { A: 'a' });
    cache.invalidate([], undefined);
    expect(cache.lookupWhole()?.freshness).toBe('gone');
    all(ask(), { A: 'a' });
    expect(cache.lookupWhole()?.freshness).toBe('fresh');
  });
});
