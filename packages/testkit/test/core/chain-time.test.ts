// What time does to a chain: caching, shared reads, time limits, the breaker, notices once an outage.
import { createSecrets, SecretError, type Secrets, type SecretsEvent } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { describe, expect, test, vi } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { outcome, scripted } from './scripted-provider.ts';

const minute = 60_000;

function eventsOf(secrets: Secrets): SecretsEvent[] {
  const events: SecretsEvent[] = [];
  for (const type of ['fallback', 'recovered', 'denied', 'changed', 'warning'] as const)
    secrets.on(type, (event) => events.push(event as SecretsEvent));
  return events;
}

describe('one read however many wait', () => {
  test('a thousand gets of forty names of a bag are one read', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `NAME_${index}`);
    const vault = scripted('vault', Object.fromEntries(names.map((name) => [name, `${name}!`])));
    const secrets = createSecrets({ providers: [vault] });
    const gets = Array.from({ length: 1_000 }, (_, index) => secrets.get(`NAME_${index % 40}`));
    expect((await Promise.all(gets))[41]).toBe('NAME_1!');
    expect(vault.reads).toHaveLength(1);
    await secrets.getAll();
    expect(vault.reads).toHaveLength(1);
  });

  test('the second provider is read once as well', async () => {
    const dotenv = scripted('dotenv', { A: 'a', B: 'b' }, { byName: true });
    const secrets = createSecrets({ providers: [scripted('vault'), dotenv] });
    await Promise.all([secrets.get('A'), secrets.get('B'), secrets.find('C')]);
    expect(dotenv.reads).toEqual([['A', 'B', 'C']]);
  });

  test('a store with one secret a name is asked only for what is not known', async () => {
    const aws = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
    const secrets = createSecrets({ providers: [aws] });
    expect(await Promise.all([secrets.get('A'), secrets.find('X')])).toEqual(['a', undefined]);
    expect(await Promise.all([secrets.get('A'), secrets.get('B'), secrets.find('X')])).toEqual([
      'a',
      'b',
      undefined,
    ]);
    expect(aws.reads).toEqual([['A', 'X'], ['B']]);
  });

  test('a secret may be called all', async () => {
    const aws = scripted('aws', { all: 'of it' }, { byName: true });
    const secrets = createSecrets({ providers: [aws] });
    await secrets.find('X');
    expect(await secrets.get('all')).toBe('of it');
    expect(aws.reads).toEqual([['X'], ['all']]);
  });

  test('names asked for while a first read is under way', async () => {
    for (const byName of [false, true]) {
      const store = scripted('store', { A: 'a', B: 'b' }, { byName });
      const secrets = createSecrets({ providers: [store] });
      const first = secrets.get('A');
      await Promise.resolve();
      expect(await Promise.all([first, secrets.get('B')])).toEqual(['a', 'b']);
      expect(store.reads).toEqual(byName ? [['A'], ['B']] : [['A']]);
    }
  });
});

describe('aborting', () => {
  test('one caller leaves the others alone; the last one ends the read', async () => {
    const vault = scripted('vault', {}, { mood: 'silent' });
    const secrets = createSecrets({ providers: [vault] });
    const callers = [new AbortController(), new AbortController()];
    const gets = callers.map(({ signal }) => outcome(secrets.get('A', { signal })));
    await new Promise(setImmediate);
    callers[0]?.abort(new Error('a foreign reason'));
    expect(await gets[0]).toBe('ERR_SECRET_ABORTED');
    expect(vault.contexts[0]?.signal.aborted).toBe(false);
    callers[1]?.abort();
    expect(await gets[1]).toBe('ERR_SECRET_ABORTED');
    expect(vault.contexts[0]?.signal.aborted).toBe(true);
    expect(vault.reads).toHaveLength(1);
  });

  test('an aborted call does not fall back, and an aborted read is not joined', async () => {
    const vault = scripted('vault', { A: 'a' }, { mood: 'silent' });
    const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'plain' })] });
    const caller = new AbortController();
    const get = outcome(secrets.get('A', { signal: caller.signal }));
    await new Promise(setImmediate);
    caller.abort();
    vault.mood = 'answers';
    expect(await get).toBe('ERR_SECRET_ABORTED');
    expect(await secrets.get('A')).toBe('a');
    expect(await outcome(secrets.getAll({ signal: AbortSignal.abort() }))).toBe(
      'ERR_SECRET_ABORTED',
    );
    expect(await outcome(secrets.explain('A', { signal: AbortSignal.abort() }))).toBe(
      'ERR_SECRET_ABORTED',
    );
  });
});

