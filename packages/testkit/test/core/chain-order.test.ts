// Reads that overtake one another: no call answers what is older than an earlier call has answered, however
// requests are repeated, lost and delayed. What is newer is what the store says, or what was asked for later.
import {
  createSecrets,
  memoryProvider,
  SecretError,
  type Secrets,
  type SecretsOptions,
} from '@keyfall/core';
import type {
  ReadContext,
  SecretBatch,
  SecretProvider,
  SecretRecord,
} from '@keyfall/core/provider';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ManualClock, manualClock } from '../../src/index.ts';
import {
  outcome,
  type ScriptedOptions,
  type ScriptedProvider,
  scripted,
} from './scripted-provider.ts';

// what makes a provider of a chain is loaded at its first use, which takes time that no clock here stands for
beforeAll(async () => {
  const inner = createSecrets({ providers: [memoryProvider({ A: 'a' })] });
  await createSecrets({ providers: [inner] }).getAll();
});

/** A request on its way, to be carried out, answered or lost when a test says so. */
interface Request {
  /** The store looks at what it holds. */
  carryOut(): void;
  /** What it has found, or finds now, comes back. */
  answer(): void;
  lose(): void;
}

interface RemoteOptions {
  readonly bag: boolean;
  /** Whether the store counts its states, and a request may be carried out later than one sent after it. */
  readonly counts: boolean;
}

/** A store behind a network. The provider repeats what was lost by itself, as clients of real stores do. */
function remote(names: readonly string[], { bag, counts }: RemoteOptions) {
  let revision = 1;
  const held = new Map(names.map((name) => [name, 1]));
  const requests: Request[] = [];

  const snapshotOf = (asked: readonly string[] | 'all'): SecretBatch => {
    const entries = new Map<string, SecretRecord>();
    for (const [name, version] of held)
      if (bag || asked === 'all' || asked.includes(name))
        entries.set(name, { value: String(version), version: String(version) });
    return { entries, complete: bag || asked === 'all', revision: String(revision) };
  };
  const rotate = (name: string): number => {
    revision += 1;
    held.set(name, revision);
    return revision;
  };

  const provider: SecretProvider = {
    name: 'remote',
    store: 'remote',
    ...(counts && {
      compareRevisions: (one: string, other: string) =>
        one === other ? undefined : Number(one) < Number(other) ? 'older' : 'newer',
    }),
    async read(asked: readonly string[] | 'all', { stamp, signal }: ReadContext) {
      for (;;) {
        const stamped = stamp?.() ?? 0;
        const answer = await new Promise<SecretBatch | 'lost'>((resolve) => {
          // only a store that counts may take its time over a request
          let found = counts ? undefined : snapshotOf(asked);
          const settle = (given: SecretBatch | 'lost') => {
            requests.splice(requests.indexOf(request), 1);
            resolve(given);
          };
          const request: Request = {
            carryOut() {
              found ??= snapshotOf(asked);
            },
            answer() {
              settle(found ?? snapshotOf(asked));
            },
            lose: () => settle('lost'),
          };
          requests.push(request);
        });
        if (signal.aborted) throw signal.reason;
        if (answer !== 'lost') return { ...answer, stamp: stamped };
      }
    },
    async write({ entries }) {
      for (const name of entries.keys()) rotate(name);
      return { conditional: false, revision: String(revision), version: String(revision) };
    },
  };
  return { provider, requests, rotate, versionOf: (name: string) => held.get(name) ?? 0 };
}

const names = ['A', 'B'] as const;
const name = fc.constantFrom(...names);
const nth = fc.nat(5);
type Step =
  | { readonly kind: 'get' | 'rotate' | 'set'; readonly name: (typeof names)[number] }
  | { readonly kind: 'all' | 'refresh' }
  | { readonly kind: 'carry out' | 'answer' | 'lose'; readonly nth: number }
  | { readonly kind: 'advance'; readonly by: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('get' as const), name }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('rotate' as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('set' as const), name }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('all' as const, 'refresh' as const) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom('carry out' as const, 'answer' as const, 'answer' as const),
      nth,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), nth }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      by: fc.constantFrom(1, 700, 1_500, 3_000),
    }),
  },
);

