// What one provider said last: which of two answers counts when reads and writes overtake one another, and how
// long an answer may be given again.
import { SecretError } from '@keyfall/core';
import type { SecretRecord } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import { Memory, type MemoryLimits, type ReadAt } from '../../../core/src/chain/memory.ts';
import { manualClock } from '../../src/index.ts';

const limits = { ttl: 60_000, negativeTtl: 5_000, staleWhileRevalidate: 60_000 };
const refused = new SecretError('ERR_SECRET_DENIED', 'it is denied');

/** A store that counts its states. It cannot compare what it was not given. */
function counted(one: string, other: string) {
  if (typeof one !== 'string' || typeof other !== 'string') throw new TypeError('no revision');
  return Number(one) < Number(other) ? 'older' : 'newer';
}

function memoryOf(given: Partial<MemoryLimits> = {}, compare?: typeof counted) {
  const clock = manualClock();
  const memory = new Memory(clock, { ...limits, staleIfError: 600_000, ...given }, compare);
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
    memory,
    /** A request goes out. */
    ask: (): ReadAt => ({ ...memory.now(), jitter: 1 }),
    /** The store answers with all that it holds. */
    all: (at: ReadAt, held: Held, revision?: string) =>
      memory.remember(
        'all',
        { entries: entriesOf(held), complete: true, ...(revision && { revision }) },
        at,
      ),
    /** It answers for some names alone. */
    some: (at: ReadAt, asked: readonly string[], held: Held) =>
      memory.remember(asked, { entries: entriesOf(held), complete: false }, at),
    valueNow: (name: string) => memory.seen(name)?.record?.value,
  };
}

describe('of two answers the one that was asked for later counts', () => {
  test('in its own place, and not in that of itself', () => {
    const { memory, ask, all } = memoryOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two' });
    expect(memory.newer('A', first, undefined)?.record?.value).toBe('two');
    expect(memory.newer('A', second, undefined)).toBe(undefined);
    expect(memory.newerWhole(first, undefined)?.records.get('A')?.value).toBe('two');
    expect(memory.newerWhole(second, undefined)).toBe(undefined);
  });

  test('but not once its value has come to an end', async () => {
    const { memory, clock, ask, all } = memoryOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: { value: 'two', expiresAt: clock.wall() + 1_000 } });
    await clock.advance(1_000);
    expect(memory.newer('A', first, undefined)).toBe(undefined);
    expect(memory.newerWhole(first, undefined)).toBe(undefined);
  });

  test('and what it says of names that an older one holds', () => {
    const { memory, ask, all, valueNow } = memoryOf();
    const [first, second, third] = [ask(), ask(), ask()];
    all(third, { A: 'three' });
    all(first, { A: 'one', B: 'one' });
    all(second, { A: 'two', B: 'two' });
    expect([valueNow('A'), valueNow('B')]).toEqual(['three', undefined]);
    expect([...(memory.whole?.records.keys() ?? [])]).toEqual(['A']);
  });

  test('though a read of all that is older comes back last', () => {
    const { memory, ask, all, some, valueNow } = memoryOf();
    const [first, second] = [ask(), ask()];
    some(second, ['A', 'B', 'C'], { A: 'two' });
    all(first, { B: 'one' });
    expect(['A', 'B', 'C'].map(valueNow)).toEqual(['two', undefined, undefined]);
    expect([...(memory.lookWhole()?.seen.records.entries() ?? [])]).toEqual([
      ['A', { value: 'two' }],
    ]);
  });

  test('a whole that lacks a name which could not be read stands in for none', () => {
    const { memory, ask, all } = memoryOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two', B: refused });
    expect(memory.newerWhole(first, undefined)).toBe(undefined);
    expect(memory.lookWhole()).toBe(undefined);
    expect(memory.lastGoodWhole()).toBe(undefined);
  });

  test('unless the store says itself which one is newer', () => {
    const { memory, ask, all, valueNow } = memoryOf({}, counted);
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two' }, '2');
    expect(memory.newer('A', first, '3')).toBe(undefined);
    all(first, { A: 'three' }, '3');
    expect(valueNow('A')).toBe('three');
    // of the same state, or of one that says nothing, the moment of the request decides
    expect(memory.isNews('A', second, '3')).toBe(true);
    expect(memory.isNews('A', second, undefined)).toBe(true);
    all(ask(), { A: 'four' });
    expect(memory.isNews('A', second, '3')).toBe(false);
  });
});