test('a signal has one listener however many calls are given it, and none when they are over', async () => {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  let most = 0;
  vi.spyOn(signal, 'addEventListener').mockImplementation((_, listener) => {
    most = Math.max(most, listeners.add(listener).size);
  });
  vi.spyOn(signal, 'removeEventListener').mockImplementation((_, listener) => {
    listeners.delete(listener);
  });
  const names = Array.from({ length: 20 }, (_, index) => `NAME_${index}`);
  const vault = scripted('vault', Object.fromEntries(names.map((name) => [name, 'x'])));
  const inner = createSecrets({ providers: [vault] });
  const secrets = createSecrets({ providers: [inner] });
  await Promise.all(names.map((name) => secrets.get(name, { signal })));
  await inner.asProvider().read(names, { signal, remainingTimeout: () => 1_000, warn: () => {} });
  await Promise.all([secrets.getAll({ signal }), secrets.refresh({ signal })]);
  expect([most, listeners.size]).toEqual([1, 0]);
  // for as long as they watch
  const views = names.map((name) => secrets.view([name], { signal }));
  const watches = names.map((name) => secrets.watch(name, { signal }).next());
  await Promise.all(views);
  await new Promise(setImmediate);
  expect([most, listeners.size]).toEqual([1, 1]);
  await secrets.close();
  await Promise.all(watches);
});