async function keepsOrder(
  steps: readonly Step[],
  options: RemoteOptions,
  ttl: number,
): Promise<void> {
  const clock = manualClock();
  const { provider, requests, rotate, versionOf } = remote(names, options);
  const secrets = createSecrets({ providers: [provider], ttl, clock, budget: '1h' });
  for (const type of ['fallback', 'recovered'] as const) secrets.on(type, () => {});
  const newest = new Map<string, number>();
  let broken: string | undefined;
  /** What a call has answered, in the order in which calls end. */
  const ended = (by: string, of: string, value: string | undefined, least: number) => {
    const version = Number(value);
    if (version < Math.max(least, newest.get(of) ?? 0))
      broken ??= `${by} answered version ${version} of ${of} after ${newest.get(of)} (at least ${least})`;
    newest.set(of, Math.max(version, newest.get(of) ?? 0));
  };
  const written = new Map<string, number>();
  const least = (of: string) => written.get(of) ?? 0;
  for (const one of steps) {
    const request = 'nth' in one ? requests[one.nth % Math.max(1, requests.length)] : undefined;
    switch (one.kind) {
      case 'get': {
        const atLeast = least(one.name);
        secrets
          .get(one.name)
          .then((value) => ended('get', one.name, value, atLeast))
          .catch(() => {});
        break;
      }
      case 'all': {
        const atLeast = new Map(names.map((each) => [each, least(each)]));
        secrets
          .getAll()
          .then((all) => {
            for (const each of names) ended('getAll', each, all[each], atLeast.get(each) ?? 0);
          })
          .catch(() => {});
        break;
      }
      case 'refresh':
        secrets.refresh().catch(() => {});
        break;
      case 'set':
        await secrets.set(one.name, 'new');
        written.set(one.name, versionOf(one.name));
        break;
      case 'rotate':
        rotate(one.name);
        break;
      case 'carry out':
        request?.carryOut();
        break;
      case 'answer':
        request?.answer();
        break;
      case 'lose':
        request?.lose();
        break;
      default:
        await clock.advance(one.by);
    }
    await clock.advance(0);
    expect(broken).toBeUndefined();
  }
  // whatever is under way ends, and what is asked for then is not older either
  for (let turn = 0; turn < 3; turn += 1) {
    for (const each of names)
      secrets
        .get(each)
        .then((value) => ended('the last get', each, value, least(each)))
        .catch(() => {});
    await clock.advance(0);
    for (const request of [...requests]) {
      request.answer();
    }
    await clock.advance(0);
  }
  expect(broken).toBeUndefined();
  await secrets.close();
}

describe('no call answers what is older than an earlier one has answered', () => {
  test.each([
    [{ bag: true, counts: true }],
    [{ bag: true, counts: false }],
    [{ bag: false, counts: false }],
  ])('of a store with %o', async (options) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 40 }),
        fc.constantFrom(0, 1_000, 300_000),
        (steps, ttl) => keepsOrder(steps, options, ttl),
      ),
      { numRuns: 300 },
    );
  });
});

/** A store whose every read waits until it is let go, with what it held when the request went out. */
function held(values: Readonly<Record<string, string>>, options: ScriptedOptions = {}) {
  const store = scripted('store', values, options);
  const { read } = store;
  const waiting: { readonly context: ReadContext; answer(stamp?: number): void; fail(): void }[] =
    [];
  const provider: SecretProvider = {
    ...store,
    async read(asked, context) {
      const batch = await read(asked, context);
      const stamp = await new Promise<number | undefined>((resolve, reject) => {
        waiting.push({
          context,
          answer: resolve,
          fail: () => reject(new SecretError('ERR_SECRET_UNAVAILABLE', 'it was reset')),
        });
      });
      // answered again, with what the store holds by then
      return stamp === undefined ? batch : { ...(await read(asked, context)), stamp };
    },
  };
  return { store, provider, waiting };
}

