// Following changes: watch, view, refresh, status; and the short way of a cached get.
import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import {
  createSecrets,
  memoryProvider,
  type SecretChange,
  SecretError,
  type Secrets,
} from '@keyfall/core';
import type { SecretProvider, SecretRecord } from '@keyfall/core/provider';
import { beforeAll, describe, expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { follow } from './follow.ts';
import { type Mood, outcome, type ScriptedProvider, scripted } from './scripted-provider.ts';

const minute = 60_000;

// what watches is loaded at its first use, which takes time that no clock here stands for
beforeAll(async () => {
  const secrets = createSecrets({ providers: [memoryProvider({ A: 'a' })] });
  await secrets.view(['A']);
  const outer = createSecrets({ providers: [secrets] });
  await outer.view(['A']);
  (await follow(outer, 'A'))();
  await outer.close();
});

describe('the short way of a cached get', () => {
  test('ends with ttl, at the most one look at the clocks late, also after the machine slept', async () => {
    for (const pass of ['advance', 'suspend'] as const) {
      const clock = manualClock();
      const vault = scripted('vault', { A: 'old' });
      const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
      for (let count = 0; count < 5; count += 1) expect(await secrets.get('A')).toBe('old');
      vault.held.set('A', { value: 'new', version: '2' });
      if (pass === 'advance') {
        // in use all the time, so that it is never let go for being idle
        for (let passed = 0; passed < 10 * minute + 250; passed += 125) {
          await clock.advance(125);
          await secrets.get('A');
        }
      } else {
        await clock.suspend(20 * minute, { monotonic: false });
        await clock.advance(250);
      }
      expect(await secrets.get('A')).toBe('new');
    }
  });

  test('no timer runs for an application that asks for nothing', async () => {
    const clock = manualClock();
    const secrets = createSecrets({ providers: [scripted('vault', { A: 'a' })], clock });
    for (let count = 0; count < 5; count += 1) await secrets.get('A');
    expect(clock.timers).toBe(1);
    expect(clock.foregroundTimers).toBe(0);
    await clock.advance(500);
    expect(clock.timers).toBe(0);
  });

  test('is not taken for a value with an end of its own, nor past a set, nor past close', async () => {
    const clock = manualClock();
    const vault = scripted('vault', {}, { writable: true });
    vault.held.set('LEASED', { value: 'leased', expiresAt: clock.wall() + 1_000 });
    vault.held.set('A', { value: 'old' });
    const secrets = createSecrets({ providers: [vault], clock });
    for (let count = 0; count < 3; count += 1)
      expect([await secrets.get('LEASED'), await secrets.get('A')]).toEqual(['leased', 'old']);
    await secrets.set('A', 'new');
    expect(await secrets.get('A')).toBe('new');
    clock.setWall(clock.wall() + 1_001);
    vault.mood = 'unavailable';
    expect(await outcome(secrets.get('LEASED'))).toBe('ERR_SECRET_UNAVAILABLE');
    await secrets.close();
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_ABORTED');
  });

  test('is left when an earlier provider comes to hold the name', async () => {
    const clock = manualClock();
    const vault = scripted('vault', {});
    const secrets = createSecrets({ providers: [vault, memoryProvider({ A: 'plain' })], clock });
    for (let count = 0; count < 3; count += 1) expect(await secrets.get('A')).toBe('plain');
    vault.held.set('A', { value: 'vault' });
    await clock.advance(30_000); // "not here" is fresh no longer than that
    expect(await secrets.get('A')).toBe('vault');
  });
});

describe('watch', () => {
  test('reports each change once, with its versions, and what a slow consumer missed as one', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'first', B: 'b' });
    const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
    const stop = new AbortController();
    const changes = secrets.watch('A', { signal: stop.signal });
    const first = changes.next();
    await clock.advance(10 * minute);
    for (const version of ['2', '3', '4']) {
      vault.held.set('A', { value: `value ${version}`, version });
      await clock.advance(10 * minute);
    }
    expect(await first).toEqual({
      done: false,
      value: { name: 'A', provider: 'vault', versionBefore: '1', versionAfter: '2' },
    });
    expect((await changes.next()).value).toEqual({
      name: 'A',
      provider: 'vault',
      versionBefore: '2',
      versionAfter: '4',
    });
    const next = changes.next();
    await clock.advance(30 * minute); // nothing changes, nothing is told
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(clock.timers).toBe(0);
  });

  test('several names in one watch, each change by itself', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a', B: 'b', C: 'c' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const changes = secrets.watch(['A', 'B', 'NEW']);
    const first = changes.next();
    await clock.advance(1);
    for (const name of ['B', 'C', 'NEW']) vault.held.set(name, { value: 'x', version: '2' });
    await clock.advance(3 * minute);
    const both = [(await first).value, (await changes.next()).value];
    expect(both.sort((one, other) => (one?.name ?? '').localeCompare(other?.name ?? ''))).toEqual([
      { name: 'B', provider: 'vault', versionBefore: '1', versionAfter: '2' },
      { name: 'NEW', provider: 'vault', versionAfter: '2' },
    ]);
    const next = changes.next();
    vault.held.set('B', { value: 'y', version: '3' });
    await clock.advance(3 * minute);
    expect((await next).value).toMatchObject({ name: 'B', versionBefore: '2', versionAfter: '3' });
    await changes.return();
    expect(clock.timers).toBe(0);
    expect(await secrets.watch([]).next()).toEqual({ done: true, value: undefined });
    await secrets.close();
  });

  test('keeps the process alive while a next waits, and not before or after', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: '1' }, { writable: true });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const changes = secrets.watch('A');
    expect(clock.foregroundTimers).toBe(0);
    const first = changes.next();
    await clock.advance(90 * minute);
    expect(clock.foregroundTimers).toBe(1);
    await secrets.set('A', '2');
    await first;
    expect(clock.foregroundTimers).toBe(0);
    const second = changes.next();
    await clock.advance(1);
    expect(clock.foregroundTimers).toBe(1);
    await secrets.close();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(clock.timers).toBe(0);
  });

  test('a name may come and go; a store that fails changes nothing', async () => {
    const clock = manualClock();
    const vault = scripted('vault');
    const secrets = createSecrets({ providers: [vault], ttl: '1m', staleIfError: '5m', clock });
    const changes: SecretChange[] = [];
    const stop = await follow(secrets, 'A', (change) => changes.push(change));
    vault.held.set('A', { value: 'a', version: '7' });
    await clock.advance(3 * minute);
    vault.mood = 'unavailable';
    await clock.advance(20 * minute);
    vault.mood = 'answers';
    await clock.advance(3 * minute);
    vault.held.delete('A');
    await clock.advance(3 * minute);
    expect(changes).toEqual([
      { name: 'A', provider: 'vault', versionAfter: '7' },
      { name: 'A', versionBefore: '7' },
    ]);
    stop();
    vault.held.set('A', { value: 'again' });
    await clock.advance(10 * minute);
    expect(changes).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  test('a set is reported at once; a provider that watches its store is read when it says so', async () => {
    const clock = manualClock();
    let changed = () => {};
    let watching: AbortSignal | undefined;
    const files = Object.assign(scripted('files', { A: '1' }, { writable: true }), {
      watch: async (onChange: () => void, signal: AbortSignal) => {
        changed = onChange;
        watching = signal;
      },
    });
    const secrets = createSecrets({ providers: [files], clock });
    const heard: string[] = [];
    const stop = await follow(secrets, ['A'], ({ versionAfter }) => heard.push(`${versionAfter}`));
    await secrets.set('A', 'two');
    await clock.advance(0);
    files.held.set('A', { value: 'three', version: '3' });
    changed();
    await clock.advance(0);
    expect(heard).toEqual(['2', '3']);
    stop();
    expect(watching?.aborted).toBe(true);
  });

  test.each([
    ['before the watch', 2_000],
    ['while the watch begins', 0],
  ])('what changed after the last read and %s is reported, by one read', async (_, age) => {
    const clock = manualClock();
    const watching = scripted('files', { A: 'old' });
    const store = Object.assign(watching, { watch: () => new Promise<void>(() => {}) });
    const secrets = createSecrets({ providers: [store], ttl: '1h', clock });
    expect(await secrets.get('A')).toBe('old');
    await clock.advance(age);
    const changes: SecretChange[] = [];
    await follow(secrets, 'A', (change) => changes.push(change));
    store.held.set('A', { value: 'new', version: '2' });
    await clock.advance(1_000);
    expect(changes).toEqual([
      { name: 'A', provider: 'files', versionBefore: '1', versionAfter: '2' },
    ]);
    await clock.advance(5_000);
    expect(store.reads).toHaveLength(2);
    await secrets.close();
  });

  test('a watch that begins while the store fails asks it no more often than the probes do', async () => {
    const clock = manualClock();
    const watching = scripted('files', { A: 'a' }, { mood: 'unavailable' });
    const store = Object.assign(watching, { watch: () => new Promise<void>(() => {}) });
    const secrets = createSecrets({ providers: [store, scripted('dotenv', { A: 'a' })], clock });
    secrets.on('fallback', () => {});
    await secrets.get('A');
    for (let probes = 0; store.reads.length < 8 && probes < 100; probes += 1)
      await clock.advance(5_000);
    const before = store.reads.length;
    await clock.advance(2_000); // the pauses between the probes are longer by now
    await follow(secrets, 'A');
    expect(store.reads).toHaveLength(before);
    await secrets.close();
  });

  test('a provider whose watch fails causes a warning, and is read from time to time', async () => {
    const clock = manualClock();
    const files = Object.assign(scripted('files', { A: '1' }), {
      watch: () => Promise.reject(new Error('canary')),
    });
    const secrets = createSecrets({ providers: [files], ttl: '1m', clock });
    const warnings: string[] = [];
    secrets.on('warning', ({ message }) => warnings.push(message));
    const heard: unknown[] = [];
    await follow(secrets, 'A', (change) => heard.push(change));
    files.held.set('A', { value: '2', version: '2' });
    await clock.advance(2 * minute);
    expect(heard).toHaveLength(1);
    expect(warnings).toHaveLength(1);
  });

  test('close ends it', async () => {
    const secrets = createSecrets({ providers: [scripted('vault', { A: 'a' })] });
    const next = secrets.watch('A').next();
    await new Promise(setImmediate);
    await secrets.close();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test('close at any moment of its beginning ends it, and leaves no watch behind', async () => {
    const endless = new AbortController().signal;
    const begin: readonly ((secrets: Secrets) => Promise<unknown>)[] = [
      (secrets) => secrets.watch('A').next(),
      (secrets) => secrets.view(['A'], { signal: endless }),
    ];
    for (const start of begin)
      for (let moment = 0; moment < 30; moment += 1) {
        const watching = new Set<AbortSignal>();
        const provider: SecretProvider = {
          ...scripted('store', { A: 'a' }),
          watch: async (_, signal) => void watching.add(signal),
        };
        const secrets = createSecrets({ providers: [provider] });
        const begun = start(secrets).catch(() => {});
        for (let passed = 0; passed < moment; passed += 1) await Promise.resolve();
        await secrets.close();
        await begun;
        expect([...watching].filter(({ aborted }) => !aborted)).toEqual([]);
      }
    expect(getEventListeners(endless, 'abort')).toEqual([]);
  });

  test('a chain in a chain passes on what changed inside', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' });
    const inner = createSecrets({ name: 'inner', providers: [vault], ttl: '1m', clock });
    const outer = createSecrets({ providers: [inner], ttl: '1m', clock });
    const heard: SecretChange[] = [];
    await follow(outer, 'A', (change) => heard.push(change));
    vault.held.set('A', { value: 'new', version: '2' });
    await clock.advance(5 * minute);
    expect(heard).toEqual([
      { name: 'A', provider: 'inner', versionBefore: '1', versionAfter: '2' },
    ]);
  });

  test('what is written to the inner chain is reported outside at once', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' }, { writable: true });
    const inner = createSecrets({ name: 'inner', providers: [vault], clock });
    const outer = createSecrets({ providers: [inner], clock });
    const heard: SecretChange[] = [];
    await follow(outer, 'A', (change) => heard.push(change));
    await inner.set('A', 'new');
    await clock.advance(1);
    expect(heard).toEqual([
      { name: 'A', provider: 'inner', versionBefore: '1', versionAfter: '2' },
    ]);
    expect(await outer.get('A')).toBe('new');
    await inner.delete('A');
    await clock.advance(1);
    expect(heard.at(-1)).toEqual({ name: 'A', versionBefore: '2' });
    await outer.close();
  });

  test("an inner chain's second-hand answer does not outlast its recovery by a whole ttl", async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'v' }, { mood: 'unavailable' });
    const inner = createSecrets({
      name: 'inner',
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      clock,
    });
    inner.on('fallback', () => {});
    inner.on('recovered', () => {});
    const outer = createSecrets({ providers: [inner], ttl: '1h', clock });
    expect(await outer.get('A')).toBe('plain');
    expect(await outer.getAll()).toEqual({ A: 'plain' });
    vault.mood = 'answers';
    await clock.advance(31_000);
    for (const ask of [() => outer.get('A'), () => outer.getAll()]) {
      await ask(); // served while it is read anew
      await clock.advance(1);
    }
    expect(await outer.get('A')).toBe('v');
    expect(await outer.getAll()).toEqual({ A: 'v' });
  });

  test('a provider-like watch that is over before it begins, is over', async () => {
    const secrets = createSecrets({ providers: [scripted('vault')] });
    await secrets.asProvider().watch?.(() => {}, AbortSignal.abort());
    await secrets.close();
  });

  test('a provider-like watch is over with its signal, and hears nothing after it', async () => {
    const secrets = createSecrets({ providers: [scripted('vault', {}, { writable: true })] });
    const stop = new AbortController();
    let heard = 0;
    const watch = secrets.asProvider().watch?.(() => {
      heard += 1;
    }, stop.signal);
    await new Promise(setImmediate);
    await secrets.set('A', 'one');
    stop.abort();
    await watch;
    await secrets.set('A', 'two');
    expect(heard).toBe(1);
    await secrets.close();
  });

  test('the end of a watch ends the read that the store asked for, and is no failure of the store', async () => {
    const store = scripted('files', { A: 'a' });
    let call = () => {};
    const watch: SecretProvider['watch'] = (changed, signal) => {
      call = changed;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    // its moods are read from the store itself
    const read: SecretProvider['read'] = (names, context) => store.read(names, context);
    const secrets = createSecrets({
      providers: [{ ...store, read, watch }],
      clock: manualClock(),
    });
    const warnings: unknown[] = [];
    secrets.on('warning', (event) => warnings.push(event));
    const stop = await follow(secrets, 'A');
    store.mood = 'silent';
    call();
    await new Promise(setImmediate);
    stop();
    await new Promise(setImmediate);
    expect(store.contexts.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    expect(warnings).toEqual([]);
    await secrets.close();
  });

  test('a watch of no name begins nothing, and one on standby is not asked for news', async () => {
    const clock = manualClock();
    const asked: string[] = [];
    const of = (name: string): SecretProvider => ({
      ...scripted(name, { A: 'a' }),
      watch: async () => {
        asked.push(name);
      },
    });
    const standby = { provider: of('snapshot'), standby: true };
    const secrets = createSecrets({ providers: [of('files'), standby], clock });
    await follow(secrets, []);
    expect([asked, clock.timers]).toEqual([[], 0]);
    await follow(secrets, 'A');
    expect(asked).toEqual(['files']);
    await secrets.close();
  });

  test('a watch of what cannot be a name is refused', async () => {
    const secrets = createSecrets({ providers: [scripted('vault')] });
    expect(await outcome(secrets.watch('').next())).toBe('ERR_SECRET_CONFIG');
    await secrets.close();
  });
});