describe('cache', () => {
  test('fresh for ttl, served while it is read again, then read first', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' });
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
    random.mockRestore();
    const events = eventsOf(secrets);
    expect(await secrets.get('A')).toBe('old');
    vault.held.set('A', { value: 'new', version: '2' });
    await clock.advance(4 * minute);
    expect(await secrets.get('A')).toBe('old');
    expect(vault.reads).toHaveLength(1);
    await clock.advance(1.5 * minute);
    expect(await secrets.get('A')).toBe('old'); // and one refresh begins
    expect(await secrets.get('A')).toBe('old');
    await clock.advance(1);
    expect(await secrets.get('A')).toBe('new');
    expect(vault.reads).toHaveLength(2);
    expect(events).toEqual([
      { type: 'changed', provider: 'vault', name: 'A', versionBefore: '1', versionAfter: '2' },
    ]);
    vault.held.set('A', { value: 'newest', version: '3' });
    await clock.advance(10 * minute);
    expect(await secrets.get('A')).toBe('newest');
    expect(vault.reads).toHaveLength(3);
  });

  test('ttl 0 asks every time', async () => {
    const vault = scripted('vault', { A: '1' });
    const secrets = createSecrets({ providers: [vault], ttl: 0 });
    await secrets.get('A');
    vault.held.set('A', { value: '2' });
    expect(await secrets.get('A')).toBe('2');
    expect(vault.reads).toHaveLength(2);
  });

  test('"not here" is kept shortly', async () => {
    const clock = manualClock();
    const vault = scripted('vault');
    const secrets = createSecrets({ providers: [vault], clock });
    expect(await secrets.find('A')).toBe(undefined);
    vault.held.set('A', { value: 'a' });
    await clock.advance(1_000);
    expect(await secrets.find('A')).toBe(undefined);
    await clock.advance(30_000);
    expect(await secrets.find('A')).toBe('a');
  });

  test('a record is not served past its expiresAt or its lease, by either clock', async () => {
    const start = manualClock();
    const ways = [
      () => ({ expiresAt: start.wall() + 10_000 }),
      () => ({ lease: { id: 'l', renewable: false, duration: 10_000 } }),
    ];
    for (const way of ways)
      for (const pass of [
        async (clock: ReturnType<typeof manualClock>) => clock.advance(10_000),
        async (clock: ReturnType<typeof manualClock>) =>
          clock.suspend(10_000, { monotonic: false }),
        async (clock: ReturnType<typeof manualClock>) => {
          clock.setWall(clock.wall() - 3_600_000); // somebody sets the clock back
          await clock.advance(10_000);
        },
      ]) {
        const clock = manualClock();
        const vault = scripted('vault');
        vault.held.set('A', { value: 'leased', ...way() });
        const secrets = createSecrets({ providers: [vault], clock });
        await secrets.get('A');
        vault.mood = 'unavailable';
        await pass(clock);
        expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_UNAVAILABLE');
        await secrets.close();
      }
  });

  test('nor in a hot path: not at its end and not after it, however often it is asked for', async () => {
    const start = manualClock();
    for (const end of [
      { expiresAt: start.wall() + 10_000 },
      { lease: { id: 'l', renewable: false, duration: 10_000 } },
    ]) {
      const clock = manualClock();
      const vault = scripted('vault', { B: 'b' });
      vault.held.set('A', { value: 'leased', ...end });
      const secrets = createSecrets({ providers: [vault], clock });
      for (let passed = 0; passed < 10_000; passed += 100) {
        expect(await secrets.get('A')).toBe('leased');
        await clock.advance(100);
      }
      expect(vault.reads).toHaveLength(1);
      vault.held.set('A', { value: 'next' });
      expect(await secrets.get('A')).toBe('next');
      expect(vault.reads).toHaveLength(2);
      await secrets.close();
    }
  });

  test('what has a value that ended is read as a whole again, and stands in as no whole', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { B: 'b' });
    vault.held.set('A', { value: 'leased', expiresAt: clock.wall() + 10_000 });
    const secrets = createSecrets({ providers: [vault], clock });
    expect(await secrets.getAll()).toEqual({ B: 'b', A: 'leased' });
    await clock.advance(9_999);
    expect(await secrets.getAll()).toEqual({ B: 'b', A: 'leased' });
    expect(vault.reads).toHaveLength(1);
    vault.mood = 'unavailable';
    await clock.advance(1);
    expect(await outcome(secrets.getAll())).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await secrets.get('B')).toBe('b');
    vault.mood = 'answers';
    vault.held.set('A', { value: 'next' });
    await clock.advance(minute);
    expect(await secrets.getAll()).toEqual({ B: 'b', A: 'next' });
  });

  test('a fleet does not refresh at once: what is fresh ends at a moment of its own chain', async () => {
    const random = vi.spyOn(Math, 'random');
    for (const [chance, early] of [
      [0.99, 0.891],
      [0.5, 0.45],
      [0, 0],
    ] as const) {
      random.mockReturnValue(chance);
      const clock = manualClock();
      const vault = scripted('vault', { A: 'a' });
      const secrets = createSecrets({ providers: [vault], ttl: '10m', clock });
      await secrets.get('A');
      const end = 10 * minute * (1 - early);
      // a coarse clock may be one tick late, and is never early by more than that
      await clock.advance(end - 600);
      expect(await secrets.get('A')).toBe('a');
      expect(vault.reads).toHaveLength(1);
      await clock.advance(700);
      expect(await secrets.get('A')).toBe('a');
      await clock.advance(0);
      expect(vault.reads).toHaveLength(2);
      await secrets.close();
    }
    random.mockRestore();
  });

  test('a refresh that is refused is reported, and the old value ends with ttl + staleWhileRevalidate', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      ttl: '5m',
      clock,
    });
    const events = eventsOf(secrets);
    await secrets.get('A');
    vault.mood = 'denied';
    await clock.advance(6 * minute);
    for (let count = 0; count < 50; count += 1) {
      expect(await secrets.get('A')).toBe('a');
      await clock.advance(1);
    }
    await clock.advance(4_949);
    await secrets.get('A');
    expect(vault.reads).toHaveLength(2); // refused: not asked again for each get
    await clock.advance(1);
    await secrets.get('A');
    expect(vault.reads).toHaveLength(3);
    expect(events.map(({ type }) => type)).toEqual(['denied']);
    await clock.advance(4 * minute);
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
  });
});

