// What a store that refuses, wholly or for one name, does to what it answered before and to the calls
// after it; and that notices which alternate are told once.
import { createSecrets, SecretError, type Secrets, type SecretsEvent } from '@keyfall/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { follow } from './follow.ts';
import { type Mood, outcome, scripted } from './scripted-provider.ts';

const minute = 60_000;
const denied = new SecretError('ERR_SECRET_DENIED', 'the policy has no such path');
const unavailable = new SecretError('ERR_SECRET_UNAVAILABLE', 'its backend is down');

function eventsOf(secrets: Secrets): string[] {
  const events: string[] = [];
  for (const type of ['fallback', 'recovered', 'denied', 'failed', 'changed'] as const)
    secrets.on(type, (event) => events.push((event as SecretsEvent).type));
  return events;
}

// the code of a first watch is loaded, which takes time that no clock here stands for
beforeAll(async () => {
  const secrets = createSecrets({ providers: [scripted('vault', { A: 'a' })] });
  (await follow(secrets, 'A'))();
  await secrets.view(['A']);
  await secrets.close();
});

describe('a refresh that is refused for one name', () => {
  test('is reported, does not ask at every get, and leaves the other names alone', async () => {
    const clock = manualClock();
    const store = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
    const secrets = createSecrets({ providers: [store], ttl: '1m', clock });
    const events = eventsOf(secrets);
    expect([await secrets.get('A'), await secrets.get('B')]).toEqual(['a', 'b']);
    store.held.set('A', denied);
    await clock.advance(1.5 * minute);
    const reads = store.reads.length;
    for (let count = 0; count < 20; count += 1) {
      expect(await secrets.get('A')).toBe('a');
      await clock.advance(100);
    }
    expect(store.reads.length - reads).toBe(1);
    expect(events).toEqual(['failed', 'denied']);
    expect(await secrets.get('B')).toBe('b');
    await clock.advance(minute);
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
  });

  test('is reported once for many names that are refused alike', async () => {
    const store = scripted('aws', {}, { byName: true });
    for (const name of ['A', 'B', 'C']) store.held.set(name, denied);
    const secrets = createSecrets({ providers: [store] });
    const events = eventsOf(secrets);
    await Promise.allSettled(['A', 'B', 'C'].map((name) => secrets.get(name)));
    expect(events).toEqual(['failed', 'denied']);
  });
});

describe('what a store refused to give again is no last good value', () => {
  test.each<[Mood]>([['denied'], ['unauthenticated'], ['tls'], ['invalid']])(
    'an outage after %s does not bring it back',
    async (mood) => {
      const clock = manualClock();
      const vault = scripted('vault', { A: 'a' });
      const secrets = createSecrets({ providers: [vault], ttl: '1m', staleIfError: '1h', clock });
      expect(await secrets.get('A')).toBe('a');
      vault.mood = mood;
      await clock.advance(3 * minute);
      const refusal = await outcome(secrets.get('A'));
      expect(refusal).toBe(`ERR_SECRET_${mood.toString().toUpperCase()}`);
      vault.mood = 'unavailable';
      await clock.advance(1_000); // what was refused is repeated for a second
      expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_UNAVAILABLE');
      expect(await outcome(secrets.getAll())).toBe('ERR_SECRET_UNAVAILABLE');
      vault.mood = 'answers';
      await clock.advance(minute);
      expect(await secrets.get('A')).toBe('a');
      // and what it gives again may stand in again
      vault.mood = 'unavailable';
      await clock.advance(3 * minute);
      expect(await secrets.get('A')).toBe('a');
    },
  );

  test('nor where one name was refused, while the others may stand in', async () => {
    const clock = manualClock();
    const store = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
    const secrets = createSecrets({ providers: [store], ttl: '1m', staleIfError: '1h', clock });
    expect([await secrets.get('A'), await secrets.get('B')]).toEqual(['a', 'b']);
    store.held.set('A', denied);
    await clock.advance(3 * minute);
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
    store.mood = 'unavailable';
    await clock.advance(1_000);
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await secrets.get('B')).toBe('b');
  });
});

test('onDenied: next does not make every call ask the store that refuses', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { A: 'v' }, { mood: 'denied' });
  const secrets = createSecrets({
    providers: [{ provider: vault, onDenied: 'next' }, scripted('dotenv', { A: 'plain' })],
    clock,
  });
  const events = eventsOf(secrets);
  for (let count = 0; count < 40; count += 1) {
    expect(await secrets.get('A')).toBe('plain');
    expect(await secrets.getAll()).toEqual({ A: 'plain' });
    await clock.advance(100);
  }
  expect(vault.reads).toHaveLength(1);
  expect(events).toEqual(['failed', 'denied', 'fallback']);
  vault.mood = 'answers';
  await clock.advance(5_000);
  expect(await secrets.get('A')).toBe('v');
  expect(events.slice(3)).toEqual(['recovered']);
});