describe('a watch does not ask a store without end', () => {
  const broken = new SecretError('ERR_SECRET_INVALID', 'it is broken');
  const inMood = (mood: Mood) => (vault: ScriptedProvider) => {
    vault.mood = mood;
  };
  const holding = (entry: SecretRecord | SecretError) => (vault: ScriptedProvider) => {
    vault.held.set('A', entry);
  };
  test.each<[string, (vault: ScriptedProvider) => void, '5m' | '0ms']>([
    ['refuses', inMood('denied'), '5m'],
    ['does not know the token', inMood('unauthenticated'), '5m'],
    ['answers something broken', inMood('invalid'), '5m'],
    ['has one name that is broken', holding(broken), '5m'],
    ['gives what is kept for no time', () => {}, '0ms'],
    ['gives what has ended', holding({ value: 'a', expiresAt: 1 }), '5m'],
  ])('that %s', async (_, change, ttl) => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [vault], ttl, clock });
    const stop = await follow(secrets, 'A');
    change(vault);
    await secrets.refresh();
    const before = vault.reads.length;
    for (let passed = 0; passed < 60_000; passed += 1_000) await clock.advance(1_000);
    // two looks every 5 s, and one a second of what is kept for no time
    expect(vault.reads.length - before).toBeLessThan(150);
    stop();
    await clock.advance(10_000);
    const after = vault.reads.length;
    await clock.advance(60_000);
    expect(vault.reads.length).toBe(after);
    await secrets.close();
    expect(clock.timers).toBe(0);
  });

  test('and is looked at every five seconds where what it gives has ended already', async () => {
    const clock = manualClock();
    const store = scripted('vault');
    store.held.set('A', { value: 'ended', expiresAt: 1 });
    const secrets = createSecrets({ providers: [store], ttl: '1h', clock });
    const view = await secrets.view(['A']);
    await clock.advance(1_000);
    expect(clock.foregroundTimers).toBe(0);
    store.held.set('A', { value: 'new' });
    await clock.advance(5_000);
    expect(view['A']).toBe('new');
    await secrets.close();
  });

  test('and news is reported at once, also of what is kept for no time', async () => {
    const clock = manualClock();
    const store = scripted('vault', { A: 'one' }, { writable: true });
    const secrets = createSecrets({ providers: [store], ttl: '0ms', clock });
    const view = await secrets.view(['A']);
    await clock.advance(500);
    await secrets.set('A', 'two');
    await clock.advance(1);
    expect(view['A']).toBe('two');
    await secrets.close();
  });

  test('and what was read stays while a store that calls back is in the midst of a change', async () => {
    const clock = manualClock();
    const store = scripted('vault', { A: 'one' });
    let call = () => {};
    const provider: SecretProvider = {
      ...store,
      read: (names, context) => store.read(names, context),
      async watch(changed) {
        call = changed;
      },
    };
    const secrets = createSecrets({ providers: [provider], clock });
    const view = await secrets.view(['A']);
    store.mood = 'invalid';
    call();
    await clock.advance(100);
    expect([view['A'], await secrets.get('A')]).toEqual(['one', 'one']);
    store.mood = 'answers';
    store.held.set('A', { value: 'two', version: '2' });
    call();
    await clock.advance(100);
    expect([view['A'], await secrets.get('A')]).toEqual(['two', 'two']);
    await secrets.close();
  });

  test('and is read every ttl, neither more rarely nor more often', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [vault], ttl: '60s', clock });
    const stop = await follow(secrets, 'A');
    const before = vault.reads.length;
    for (let passed = 0; passed < 100 * 60_000; passed += 1_000) await clock.advance(1_000);
    const reads = vault.reads.length - before;
    // and a tenth of it before its end
    expect(reads).toBeGreaterThanOrEqual(109);
    expect(reads).toBeLessThanOrEqual(112);
    stop();
    await secrets.close();
  });
});