describe('reads that overtake one another', () => {
  /** A provider whose every read waits until it is let go. */
  function held(byName: boolean) {
    const waiting: (() => void)[] = [];
    const store = scripted('vault', { A: 'one' }, { byName });
    const { read } = store;
    const provider: SecretProvider = {
      ...store,
      async read(names, context) {
        const batch = await read(names, context);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return batch;
      },
    };
    return { store, provider, waiting };
  }

  test.each([[false], [true]])(
    'the later one counts, whichever lands first (by name: %s)',
    async (byName) => {
      const clock = manualClock();
      const { store, provider, waiting } = held(byName);
      const secrets = createSecrets({ providers: [provider], clock, ttl: '5m' });
      const told: unknown[] = [];
      secrets.on('changed', (event) => told.push(event));
      const early = secrets.get('A');
      await clock.advance(10);
      store.held.set('A', { value: 'two', version: '2' });
      const refreshed = secrets.refresh();
      await clock.advance(10);
      expect(waiting.length).toBe(2);
      waiting[1]?.();
      await refreshed;
      expect(await secrets.get('A')).toBe('two');
      waiting[0]?.();
      // what is known by now is newer than what it was answered
      expect(await early).toBe('two');
      expect(await secrets.get('A')).toBe('two');
      expect(told).toEqual([]);
    },
  );

  test('a blip that many reads meet is one failure: the store is soon asked again', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' }, { byName: true });
    const fallback = scripted('dotenv', {});
    const secrets = createSecrets({ providers: [vault, fallback], clock });
    await secrets.find('FIRST'); // from here on each name is a read of its own
    vault.mood = async () => {
      await new Promise<void>((resolve) => clock.schedule(resolve, 150));
      throw new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away');
    };
    const asked: Promise<unknown>[] = [];
    for (let count = 0; count < 8; count += 1) {
      asked.push(outcome(secrets.find(`N${count}`)));
      await clock.advance(5);
    }
    await clock.advance(200);
    await Promise.all(asked);
    expect(vault.reads).toHaveLength(9);
    // one probe is to come, and it keeps no program alive
    expect([clock.timers, clock.foregroundTimers]).toEqual([1, 0]);
    vault.mood = 'answers';
    await clock.advance(1_100);
    expect(secrets.status()[0]).toMatchObject({ breaker: 'closed' });
    expect(await secrets.get('A')).toBe('a');
  });
});