describe('one outage is reported once', () => {
  test('though the ways in which the store fails alternate', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'v' }, { mood: 'denied' });
    const secrets = createSecrets({
      providers: [{ provider: vault, onDenied: 'next' }, scripted('dotenv', { A: 'plain' })],
      clock,
    });
    const events = eventsOf(secrets);
    const moods: Mood[] = ['denied', 'unavailable', 'missing-document'];
    for (let count = 0; count < 12; count += 1) {
      vault.mood = moods[count % 3] as Mood;
      await secrets.refresh();
      expect(await secrets.get('A')).toBe('plain');
    }
    expect(events.filter((type) => type === 'fallback')).toHaveLength(3);
    expect(events).not.toContain('recovered');
  });

  test('though names that fail and names that do not are asked for in turn', async () => {
    const clock = manualClock();
    const store = scripted('aws', { B: 'b' }, { byName: true });
    store.held.set('A', unavailable);
    const secrets = createSecrets({
      providers: [store, scripted('dotenv', { A: 'plain' })],
      ttl: 0,
      clock,
    });
    const events = eventsOf(secrets);
    for (let count = 0; count < 5; count += 1)
      expect([await secrets.get('A'), await secrets.get('B')]).toEqual(['plain', 'b']);
    expect(events.filter((type) => type !== 'failed')).toEqual(['fallback']);
    store.held.set('A', { value: 'a' });
    expect(await secrets.get('A')).toBe('a');
    expect(events.at(-1)).toBe('recovered');
  });
});

describe('an outage of one name ends', () => {
  /** A store that answers name by name, and another one behind it that has all that it has. */
  function chainOf(required: boolean) {
    const clock = manualClock();
    const store = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
    const secrets = createSecrets({
      providers: [{ provider: store, required }, scripted('dotenv', { A: 'plain' })],
      ttl: 0,
      clock,
    });
    const events = eventsOf(secrets);
    return { clock, store, secrets, told: () => events.filter((type) => type !== 'failed') };
  }

  test('a minute after it was last asked for, with the next answer of the store', async () => {
    const { clock, store, secrets, told } = chainOf(false);
    store.held.set('A', unavailable);
    expect(await secrets.get('A')).toBe('plain');
    await clock.advance(59_999);
    await secrets.get('B');
    expect(told()).toEqual(['fallback']);
    await clock.advance(1);
    await secrets.get('B');
    expect(told()).toEqual(['fallback', 'recovered']);
  });

  test('whatever else the store refuses, since nothing else is asked instead of that', async () => {
    const { store, secrets, told } = chainOf(false);
    store.held.set('A', unavailable);
    expect(await secrets.get('A')).toBe('plain');
    store.held.set('X', new SecretError('ERR_SECRET_DENIED', 'it is denied'));
    expect(await outcome(secrets.get('X'))).toBe('ERR_SECRET_DENIED');
    store.held.set('A', { value: 'a' });
    expect(await secrets.get('A')).toBe('a');
    expect(told()).toEqual(['fallback', 'denied', 'recovered']);
  });

  test('no sooner where its last good value stands in for a required store', async () => {
    const { store, secrets, told } = chainOf(true);
    await secrets.get('A');
    store.held.set('A', unavailable);
    expect([await secrets.get('A'), await secrets.get('B')]).toEqual(['a', 'b']);
    expect(told()).toEqual(['fallback']);
    store.held.set('A', { value: 'a' });
    expect(await secrets.get('A')).toBe('a');
    expect(told()).toEqual(['fallback', 'recovered']);
  });
});