describe('changed', () => {
  test.each([
    ['a bag', false],
    ['a store that answers name by name', true],
  ])('is reported for names that are new or gone as well: %s', async (_, byName) => {
    const clock = manualClock();
    const store = scripted('store', { A: 'a', B: 'b' }, { byName });
    const secrets = createSecrets({ providers: [store], ttl: '1m', clock });
    const events: unknown[] = [];
    secrets.on('changed', (event) => events.push(event));
    await Promise.allSettled(['A', 'B', 'NEW'].map((name) => secrets.get(name)));
    expect(events).toEqual([]); // the first read tells nothing
    store.held.set('NEW', { value: 'new', version: '7' });
    store.held.delete('B');
    await secrets.refresh();
    expect(events).toHaveLength(2);
    expect(events).toContainEqual({
      type: 'changed',
      provider: 'store',
      name: 'NEW',
      versionAfter: '7',
    });
    expect(events).toContainEqual({
      type: 'changed',
      provider: 'store',
      name: 'B',
      versionBefore: '1',
    });
    await secrets.refresh();
    expect(events).toHaveLength(2);
  });
});

describe('view', () => {
  test.each<[string, Omit<SecretRecord, 'value'>]>([
    ['expiresAt', { expiresAt: manualClock().wall() + 10_000 }],
    ['its lease', { lease: { id: 'l', renewable: false, duration: 10_000 } }],
  ])('ends with a value that has an end of its own, without a call: %s', async (_, end) => {
    const clock = manualClock();
    const vault = scripted('vault', { B: 'b' });
    vault.held.set('A', { value: 'a', ...end });
    const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
    await secrets.get('A');
    await clock.advance(4_000);
    const view = await secrets.view(['B', 'A']);
    await clock.advance(0);
    // no timer of it keeps a process alive
    expect(clock.foregroundTimers).toBe(0);
    vault.mood = 'unavailable';
    await clock.advance(5_000);
    expect(view['A']).toBe('a');
    await clock.advance(1_002);
    expect(() => view['A']).toThrow(expect.objectContaining({ code: 'ERR_SECRET_UNAVAILABLE' }));
    await secrets.close();
  });

  test('follows changes, keeps the last good value, and throws when the rules allow it no longer', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old', B: 'b' });
    const secrets = createSecrets({ providers: [vault], ttl: '5m', staleIfError: '1h', clock });
    secrets.on('fallback', () => {});
    const view = await secrets.view(['A', 'B']);
    expect({ ...view }).toEqual({ A: 'old', B: 'b' });
    vault.held.set('A', { value: 'new', version: '2' });
    await clock.advance(11 * minute);
    expect(view.A).toBe('new');
    vault.mood = 'unavailable';
    await clock.advance(30 * minute);
    expect(view.A).toBe('new');
    await clock.advance(61 * minute);
    expect(() => view.A).toThrow(expect.objectContaining({ code: 'ERR_SECRET_UNAVAILABLE' }));
    vault.mood = 'answers';
    await clock.advance(5 * minute);
    expect(view.A).toBe('new');
    expect(() => Object.assign(view, { A: 'mine' })).toThrow(TypeError);
  });

  test('rejects as get does, and leaves nothing behind', async () => {
    const clock = manualClock();
    const secrets = createSecrets({ providers: [scripted('vault', { A: 'a' })], clock });
    expect(await outcome(secrets.view(['A', 'NOBODY']))).toBe('ERR_SECRET_NOT_FOUND');
    expect(clock.timers).toBe(0);
  });

  test('its signal ends the first read as well', async () => {
    const clock = manualClock();
    const vault = scripted('vault', {}, { mood: 'silent' });
    const secrets = createSecrets({ providers: [vault], clock });
    const stop = new AbortController();
    const view = outcome(secrets.view(['A'], { signal: stop.signal }));
    await clock.advance(100);
    stop.abort();
    expect(await view).toBe('ERR_SECRET_ABORTED');
    expect(clock.timers).toBe(0);
  });

  test('its signal ends it', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const stop = new AbortController();
    const view = await secrets.view(['A'], { signal: stop.signal });
    stop.abort();
    vault.held.set('A', { value: 'new' });
    await clock.advance(10 * minute);
    expect(view.A).toBe('old');
    expect(clock.timers).toBe(0);
  });
});