describe('a store that does not answer', () => {
  test('costs one time limit once, for one name or forty', async () => {
    const clock = manualClock();
    const vault = scripted('vault', {}, { mood: 'silent' });
    const names = Array.from({ length: 40 }, (_, index) => `N${index}`);
    const dotenv = scripted('dotenv', Object.fromEntries(names.map((name) => [name, 'plain'])));
    const secrets = createSecrets({ providers: [vault, dotenv], clock });
    const events = eventsOf(secrets);
    const gets = Promise.all(names.map((name) => secrets.get(name)));
    await clock.advance(2_499);
    expect(dotenv.reads).toHaveLength(0);
    await clock.advance(1);
    expect(new Set(await gets)).toEqual(new Set(['plain']));
    expect(events).toMatchObject([
      { type: 'fallback', reason: 'unavailable', detail: expect.stringContaining('2500 ms') },
    ]);
    for (let count = 0; count < 200; count += 1) await secrets.get('N0');
    expect(vault.reads).toHaveLength(1);
  });

  test('a provider that ignores its signal is not waited for', async () => {
    const clock = manualClock();
    const deaf = scripted('deaf', {}, { mood: () => new Promise(() => {}) });
    const secrets = createSecrets({ providers: [{ provider: deaf, timeout: '100ms' }], clock });
    const get = outcome(secrets.get('A'));
    await clock.advance(100);
    expect(await get).toBe('ERR_SECRET_UNAVAILABLE');
  });

  test("the limit is the entry's, else the provider's own; no call outlives the budget", async () => {
    const clock = manualClock();
    const silent = (name: string, timeout?: number) =>
      Object.assign(
        scripted(name, {}, { mood: 'silent' }),
        timeout === undefined ? {} : { timeout },
      );
    const dotenv = scripted('dotenv', { A: 'plain' });
    for (const [providers, after] of [
      [[{ provider: silent('a', 800), timeout: '300ms' as const }, dotenv], 300],
      [[silent('a', 800), dotenv], 800],
      [[silent('a'), silent('b'), dotenv], 3_600], // the last one keeps a tenth of 4 s
    ] as const) {
      const secrets = createSecrets({ providers, clock });
      secrets.on('fallback', () => {});
      let settled = false;
      const get = secrets.get('A').finally(() => {
        settled = true;
      });
      await clock.advance(after - 1);
      expect(settled).toBe(false);
      await clock.advance(1);
      expect(await get).toBe('plain');
      await secrets.close();
    }
    const alone = createSecrets({ providers: [silent('a', 60_000)], clock });
    const get = outcome(alone.get('A'));
    await clock.advance(4_000);
    expect(await get).toBe('ERR_SECRET_UNAVAILABLE');
  });

  test('its last good value stands in while it is young enough, and is marked', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'good' });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain', B: 'b' })],
      ttl: '5m',
      staleIfError: '1h',
      clock,
    });
    const events = eventsOf(secrets);
    await secrets.get('A');
    vault.mood = 'unavailable';
    await clock.advance(30 * minute);
    expect(await secrets.get('A')).toBe('good');
    expect(events).toMatchObject([
      { type: 'fallback', answeredBy: 'last-good', reason: 'unavailable', names: ['A'] },
    ]);
    expect(await secrets.explain('A')).toMatchObject({
      provider: 'vault',
      freshness: 'stale',
      degraded: 'vault (somewhere/shop): it is unavailable',
    });
    expect({ ...(await secrets.getAll()) }).toEqual({ A: 'good', B: 'b' });
    await clock.advance(31 * minute);
    expect(await secrets.get('A')).toBe('plain');
  });

  test('is probed in the background, and its return is reported without a restart', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'vault' }, { mood: 'unavailable' });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      clock,
    });
    const events = eventsOf(secrets);
    expect(await secrets.get('A')).toBe('plain');
    // a pause is 1 s at first and doubles; up to half of it is left out by chance
    await clock.advance(499);
    expect(vault.reads).toHaveLength(1);
    await clock.advance(501);
    expect(vault.reads).toHaveLength(2);
    await clock.advance(499);
    expect(vault.reads).toHaveLength(2);
    vault.mood = 'answers';
    expect(await secrets.get('A')).toBe('plain'); // nobody waits for a store that is known to fail
    await clock.advance(1_501);
    expect(await secrets.get('A')).toBe('vault');
    expect(events).toMatchObject([
      { type: 'fallback', provider: 'vault' },
      { type: 'recovered', provider: 'vault', after: expect.any(Number) },
    ]);
    expect(clock.foregroundTimers).toBe(0);
  });

  test('a notice that no provider answers instead does not silence that one does later', async () => {
    for (const mood of ['missing-document', 'unavailable'] as const) {
      const vault = scripted('vault', {}, { mood });
      const secrets = createSecrets({ providers: [vault, scripted('dotenv', { TOKEN: 'old' })] });
      const told: unknown[] = [];
      secrets.on('fallback', ({ answeredBy }) => told.push(answeredBy));
      await outcome(secrets.find('SENTRY_DSN'));
      await secrets.get('TOKEN');
      await secrets.get('TOKEN');
      expect(told.at(-1)).toBe('dotenv');
      expect(told.filter((by) => by === 'dotenv')).toHaveLength(1);
    }
  });

  test('a change from a last good value to another store is reported', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'vault' });
    const providers = [vault, scripted('dotenv', { A: 'dotenv' })];
    const secrets = createSecrets({ providers, clock, ttl: '1s', staleIfError: '1m' });
    const told: unknown[] = [];
    secrets.on('fallback', ({ answeredBy }) => told.push(answeredBy));
    expect(await secrets.get('A')).toBe('vault');
    vault.mood = 'unavailable';
    await clock.advance(5_000);
    expect(await secrets.get('A')).toBe('vault');
    await clock.advance(2 * minute);
    expect(await secrets.get('A')).toBe('dotenv');
    expect(told).toEqual(['last-good', 'dotenv']);
  });

  test('every outage is reported once', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'v' });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      ttl: 0,
      staleIfError: 0,
      clock,
    });
    const events = eventsOf(secrets);
    for (let outage = 0; outage < 3; outage += 1) {
      vault.mood = 'unavailable';
      for (let count = 0; count < 5; count += 1) {
        expect(await secrets.get('A')).toBe('plain');
        await clock.advance(2_000);
      }
      vault.mood = 'answers';
      await clock.advance(60_000);
      expect(await secrets.get('A')).toBe('v');
    }
    expect(events.map(({ type }) => type)).toEqual(
      [1, 2, 3].flatMap(() => ['fallback', 'recovered']),
    );
  });
});