test('a store that says it is older than it was is believed once its word counts no longer', async () => {
  const { memory, clock, ask, all } = memoryOf({}, counted);
  all(ask(), { A: 'two' }, '2');
  await clock.advance(limits.ttl + limits.staleWhileRevalidate - 1);
  expect(memory.isNews('A', ask(), '1')).toBe(false);
  await clock.advance(1);
  expect(memory.isNews('A', ask(), '1')).toBe(true);
});

describe('what was asked for before a write', () => {
  test('is none of its news, unless the answer shows the state after it', () => {
    const { memory, ask } = memoryOf({}, counted);
    const before = ask();
    memory.forget(['A'], '5');
    const news = ['4', '5', '6', undefined].map((revision) => memory.isNews('A', before, revision));
    expect(news).toEqual([false, true, true, false]);
    expect(memory.isNews('B', before, '4')).toBe(true);
    expect(memory.isNews('A', ask(), '4')).toBe(true);
    memory.forget(['A'], undefined);
    expect(memory.isNews('A', before, '6')).toBe(false);
  });

  test('and shows the state after it, may stand in for a store that fails', () => {
    const { memory, ask, all } = memoryOf();
    const before = ask();
    memory.forget(['A'], '5');
    all(before, { A: 'old' }, '4');
    expect([memory.lastGood('A'), memory.whole]).toEqual([undefined, undefined]);
    all(before, { A: 'new' }, '5');
    expect(memory.lastGood('A')?.record?.value).toBe('new');
    expect(memory.lastGoodWhole()?.records.get('A')?.value).toBe('new');
  });

  test.each([['the older one first'], ['the newer one first']])(
    'is answered by the newest of it: %s',
    (order) => {
      const { memory, ask, all } = memoryOf();
      const [first, second, third] = [ask(), ask(), ask()];
      memory.forget(['A'], undefined);
      const lands = [() => all(second, { A: 'two' }), () => all(third, { A: 'three' })];
      for (const land of order === 'the older one first' ? lands : lands.reverse()) land();
      expect(memory.newerBefore('A', first, undefined)?.record?.value).toBe('three');
      expect(memory.newerBefore('A', third, undefined)).toBe(undefined);
      // no other call is given it
      expect(memory.seen('A')).toBe(undefined);
    },
  );

  test('is answered by no refusal of it', () => {
    const { memory, ask, all } = memoryOf();
    const [first, second] = [ask(), ask()];
    memory.forget(['A'], undefined);
    all(second, { A: refused });
    expect(memory.newerBefore('A', first, undefined)).toBe(undefined);
  });

  test('is let go with the first read of all after it', () => {
    const { memory, ask, all } = memoryOf();
    const before = ask();
    all(before, { A: 'one', B: 'one' });
    memory.forget(['A'], undefined);
    expect([...memory.contested()]).toEqual(['A', 'B']);
    all(ask(), { B: 'one' });
    expect([...memory.contested()]).toEqual(['B']);
    // the write is over: a store that shows a later state than that of the last read is believed
    expect(memory.seen('A')).toMatchObject({ record: undefined });
  });

  test('is remembered of ten thousand written names, the latest', () => {
    const { memory, ask, all } = memoryOf();
    const before = ask();
    const names = Array.from({ length: 10_001 }, (_, index) => `N${index}`);
    all(ask(), Object.fromEntries(names.map((name) => [name, 'x'])));
    const early = () =>
      names.filter((name) => memory.newerBefore(name, before, undefined) === undefined);
    const news = () => names.filter((name) => memory.isNews(name, before, undefined));
    memory.forget(names.slice(0, 10_000), undefined);
    for (const name of names) memory.drop(name);
    expect([early(), news()]).toEqual([['N10000'], ['N10000']]);
    memory.forget(['N10000'], undefined);
    expect(news()).toEqual(['N0']);
  });
});