describe('status and refresh', () => {
  test('status asks no provider and says how each one fares', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'v' }, { mood: 'unavailable' });
    const secrets = createSecrets({
      providers: [vault, scripted('dotenv', { A: 'plain' })],
      clock,
    });
    secrets.on('fallback', () => {});
    secrets.on('recovered', () => {});
    expect(secrets.status()).toMatchObject([
      { provider: 'vault', state: 'unknown', breaker: 'closed' },
      { provider: 'dotenv', state: 'unknown', breaker: 'closed' },
    ]);
    await secrets.get('A');
    expect(secrets.status()).toEqual([
      {
        provider: 'vault',
        store: 'somewhere/shop',
        state: 'failing',
        breaker: 'open',
        hits: 0,
        code: 'ERR_SECRET_UNAVAILABLE',
        detail: 'it is unavailable',
        age: 0,
      },
      {
        provider: 'dotenv',
        store: 'somewhere/shop',
        state: 'ready',
        breaker: 'closed',
        hits: 0,
        age: 0,
        names: 1,
      },
    ]);
    vault.mood = 'silent';
    await clock.advance(1_000);
    expect(secrets.status()[0]).toMatchObject({ breaker: 'half-open' });
    expect(JSON.stringify(secrets.status())).not.toContain('plain');
  });

  test('refresh reads again whatever is known, also past an open breaker', async () => {
    const vault = scripted('vault', { A: 'old' }, { mood: 'unavailable' });
    const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'plain' })] });
    secrets.on('fallback', () => {});
    secrets.on('recovered', () => {});
    expect(await secrets.get('A')).toBe('plain');
    vault.mood = 'answers';
    expect(await secrets.refresh()).toMatchObject([
      { state: 'ready', breaker: 'closed' },
      { state: 'ready' },
    ]);
    expect(await secrets.get('A')).toBe('old');
    vault.held.set('A', { value: 'new' });
    await secrets.refresh();
    expect(await secrets.get('A')).toBe('new');
    vault.mood = 'denied';
    expect(await secrets.refresh()).toMatchObject([
      { state: 'failing', code: 'ERR_SECRET_DENIED' },
      {},
    ]);
    expect(await secrets.get('A')).toBe('new');
  });
});