test('every failed read is reported with its code and duration, whatever the chain makes of it', async () => {
  const clock = manualClock();
  for (const [mood, code] of [
    ['silent', 'ERR_SECRET_UNAVAILABLE'],
    ['denied', 'ERR_SECRET_DENIED'],
    ['invalid', 'ERR_SECRET_INVALID'],
  ] as const) {
    const vault = scripted('vault', {}, { mood });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      clock,
    });
    const events: unknown[] = [];
    secrets.on('failed', (event) => events.push(event));
    secrets.on('fallback', () => {});
    const get = outcome(secrets.get('A'));
    await clock.advance(2_500);
    await get;
    const duration = mood === 'silent' ? 2_500 : 0;
    expect(events).toMatchObject([{ type: 'failed', provider: 'vault', code, duration }]);
    await secrets.close();
  }
});

describe('a document that is not there', () => {
  test('is reported as recovered once it has been written', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'v' }, { mood: 'missing-document' });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      clock,
    });
    const events = eventsOf(secrets);
    expect(await secrets.get('A')).toBe('plain');
    vault.mood = 'answers';
    await clock.advance(31_000);
    expect(await secrets.get('A')).toBe('v');
    expect(events.map(({ type }) => type)).toEqual(['fallback', 'changed', 'recovered']);
  });
});