/** What a test of a chain over such a store says of the two. */
interface Held extends Pick<SecretsOptions, 'ttl' | 'staleIfError'> {
  readonly byName?: boolean;
}

/** A chain over a store whose reads wait. */
function chainOver(
  values: Readonly<Record<string, string>>,
  { byName = false, ...options }: Held = {},
) {
  const clock = manualClock();
  const { store, provider, waiting } = held(values, { byName });
  const secrets = createSecrets({ providers: [provider], clock, ...options });
  return { clock, store, waiting, secrets };
}

/** Refreshes while a read is under way, and has the read of that answered first. */
async function refreshOvertakes(
  secrets: Secrets,
  clock: ManualClock,
  waiting: readonly { answer(): void }[],
): Promise<void> {
  const refreshed = secrets.refresh();
  await clock.advance(10);
  waiting[1]?.answer();
  await refreshed;
}

describe('a read that its provider has repeated', () => {
  test.each([
    ['a bag', false],
    ['a store that answers name by name', true],
  ])('is as new as the request that was answered: %s', async (_, byName) => {
    const { clock, store, waiting, secrets } = chainOver({ A: 'one' }, { ttl: '5m', byName });
    const early = secrets.get('A');
    await clock.advance(10);
    await refreshOvertakes(secrets, clock, waiting);
    expect(await secrets.get('A')).toBe('one');
    store.held.set('A', { value: 'two', version: '2' });
    await clock.advance(10);
    // the first request was lost, and another one went out
    waiting[0]?.answer(waiting[0].context.stamp?.());
    expect(await early).toBe('two');
    expect(await secrets.get('A')).toBe('two');
    const all = secrets.getAll();
    await clock.advance(10);
    waiting[2]?.answer();
    expect((await all)['A']).toBe('two');
  });

  test('counts from its beginning if the provider gives no stamp, or one that is not its own', async () => {
    for (const stamp of [undefined, 9_999]) {
      const { clock, store, waiting, secrets } = chainOver({ A: 'one' }, { ttl: '5m' });
      const early = secrets.get('A');
      await clock.advance(10);
      store.held.set('A', { value: 'two', version: '2' });
      await refreshOvertakes(secrets, clock, waiting);
      store.held.set('A', { value: 'one', version: '1' });
      waiting[0]?.answer(stamp);
      expect(await early).toBe('two');
      expect(await secrets.get('A')).toBe('two');
    }
  });

  test('passes that on through a chain in a chain', async () => {
    const clock = manualClock();
    const { store, provider, waiting } = held({ A: 'one' });
    const inner = createSecrets({ name: 'inner', providers: [provider], clock, ttl: '5m' });
    const outer = createSecrets({ providers: [inner], clock, ttl: '5m' });
    const early = outer.get('A');
    await clock.advance(10);
    await refreshOvertakes(inner, clock, waiting);
    await outer.refresh();
    expect(await outer.get('A')).toBe('one');
    store.held.set('A', { value: 'two', version: '2' });
    await clock.advance(10);
    waiting[0]?.answer(waiting[0].context.stamp?.());
    expect(await early).toBe('two');
    expect(await outer.get('A')).toBe('two');
  });
});

test('with ttl 0 a get after a refresh does not join a read from before it', async () => {
  const { clock, store, waiting, secrets } = chainOver({ A: 'one' }, { ttl: 0 });
  const early = secrets.get('A');
  await clock.advance(10);
  store.held.set('A', { value: 'two', version: '2' });
  await refreshOvertakes(secrets, clock, waiting);
  const late = secrets.get('A');
  await clock.advance(10);
  expect(waiting).toHaveLength(3);
  waiting[0]?.answer();
  waiting[2]?.answer();
  expect(await Promise.all([early, late])).toEqual(['two', 'two']);
});