test('refresh reads every known name of a store that answers name by name', async () => {
  const store = scripted('aws', { A: 'old a', B: 'old b' }, { byName: true });
  const secrets = createSecrets({ providers: [store] });
  expect([await secrets.get('A'), await secrets.get('B')]).toEqual(['old a', 'old b']);
  store.held.set('A', { value: 'new a' });
  store.held.set('B', { value: 'new b' });
  const reads = store.reads.length;
  await secrets.refresh();
  expect(store.reads.length - reads).toBe(1);
  expect([await secrets.get('A'), await secrets.get('B')]).toEqual(['new a', 'new b']);
});

test('refresh asks for what was asked for last, and for all where nothing was', async () => {
  const store = scripted('vault', { A: 'a', B: 'b' });
  const secrets = createSecrets({ providers: [store] });
  await secrets.refresh();
  await secrets.get('A');
  expect(store.reads).toEqual(['all']);
  const other = scripted('vault', { A: 'a', B: 'b' });
  const named = createSecrets({ providers: [other] });
  await named.get('A');
  await named.refresh();
  expect(other.reads).toEqual([['A'], ['A']]);
});

test('status shows the latest error of a store whose every name fails', async () => {
  const store = scripted('aws', {}, { byName: true });
  store.held.set('A', new SecretError('ERR_SECRET_DENIED', 'A is denied'));
  store.held.set('B', new SecretError('ERR_SECRET_DENIED', 'B is denied'));
  const secrets = createSecrets({ providers: [store] });
  for (const name of ['A', 'B']) await secrets.get(name).catch(() => {});
  expect(secrets.status()).toMatchObject([{ state: 'failing', detail: 'B is denied' }]);
});