describe('what a provider throws', () => {
  const canary = 'canary-3f9d27';
  const thrown: readonly [string, unknown, string][] = [
    ['a TypeError', new TypeError(canary), 'ERR_SECRET_PROVIDER'],
    ['text', canary, 'ERR_SECRET_PROVIDER'],
    ['nothing', undefined, 'ERR_SECRET_PROVIDER'],
    [
      'a refused connection',
      Object.assign(new Error(canary), { code: 'ECONNREFUSED', token: canary }),
      'ERR_SECRET_UNAVAILABLE',
    ],
    [
      'an expired certificate',
      Object.assign(new Error(canary), { code: 'CERT_HAS_EXPIRED' }),
      'ERR_SECRET_TLS',
    ],
    [
      'an error with a hostile name',
      Object.assign(new Error('x'), { name: canary, code: canary }),
      'ERR_SECRET_PROVIDER',
    ],
  ];
  test.each(thrown)('%s becomes a SecretError without its text', async (_, error, code) => {
    const { assertNoLeak } = await import('../../src/index.ts');
    const provider = scripted('third', {}, { mood: () => Promise.reject(error) });
    const secrets = createSecrets({ providers: [provider] });
    const caught = await secrets.get('A').catch((reason: unknown) => reason);
    expect(caught).toBeInstanceOf(SecretError);
    expect((caught as SecretError).code).toBe(code);
    assertNoLeak([canary], caught, await secrets.explain('A'));
  });

  test('that is no SecretError ends the call, and shows its class and where it was thrown', async () => {
    class StoreClosed extends Error {}
    const mood = () => Promise.reject(new StoreClosed(canary));
    const providers = [scripted('third', {}, { mood }), scripted('dotenv', { A: 'plain' })];
    const caught = await createSecrets({ providers })
      .get('A')
      .catch((reason: unknown) => reason);
    expect(caught).toMatchObject({
      code: 'ERR_SECRET_PROVIDER',
      provider: 'third',
      thrown: { type: 'StoreClosed', frames: expect.any(Array) },
    });
    const { thrown, message, hint } = caught as SecretError;
    expect(thrown?.frames[0]).toMatch(/^core\/chain-time\.test\.ts:\d+$/);
    expect(message).toContain(`StoreClosed at ${thrown?.frames[0]}`);
    expect(hint).toContain('defect');
    expect(JSON.parse(JSON.stringify(caught)).thrown).toEqual(thrown);
  });

  test.each([
    ['no batch', undefined],
    ['an object for the map', { entries: { A: { value: 'a' } }, complete: true }],
    ['text for a record', { entries: new Map([['A', canary]]), complete: true }],
    ['a number for a value', { entries: new Map([['A', { value: 31_337_421 }]]), complete: true }],
    ['a list for a value', { entries: new Map([['A', { value: [canary] }]]), complete: true }],
    [
      'an object for a value',
      { entries: new Map([['A', { value: { toString: () => canary, canary } }]]), complete: true },
    ],
    [
      'bytes for a value',
      { entries: new Map([['A', { value: Buffer.from(canary) }]]), complete: true },
    ],
  ])('%s is a defect of the provider, and not shown', async (_, batch) => {
    const { assertNoLeak } = await import('../../src/index.ts');
    const provider = scripted('third', {}, { mood: async () => batch as never });
    const secrets = createSecrets({ providers: [provider, scripted('dotenv', { A: 'plain' })] });
    const events: unknown[] = [];
    secrets.on('failed', (event) => events.push(event));
    for (const call of [() => secrets.get('A'), () => secrets.getAll()]) {
      const caught = await call().catch((reason: unknown) => reason);
      expect(caught).toMatchObject({ code: 'ERR_SECRET_PROVIDER', provider: 'third' });
      assertNoLeak([canary, '31337421'], caught);
    }
    expect(events).not.toEqual([]);
    assertNoLeak([canary, '31337421'], ...events, secrets.status(), await secrets.explain('A'));
  });
});

test('close ends a read too whose answer a set has made old', async () => {
  const vault = scripted('vault', {}, { mood: 'silent', writable: true });
  const secrets = createSecrets({ providers: [{ provider: vault, timeout: '1h' }], budget: '1h' });
  const get = outcome(secrets.get('A'));
  await new Promise(setImmediate);
  await secrets.set('A', 'new');
  await secrets.close();
  expect(await get).toBe('ERR_SECRET_ABORTED');
  expect(vault.contexts[0]?.signal.aborted).toBe(true);
});

describe('close', () => {
  test('does not wait for ever for a provider that hangs', async () => {
    const clock = manualClock();
    const vault = Object.assign(scripted('vault'), { close: () => new Promise<void>(() => {}) });
    const secrets = createSecrets({ providers: [vault], clock });
    const warnings: string[] = [];
    secrets.on('warning', ({ message }) => warnings.push(message));
    const closing = secrets.close();
    await clock.advance(5_000);
    await closing;
    expect(warnings).toHaveLength(1);
  });

  test('does not warn of a provider that has nothing to close', async () => {
    const { close: _, ...provider } = scripted('vault');
    const secrets = createSecrets({ providers: [provider] });
    const events = eventsOf(secrets);
    await secrets.close();
    expect(events).toEqual([]);
  });

  test('ends calls that wait for their turn behind many reads, one of them since a write', async () => {
    const clock = manualClock();
    const store = scripted('store', {}, { byName: true, writable: true });
    const secrets = createSecrets({ providers: [store], clock });
    await secrets.find('FIRST');
    store.mood = 'silent';
    const finds: Promise<unknown>[] = [];
    for (let count = 0; count < 9; count += 1) {
      finds.push(outcome(secrets.find(`N${count}`)));
      await clock.advance(0);
    }
    expect(store.reads).toHaveLength(9); // eight, and the first
    store.mood = 'answers';
    await secrets.set('A', 'new');
    await secrets.close();
    await clock.advance(0);
    expect(new Set(await Promise.all(finds))).toEqual(new Set(['ERR_SECRET_ABORTED']));
  });

  test('ends what is under way, closes each provider once, and refuses further calls', async () => {
    const vault = scripted('vault', {}, { mood: 'silent' });
    const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'a' })] });
    const get = outcome(secrets.get('A'));
    await new Promise(setImmediate);
    await Promise.all([secrets.close(), secrets.close()]);
    expect(await get).toBe('ERR_SECRET_ABORTED');
    expect(vault.contexts[0]?.signal.aborted).toBe(true);
    expect(vault.closed).toBe(1);
    for (const call of [
      () => secrets.get('A'),
      () => secrets.find('A'),
      () => secrets.getAll(),
      () => secrets.list(),
      () => secrets.set('A', 'b'),
      () => secrets.explain('A'),
    ])
      expect(await outcome<unknown>(call())).toBe('ERR_SECRET_ABORTED');
  });
});