test('nor does a getAll', async () => {
  const { clock, store, waiting, secrets } = chainOver({ A: 'one' }, { ttl: 0 });
  const early = secrets.getAll();
  await clock.advance(10);
  store.held.set('A', { value: 'two', version: '2' });
  await refreshOvertakes(secrets, clock, waiting);
  const late = secrets.getAll();
  await clock.advance(10);
  expect(waiting).toHaveLength(3);
  waiting[0]?.answer();
  waiting[2]?.answer();
  expect(await Promise.all([early, late])).toEqual([{ A: 'two' }, { A: 'two' }]);
});

test('calls that come while a read is under way share it, also where what is known is too old', async () => {
  const { clock, waiting, secrets } = chainOver({ A: 'one' }, { ttl: 0 });
  const first = secrets.get('A');
  await clock.advance(0);
  waiting[0]?.answer();
  await first;
  const gets = [secrets.get('A')];
  await clock.advance(10);
  gets.push(secrets.get('A'), secrets.get('A'));
  const absent = secrets.find('X');
  await clock.advance(10);
  expect(waiting).toHaveLength(2);
  waiting[1]?.answer();
  expect(await Promise.all(gets)).toEqual(['one', 'one', 'one']);
  expect(await absent).toBe(undefined);
});

test('a store that answers name by name is not asked for what a read under way asks for', async () => {
  const { clock, store, waiting, secrets } = chainOver({ A: 'a', B: 'b' }, { byName: true });
  const calls: Promise<unknown>[] = [];
  for (const call of [
    () => secrets.find('X'),
    () => secrets.get('A'),
    () => secrets.get('A'),
    () => secrets.get('B'),
    () => secrets.getAll(),
    () => secrets.find('Y'),
    () => secrets.getAll(),
  ]) {
    calls.push(call());
    await clock.advance(0);
    // what kind of a store it is shows with the first answer
    if (calls.length === 1) waiting[0]?.answer();
    await clock.advance(0);
  }
  expect(store.reads).toEqual([['X'], ['A'], ['B'], 'all']);
  for (const { answer } of waiting) answer();
  const all = { A: 'a', B: 'b' };
  expect(await Promise.all(calls)).toEqual([undefined, 'a', 'a', 'b', all, undefined, all]);
});

describe('a read of all that another read overtakes', () => {
  test.each([
    ['a bag', false],
    ['a store that answers name by name', true],
  ])('has in it what that one found: %s', async (_, byName) => {
    const { clock, store, waiting, secrets } = chainOver(
      { A: 'one', B: 'one' },
      { ttl: '5m', byName },
    );
    const first = secrets.find('C');
    await clock.advance(0);
    waiting[0]?.answer();
    await first;
    await clock.advance(601_000);
    const change = () => {
      store.held.set('A', { value: 'two', version: '2' });
      store.held.delete('B');
    };
    // of a bag by a refresh, else by a read that its provider has repeated
    const names = byName ? [secrets.get('A'), secrets.find('B')] : [];
    if (byName) await clock.advance(0);
    const early = secrets.getAll();
    await clock.advance(0);
    change();
    if (!byName) names.push(secrets.refresh().then(() => secrets.find('A')));
    await clock.advance(0);
    const [one, other] = byName ? [waiting[1], waiting[2]] : [waiting[2], waiting[1]];
    one?.answer(one.context.stamp?.());
    expect(await Promise.all(names)).toEqual(byName ? ['two', undefined] : ['two']);
    other?.answer();
    expect(await early).toEqual({ A: 'two' });
    expect(await secrets.getAll()).toEqual({ A: 'two' });
  });

  test('does not fail where that one has all', async () => {
    const { clock, waiting, secrets } = chainOver({ A: 'one' }, { ttl: '5m', staleIfError: 0 });
    const early = secrets.getAll();
    await clock.advance(0);
    await refreshOvertakes(secrets, clock, waiting);
    waiting[0]?.fail();
    expect(await early).toEqual({ A: 'one' });
  });

  test('is asked for again where the read that it joined was one of some names', async () => {
    const { clock, waiting, secrets } = chainOver({ A: 'one', B: 'one' }, { byName: true });
    const get = secrets.get('A');
    await clock.advance(0);
    const all = secrets.getAll();
    await clock.advance(0);
    waiting[0]?.answer();
    await clock.advance(0);
    waiting[1]?.answer();
    expect(await Promise.all([get, all])).toEqual(['one', { A: 'one', B: 'one' }]);
  });
});