test('status counts the answers that came from what was read before', async () => {
  const secrets = createSecrets({
    providers: [scripted('vault', { A: 'a' }), scripted('dotenv', { B: 'b' })],
  });
  for (let count = 0; count < 10; count += 1) await secrets.get('A');
  expect(secrets.status().map(({ hits }) => hits)).toEqual([9, 0]);
  await secrets.get('B');
  await secrets.getAll();
  expect(secrets.status().map(({ hits }) => hits)).toEqual([11, 1]);
});

describe('time and fleets', () => {
  test('a fleet started at once spreads its refreshes over all of ttl', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const fleet = Array.from({ length: 90 }, () =>
      createSecrets({ providers: [vault], ttl: '10m', clock }),
    );
    const ask = () => Promise.all(fleet.map((secrets) => secrets.get('A')));
    await ask();
    expect(vault.reads).toHaveLength(90);
    const refreshes: number[] = [];
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const before = vault.reads.length;
      await clock.advance(minute);
      await ask();
      await clock.advance(0);
      refreshes.push(vault.reads.length - before);
    }
    const [first, ...others] = refreshes;
    expect(first).toBe(0); // one that has just read does not read again
    expect(Math.min(...others)).toBeGreaterThan(0);
    expect(Math.max(...others)).toBeLessThan(30); // 10 on average
    expect(others.reduce((sum, count) => sum + count)).toBe(90);
  });

  test('a clock that jumps does not storm the store', async () => {
    for (const jump of [86_400_000, -86_400_000]) {
      const clock = manualClock();
      const vault = scripted('vault', { A: 'a' });
      const secrets = createSecrets({ providers: [vault], clock });
      await secrets.get('A');
      clock.setWall(clock.wall() + jump);
      for (let count = 0; count < 100; count += 1) {
        await secrets.get('A');
        await clock.advance(300);
      }
      expect(vault.reads.length).toBeLessThanOrEqual(2);
    }
  });
});

describe('bounds', () => {
  test('at most eight reads of one provider at once; further names wait for the next together', async () => {
    const answers: (() => void)[] = [];
    const store = scripted('store', {}, { byName: true });
    const secrets = createSecrets({ providers: [store] });
    await secrets.find('FIRST'); // so that the chain knows that it is no bag
    store.mood = () =>
      new Promise((resolve) =>
        answers.push(() => resolve({ entries: new Map(), complete: false })),
      );
    const finds: Promise<unknown>[] = [];
    for (let count = 0; count < 20; count += 1) {
      finds.push(secrets.find(`N${count}`));
      await new Promise(setImmediate);
    }
    expect(store.reads).toHaveLength(1 + 8);
    store.mood = 'answers';
    for (const answer of answers) answer();
    await Promise.all(finds);
    expect(store.reads).toHaveLength(1 + 9);
    expect(store.reads.at(-1)).toHaveLength(12);
  });

  test('of a store that answers name by name ten thousand names are kept, the latest', async () => {
    const store = scripted('store', {}, { byName: true });
    const secrets = createSecrets({ providers: [store] });
    await Promise.all(Array.from({ length: 10_001 }, (_, index) => secrets.find(`N${index}`)));
    expect(store.reads).toHaveLength(1);
    await secrets.find('N10000');
    expect(store.reads).toHaveLength(1);
    await secrets.find('N0');
    expect(store.reads).toHaveLength(2);
  });
});