describe('get with maxAge', () => {
  test('takes no older answer, and 0 asks the store', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' });
    const secrets = createSecrets({ providers: [vault], clock });
    expect(await secrets.get('A')).toBe('old');
    vault.held.set('A', { value: 'new', version: '2' });
    await clock.advance(9_000);
    expect(await secrets.get('A', { maxAge: '10s' })).toBe('old');
    await clock.advance(1_000);
    expect(await secrets.get('A')).toBe('old');
    expect(await secrets.get('A', { maxAge: '10s' })).toBe('new');
    expect(await secrets.get('A')).toBe('new');
    vault.held.delete('A');
    expect(await secrets.find('A', { maxAge: 0 })).toBe(undefined);
    expect(vault.reads).toHaveLength(3);
  });

  test('shares a read with calls of the same tick, and joins none that is too old', async () => {
    const clock = manualClock();
    const answers: ((value: string) => void)[] = [];
    const vault = scripted('vault');
    vault.mood = () =>
      new Promise((resolve) => {
        answers.push((value) => resolve({ entries: new Map([['A', { value }]]), complete: true }));
      });
    const secrets = createSecrets({ providers: [vault], clock });
    const first = secrets.get('A');
    await clock.advance(100);
    const both = [secrets.get('A', { maxAge: 0 }), secrets.get('A', { maxAge: 100 })];
    const joining = secrets.get('A', { maxAge: 101 });
    await clock.advance(0);
    expect(answers).toHaveLength(2);
    answers[0]?.('first');
    expect(await Promise.all([first, joining])).toEqual(['first', 'first']);
    answers[1]?.('second');
    expect(await Promise.all(both)).toEqual(['second', 'second']);
  });

  test('leaves the rules for a store that cannot be asked as they are', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [vault], staleIfError: '1h', clock });
    const notices: unknown[] = [];
    secrets.on('fallback', ({ answeredBy }) => notices.push(answeredBy));
    await secrets.get('A');
    vault.mood = 'unavailable';
    expect(await secrets.get('A', { maxAge: 0 })).toBe('a');
    expect(notices).toEqual(['last-good']);
    await clock.advance(3_600_000);
    expect(await outcome(secrets.get('A', { maxAge: 0 }))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await outcome(secrets.get('A', { maxAge: 'soon' as never }))).toBe('ERR_SECRET_CONFIG');
  });
});

test("an application's fake timers do not hold back an answer, and move the chain's time", async () => {
  // all that Jest's hold back by default
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'Date',
      'performance',
    ],
  });
  try {
    const vault = scripted('vault', { A: 'first' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m' });
    expect(await secrets.get('A')).toBe('first');
    vault.held.set('A', { value: 'second', version: '2' });
    expect(await secrets.get('A')).toBe('first');
    await vi.advanceTimersByTimeAsync(3 * minute);
    expect(await secrets.get('A')).toBe('second');
    await secrets.close();
  } finally {
    vi.useRealTimers();
  }
});