test('getAll answers with what is aging, while that is read again', async () => {
  const clock = manualClock();
  const store = scripted('vault', { A: 'old' });
  const secrets = createSecrets({ providers: [store], clock, ttl: '5m' });
  await secrets.getAll();
  store.held.set('A', { value: 'new', version: '2' });
  await clock.advance(301_000);
  expect(await secrets.getAll()).toEqual({ A: 'old' });
  await clock.advance(0);
  expect(await secrets.getAll()).toEqual({ A: 'new' });
  expect(store.reads).toEqual(['all', 'all']);
});

test('a call from before a write is answered by the newest from before it', async () => {
  const clock = manualClock();
  const { store, provider, waiting } = held({ A: 'one' });
  const write = async () => ({ conditional: false });
  const secrets = createSecrets({ providers: [{ ...provider, write }], clock, ttl: '5m' });
  const early = secrets.get('A');
  await clock.advance(10);
  store.held.set('A', { value: 'two', version: '2' });
  await refreshOvertakes(secrets, clock, waiting);
  expect(await secrets.get('A')).toBe('two');
  await secrets.set('A', 'three');
  waiting[0]?.answer();
  expect(await early).toBe('two');
});

test('what a chain fell back to says of a name that it lacks nothing to a call that joined its read', async () => {
  const reads: (() => void)[] = [];
  const inner: SecretProvider = {
    ...memoryProvider(),
    async read(asked) {
      if (asked !== 'all') throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');
      await new Promise<void>((resolve) => reads.push(resolve));
      const entries = new Map([['X', { value: 'x' }]]);
      return { entries, complete: true, degraded: 'vault is away' };
    },
  };
  const clock = manualClock();
  const secrets = createSecrets({ providers: [inner], clock });
  const all = secrets.getAll();
  await clock.advance(0);
  const find = outcome(secrets.find('A'));
  await clock.advance(0);
  expect(reads).toHaveLength(1);
  reads[0]?.();
  expect([await all, await find]).toEqual([{ X: 'x' }, 'ERR_SECRET_UNAVAILABLE']);
});