describe('a failing follower does not harm the others', () => {
  test.each<[string, (view: object) => object]>([
    ['frozen', Object.freeze],
    ['sealed', Object.seal],
    ['closed to new properties', Object.preventExtensions],
  ])('a view that is %s is kept up to date, and so is every other one', async (_, freeze) => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const view = await secrets.view(['A']);
    freeze(view);
    const heard: unknown[] = [];
    await follow(secrets, 'A', (change) => heard.push(change));
    for (const version of ['2', '3']) {
      vault.held.set('A', { value: `value ${version}`, version });
      await clock.advance(2 * minute);
      expect(view.A).toBe(`value ${version}`);
    }
    expect(heard).toHaveLength(2);
    expect({ ...view }).toEqual({ A: 'value 3' });
    expect(() => Reflect.set(view, 'A', 'mine') || Reflect.deleteProperty(view, 'A')).not.toThrow();
    expect(view.A).toBe('value 3');
    await secrets.close();
  });

  test('a view that is printed shows no value', async () => {
    const secrets = createSecrets({ providers: [memoryProvider({ A: 'canary-9d1c' })] });
    const view = await secrets.view(['A']);
    expect(inspect(view)).not.toContain('canary');
    await secrets.close();
  });

  test('a watch that begins while a name changes reports the change, though another one has reported it', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old', B: 'b' }, { byName: true });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    await follow(secrets, 'A');
    // the second one waits for B, after it was told of the old A
    let answer = () => {};
    vault.mood = () =>
      new Promise((resolve) => {
        answer = () =>
          resolve({ entries: new Map([['B', { value: 'b', version: '1' }]]), complete: false });
      });
    const heard: SecretChange[] = [];
    const begun = follow(secrets, ['A', 'B'], (change) => heard.push(change));
    await clock.advance(1);
    vault.mood = 'answers';
    vault.held.set('A', { value: 'new', version: '2' });
    const refreshed = secrets.refresh();
    await clock.advance(1);
    await refreshed;
    answer();
    await begun;
    await clock.advance(1);
    expect(heard).toEqual([
      { name: 'A', provider: 'vault', versionBefore: '1', versionAfter: '2' },
    ]);
    await secrets.close();
  });
});

test('one that stops takes nothing from those that go on, of the same name and of another', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { A: 'old', B: 'old' });
  const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
  const heard: string[] = [];
  const hears = (who: string) => () => heard.push(who);
  const stops = [
    await follow(secrets, 'A', hears('first of A')),
    await follow(secrets, 'B', hears('of B')),
  ];
  const stopLast = await follow(secrets, 'A', hears('second of A'));
  for (const stop of stops) stop();
  vault.held.set('A', { value: 'new', version: '2' });
  vault.held.set('B', { value: 'new', version: '2' });
  await clock.advance(2 * minute);
  expect(heard).toEqual(['second of A']);
  // all of them are served by one look at a time
  stopLast();
  expect(clock.timers).toBe(0);
  await secrets.close();
});