describe('the whole of a store that answers name by name', () => {
  test('has in it what was read of a name since, and lacks what is gone', () => {
    const { memory, ask, all, some } = memoryOf();
    all(ask(), { A: 'a', B: 'b' });
    some(ask(), ['A', 'B'], { A: 'new' });
    expect([...(memory.lookWhole()?.seen.records ?? [])]).toEqual([['A', { value: 'new' }]]);
  });

  test('ends with the refusal of a name that it holds, and of no other', () => {
    const { memory, ask, all, some } = memoryOf();
    all(ask(), { A: 'a' });
    some(ask(), ['X'], { X: refused });
    expect(memory.lookWhole()?.freshness).toBe('fresh');
    some(ask(), ['A'], { A: refused });
    expect(memory.lookWhole()).toBe(undefined);
  });

  test('is missing no longer once a name is read', () => {
    const { memory, ask, some } = memoryOf();
    const missingDocument = { description: 'has no such folder', optional: true };
    memory.remember('all', { entries: new Map(), complete: true, missingDocument }, ask());
    expect(memory.lookWhole()?.seen.missingDocument).toBe(missingDocument);
    some(ask(), ['A'], { A: 'a' });
    expect(memory.lookWhole()).toBe(undefined);
  });

  test('is as old as the read of it', () => {
    const { memory, ask, all } = memoryOf();
    const [first, second] = [ask(), ask()];
    all(second, { A: 'two' });
    all(first, { A: 'one' });
    expect(memory.whole?.at).toBe(second);
  });
});

describe('an answer is fresh', () => {
  test.each<[string, string | undefined, string | undefined, number]>([
    ['for ttl', 'a', undefined, 60_000],
    ['for negativeTtl where the name is not held', undefined, undefined, 5_000],
    ['for negativeTtl where it is second-hand', 'a', 'another store failed', 5_000],
  ])('%s, the jitter taken off', async (_, value, degraded, time) => {
    const { memory, clock } = memoryOf();
    const at = { ...memory.now(), jitter: 0.5 };
    const record = value === undefined ? undefined : { value };
    const seen = { record, at, revision: undefined, degraded };
    expect(memory.freshFor(seen)).toBe(time / 2);
    await clock.advance(time / 2 - 1);
    expect([memory.freshness(seen), memory.freshFor(seen)]).toEqual(['fresh', 1]);
    await clock.advance(1);
    expect(memory.freshness(seen)).toBe(record ? 'aging' : 'gone');
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
    const { memory, clock, ask, all } = memoryOf();
    all(ask(), { A: { value: 'a', ...end } });
    const look = () => [
      memory.freshness(memory.seen('A') as never),
      memory.lookWhole()?.freshness,
      memory.lastGood('A')?.record?.value,
    ];
    await clock.advance(9_999);
    expect(look()).toEqual(['fresh', 'fresh', 'a']);
    await clock.advance(1);
    expect(look()).toEqual(['gone', 'gone', undefined]);
  });

  test('until everything is forgotten', () => {
    const { memory, ask, all } = memoryOf();
    all(ask(), { A: 'a' });
    memory.forget([], undefined);
    expect(memory.lookWhole()?.freshness).toBe('gone');
    all(ask(), { A: 'a' });
    expect(memory.lookWhole()?.freshness).toBe('fresh');
  });
});