describe('a refusal is not asked for again at once', () => {
  const refused: readonly [Mood, string][] = [
    ['denied', 'ERR_SECRET_DENIED'],
    ['unauthenticated', 'ERR_SECRET_UNAUTHENTICATED'],
    ['tls', 'ERR_SECRET_TLS'],
  ];
  test.each(refused)('200 calls in turn are one request a second: %s', async (mood, code) => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' }, { mood });
    const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'x' })], clock });
    const told: SecretsEvent[] = [];
    for (const type of ['denied', 'allowed', 'fallback', 'recovered'] as const)
      secrets.on(type, (event) => told.push(event as SecretsEvent));
    for (let count = 0; count < 100; count += 1) {
      expect(await outcome(secrets.get('A'))).toBe(code);
      expect(await outcome<unknown>(secrets.getAll())).toBe(code);
      await clock.advance(25);
    }
    expect(vault.reads.length).toBeLessThanOrEqual(3);
    expect(told).toMatchObject([{ type: 'denied', provider: 'vault', code, count: 1 }]);
    // what was to be mended is mended: it is found out within a second, and how much was refused is told
    vault.mood = 'answers';
    await clock.advance(1_000);
    expect(await secrets.get('A')).toBe('a');
    expect(told.slice(1)).toMatchObject([{ type: 'allowed', provider: 'vault', code, count: 199 }]);
    expect((told[1] as { after?: number } | undefined)?.after).toBeGreaterThanOrEqual(2_500);
    vault.mood = mood;
    await secrets.refresh();
    expect(told).toHaveLength(3);
    await secrets.close();
  });

  test('one that changes its kind is reported again, with what was refused since', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' }, { mood: 'denied' });
    const secrets = createSecrets({ providers: [vault], clock });
    const told: unknown[] = [];
    secrets.on('denied', ({ code, count }) => told.push([code, count]));
    await clock.advance(7_000);
    for (let count = 0; count < 5; count += 1) await outcome(secrets.get('A'));
    vault.mood = 'unauthenticated';
    await clock.advance(1_000);
    for (let count = 0; count < 5; count += 1) await outcome(secrets.get('A'));
    expect(told).toEqual([
      ['ERR_SECRET_DENIED', 1],
      ['ERR_SECRET_UNAUTHENTICATED', 5],
    ]);
    // its end is that of the last kind, and as long after the first
    secrets.on('allowed', ({ code, count, after }) => told.push([code, count, after]));
    vault.mood = 'answers';
    await clock.advance(1_000);
    expect(await secrets.get('A')).toBe('a');
    expect(told[2]).toEqual(['ERR_SECRET_UNAUTHENTICATED', 4, 2_000]);
  });

  test('of one name alone, and the others are read', async () => {
    const clock = manualClock();
    const store = scripted('aws', { B: 'b', C: 'c' }, { byName: true });
    store.held.set('A', denied);
    const secrets = createSecrets({ providers: [store], clock });
    const events = eventsOf(secrets);
    for (let count = 0; count < 50; count += 1)
      expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
    expect(store.reads).toHaveLength(1);
    expect([await secrets.get('B'), await secrets.get('C')]).toEqual(['b', 'c']);
    expect(events).toEqual(['failed', 'denied']);
    const allowed: unknown[] = [];
    secrets.on('allowed', ({ count }) => allowed.push(count));
    store.held.set('A', { value: 'a' });
    await clock.advance(1_000);
    expect(await secrets.get('A')).toBe('a');
    expect(allowed).toEqual([49]);
  });

  test('refresh, a write, and a provider that says so have it asked for at once', async () => {
    const clock = manualClock();
    const ways: readonly ((secrets: Secrets, vault: ReturnType<typeof scripted>) => unknown)[] = [
      (secrets) => secrets.refresh(),
      (secrets) => secrets.set('B', 'b'),
      (_, vault) => vault.contexts[0]?.askAgain?.(),
    ];
    for (const way of ways) {
      const vault = scripted('vault', { A: 'a' }, { mood: 'denied', writable: true });
      const secrets = createSecrets({ providers: [vault], clock });
      expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
      await clock.advance(1);
      vault.mood = 'answers';
      expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
      await way(secrets, vault);
      expect(await secrets.get('A')).toBe('a');
      await secrets.close();
    }
  });

  test('a provider that says so has watchers look again, and none after close', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const heard: unknown[] = [];
    await follow(secrets, 'A', (change) => heard.push(change));
    vault.mood = 'denied';
    await clock.advance(3 * minute);
    vault.mood = 'answers';
    vault.held.set('A', { value: 'new', version: '2' });
    await clock.advance(1);
    vault.contexts[0]?.askAgain?.();
    await clock.advance(1);
    expect(heard).toHaveLength(1);
    await secrets.close();
    const reads = vault.reads.length;
    vault.contexts[0]?.askAgain?.();
    await clock.advance(minute);
    expect(vault.reads).toHaveLength(reads);
  });
});

describe('the budget of one call', () => {
  test('is not overrun by a second turn in a store of one secret a name', async () => {
    const clock = manualClock();
    const store = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
    let answer = () => {};
    store.mood = () =>
      new Promise((resolve) => {
        answer = () => resolve({ entries: new Map([['A', { value: 'a' }]]), complete: false });
      });
    const secrets = createSecrets({
      providers: [{ provider: store, timeout: '1m' }],
      budget: '4s',
      clock,
    });
    const first = secrets.get('A');
    await clock.advance(0);
    // joins the read of A, since the store may be a bag
    let settled = false;
    const second = outcome(secrets.get('B')).finally(() => {
      settled = true;
    });
    await clock.advance(3_000);
    store.mood = 'silent';
    answer();
    expect(await first).toBe('a');
    await clock.advance(999);
    expect([store.reads.length, settled]).toEqual([2, false]);
    await clock.advance(1);
    expect(await second).toBe('ERR_SECRET_UNAVAILABLE');
    await secrets.close();
  });
});