describe('the end of a watch', () => {
  test('is as quiet while it begins as later, at whatever moment close or its signal comes', async () => {
    for (const end of ['close', 'signal'] as const)
      for (let moment = 0; moment < 40; moment += 1) {
        const secrets = createSecrets({ providers: [scripted('store', { A: 'a' })] });
        const stop = new AbortController();
        const next = secrets.watch('A', { signal: stop.signal }).next();
        for (let passed = 0; passed < moment; passed += 1) await Promise.resolve();
        if (end === 'signal') stop.abort();
        await secrets.close();
        expect(await next).toEqual({ done: true, value: undefined });
      }
  });

  test('comes at once with return, though a next waits, and leaves nothing behind', async () => {
    const clock = manualClock();
    const secrets = createSecrets({ providers: [scripted('store', { A: 'a' })], clock });
    const endless = new AbortController().signal;
    const watch = secrets.watch('A', { signal: endless });
    const waiting = watch.next();
    await clock.advance(10);
    expect(await watch.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await watch.next()).toEqual({ done: true, value: undefined });
    expect(getEventListeners(endless, 'abort')).toEqual([]);
    await clock.advance(1_000);
    expect(clock.timers).toBe(0);
    const other = secrets.watch('A');
    const also = other.next();
    await clock.advance(10);
    await expect(other.throw(new Error('mine'))).rejects.toThrow('mine');
    expect(await also).toEqual({ done: true, value: undefined });
    await secrets.close();
  });

  test('its signal is let go with the iteration, and one that has fired begins nothing', async () => {
    const store = scripted('store', { A: 'a' });
    const secrets = createSecrets({ providers: [store] });
    const { signal } = new AbortController();
    const watch = secrets.watch('A', { signal });
    const next = watch.next();
    await new Promise(setImmediate);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await watch.return();
    await next;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    const reads = store.reads.length;
    const fired = secrets.watch('A', { signal: AbortSignal.abort() });
    expect(await fired.next()).toEqual({ done: true, value: undefined });
    expect(store.reads).toHaveLength(reads);
    await secrets.close();
  });

  test('after close a new watch is refused as every call is', async () => {
    const secrets = createSecrets({ providers: [scripted('store', { A: 'a' })] });
    const before = secrets.watch('A');
    await secrets.close();
    expect(await before.next()).toEqual({ done: true, value: undefined });
    expect(await outcome(secrets.watch('A').next())).toBe('ERR_SECRET_ABORTED');
  });

  test('close begins no read, and no outage', async () => {
    const clock = manualClock();
    const store = scripted('store', { A: 'a' }, { byName: true });
    const secrets = createSecrets({ providers: [store], clock });
    const events: unknown[] = [];
    for (const type of ['fallback', 'failed'] as const)
      secrets.on(type, (event) => events.push(event));
    await secrets.view(['A']);
    const reads = store.reads.length;
    const gathered = outcome(secrets.get('B'));
    await secrets.close();
    await clock.advance(minute);
    expect([store.reads.length, events, await gathered]).toEqual([reads, [], 'ERR_SECRET_ABORTED']);
    expect(clock.timers).toBe(0);
  });

  test('a store that calls back after close is not read again', async () => {
    const clock = manualClock();
    const store = scripted('store', { A: 'a' });
    let call = () => {};
    const watch: SecretProvider['watch'] = async (changed) => {
      call = changed;
    };
    const secrets = createSecrets({ providers: [{ ...store, watch }], clock });
    await secrets.view(['A']);
    await secrets.close();
    call();
    await clock.advance(0);
    expect([store.reads.length, clock.timers]).toEqual([1, 0]);
  });
});

test('a blocked event loop and a sleep make no answer older than it may be', async () => {
  for (const blocked of [3_200, 20 * minute]) {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'old' });
    const secrets = createSecrets({ providers: [vault], ttl: '1s', clock });
    for (let count = 0; count < 5; count += 1) await secrets.get('A');
    vault.held.set('A', { value: 'new', version: '2' });
    // the clocks go on and no timer has had its turn
    const passing = clock.suspend(blocked);
    expect(await secrets.get('A')).toBe('new');
    await passing;
    await secrets.close();
  }
});

describe('a store that cannot be watched', () => {
  /** Follows a store whose watch fails like this, and returns the warnings. */
  async function warningsAbout(failure: unknown): Promise<string[]> {
    const clock = manualClock();
    const store = { ...scripted('vault', { A: 'a' }), watch: () => Promise.reject(failure) };
    const secrets = createSecrets({ providers: [store], clock });
    const warnings: string[] = [];
    secrets.on('warning', ({ message }) => warnings.push(message));
    (await follow(secrets, 'A'))();
    await secrets.close();
    return warnings;
  }

  test.each([
    ['an outage', new SecretError('ERR_SECRET_UNAVAILABLE', 'away')],
    ['a wrong setting', new SecretError('ERR_SECRET_CONFIG', 'x', { setting: { option: 'a' } })],
    ['a defect', new Error('a defect')],
    ['something that is no error', undefined],
  ])('is announced, and polled: %s', async (_, failure) => {
    expect(await warningsAbout(failure)).toEqual([expect.any(String)]);
  });

  test('is not announced where it is not configured: its read says that', async () => {
    const setting = { option: 'path', isMissing: true };
    expect(
      await warningsAbout(new SecretError('ERR_SECRET_CONFIG', 'no path', { setting })),
    ).toEqual([]);
  });
});

test('following that ends while a look is under way leaves no timer, whatever the look brings', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { A: 'old' });
  const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
  const before = clock.timers;
  const stop = await follow(secrets, 'A');
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  vault.mood = async () => {
    await answered;
    const record = { value: 'new', expiresAt: clock.wall() + 1_000 };
    return { entries: new Map([['A', record]]), complete: true };
  };
  // a look, which waits for the store
  while (vault.lastMet !== vault.mood) await clock.advance(1_000);
  const reads = vault.reads.length;
  stop();
  answer();
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  expect(clock.timers).toBe(before);
  await clock.advance(60 * minute);
  expect(vault.reads).toHaveLength(reads);
  await secrets.close();
});

test('a value is looked at again as soon as it has ended, and not before', async () => {
  const clock = manualClock();
  const vault = scripted('vault');
  vault.held.set('A', { value: 'old', expiresAt: clock.wall() + 10_000 });
  const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
  const stop = await follow(secrets, 'A');
  const reads = vault.reads.length;
  await clock.advance(10_000);
  expect(vault.reads).toHaveLength(reads);
  vault.held.set('A', { value: 'new', expiresAt: clock.wall() + 60 * minute });
  await clock.advance(2);
  expect(vault.reads).toHaveLength(reads + 1);
  expect(await secrets.get('A')).toBe('new');
  expect(vault.reads).toHaveLength(reads + 1);
  stop();
  await secrets.close();
});