describe('a store that counts its states', () => {
  const counting = (store: ScriptedProvider): SecretProvider => ({
    ...store,
    async read(asked, context) {
      const batch = await store.read(asked, context);
      const [record] = batch.entries.values();
      const version = record && 'version' in record ? record.version : undefined;
      return { ...batch, ...(version && { revision: version }) };
    },
    compareRevisions: (one, other) =>
      one === other ? undefined : Number(one) < Number(other) ? 'older' : 'newer',
  });

  test('is not believed to be older than it was, by a node that lags', async () => {
    const clock = manualClock();
    const store = scripted('vault', { A: 'one' });
    store.held.set('A', { value: 'three', version: '3' });
    const secrets = createSecrets({ providers: [counting(store)], clock, ttl: 0 });
    expect(await secrets.get('A')).toBe('three');
    store.held.set('A', { value: 'two', version: '2' });
    expect(await secrets.get('A')).toBe('three');
    expect((await secrets.getAll())['A']).toBe('three');
    store.held.set('A', { value: 'four', version: '4' });
    expect(await secrets.get('A')).toBe('four');
  });

  test('is believed in the end, since it may have been put back', async () => {
    const clock = manualClock();
    const store = scripted('vault', {});
    store.held.set('A', { value: 'three', version: '3' });
    const secrets = createSecrets({ providers: [counting(store)], clock, ttl: '1m' });
    expect(await secrets.get('A')).toBe('three');
    store.held.set('A', { value: 'two', version: '2' });
    await clock.advance(90_000);
    await secrets.refresh();
    expect(await secrets.get('A')).toBe('three');
    await clock.advance(31_000);
    expect(await secrets.get('A')).toBe('two');
    expect(await secrets.get('A')).toBe('two');
    expect(store.reads.length).toBeLessThan(6);
  });

  test('that compares by throwing is a store that does not say', async () => {
    const store = scripted('vault', { A: 'one' });
    const provider: SecretProvider = {
      ...counting(store),
      compareRevisions() {
        throw new TypeError('no such revision');
      },
    };
    const secrets = createSecrets({ providers: [provider], ttl: 0 });
    expect(await secrets.get('A')).toBe('one');
    store.held.set('A', { value: 'two', version: '0' });
    expect(await secrets.get('A')).toBe('two');
  });
});

describe('a failure that is older than an answer', () => {
  test('opens no circuit, and a caller that waited for it gets the answer', async () => {
    const { clock, waiting, secrets } = chainOver({ A: 'one' });
    const early = outcome(secrets.get('A'));
    await clock.advance(10);
    await refreshOvertakes(secrets, clock, waiting);
    waiting[0]?.fail();
    expect(await early).toBe('one');
    expect(secrets.status()[0]).toMatchObject({ state: 'ready', breaker: 'closed' });
  });

  test('and an answer that is older than a failure ends no outage, and no probing either', async () => {
    const clock = manualClock();
    const { store, provider, waiting } = held({ A: 'one' }, { byName: true });
    const secrets = createSecrets({
      providers: [{ provider, timeout: '10s' }],
      budget: '10s',
      clock,
    });
    const first = secrets.find('X'); // so that it is known to be no bag
    await clock.advance(0);
    waiting[0]?.answer();
    await first;
    const early = secrets.get('A');
    await clock.advance(10);
    const later = outcome(secrets.get('B'));
    await clock.advance(10);
    waiting[2]?.fail();
    expect(await later).toBe('ERR_SECRET_UNAVAILABLE');
    // the probe comes while the early read is under way still
    await clock.advance(1_500);
    waiting[1]?.answer();
    expect(await early).toBe('one');
    expect(secrets.status()[0]).toMatchObject({ state: 'failing' });
    const before = store.reads.length;
    await clock.advance(5_000);
    expect(store.reads.length).toBeGreaterThan(before);
    for (const one of waiting.slice(3)) one.answer();
    await clock.advance(0);
    expect(secrets.status()[0]).toMatchObject({ state: 'ready', breaker: 'closed' });
    await secrets.close();
  });
});

test('what was read of one name is in the whole as well', async () => {
  const clock = manualClock();
  const store = scripted('aws', { A: 'one', B: 'b' }, { byName: true });
  const secrets = createSecrets({ providers: [store], clock, ttl: '1h' });
  expect(await secrets.getAll()).toEqual({ A: 'one', B: 'b' });
  store.held.set('A', { value: 'two', version: '2' });
  store.held.delete('B');
  // the names that were asked for last are read anew
  await clock.advance(3_599_000);
  for (const name of ['A', 'B']) {
    await secrets.find(name);
    await clock.advance(0);
  }
  const one = { A: await secrets.get('A'), B: await secrets.find('B') };
  const all = await secrets.getAll();
  expect([all['A'], all['B']]).toEqual([one.A, one.B]);
  expect(one).toEqual({ A: 'two', B: undefined });
});
