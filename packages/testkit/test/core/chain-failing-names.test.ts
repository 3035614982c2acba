// Stores of which some names fail and others do not: what is told, what is asked again, and what one
// name may cost the others.
import { createSecrets, SecretError } from '@keyfall/core';
import { describe, expect, test, vi } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { outcome, scripted } from './scripted-provider.ts';

const minute = 60_000;
const denied = new SecretError('ERR_SECRET_DENIED', 'the policy has no such path');

describe('of a store that answers name by name', () => {
  test('every outage is reported, though some name was denied once and never asked for again', async () => {
    const clock = manualClock();
    const store = scripted('aws', { A: 'a' }, { byName: true });
    store.held.set('X', denied);
    const secrets = createSecrets({
      providers: [store, scripted('dotenv', { A: 'plain' })],
      ttl: '1m',
      staleIfError: '2m',
      clock,
    });
    const told: string[] = [];
    secrets.on('fallback', () => told.push('fallback'));
    secrets.on('recovered', () => told.push('recovered'));
    expect(await outcome(secrets.get('X'))).toBe('ERR_SECRET_DENIED');
    for (let outage = 0; outage < 2; outage += 1) {
      store.mood = 'unavailable';
      await clock.advance(10 * minute);
      expect(await secrets.get('A')).toBe('plain');
      store.mood = 'answers';
      await clock.advance(2 * minute);
      expect(await secrets.get('A')).toBe('a');
    }
    expect(told).toEqual(['fallback', 'recovered', 'fallback', 'recovered']);
  });

  test('a name that is refused is no last good value of getAll either', async () => {
    const clock = manualClock();
    const store = scripted('aws', { A: 'a', X: 'x' }, { byName: true });
    const secrets = createSecrets({ providers: [store, scripted('dotenv')], ttl: '1m', clock });
    secrets.on('fallback', () => {});
    await secrets.getAll();
    store.held.set('X', denied);
    await clock.advance(3 * minute);
    expect(await outcome(secrets.get('X'))).toBe('ERR_SECRET_DENIED');
    store.mood = 'unavailable';
    await clock.advance(minute);
    expect(await secrets.getAll()).toEqual({});
  });

  test('a name that could not be asked for has its last good value; one that is refused has none', async () => {
    for (const [error, expected] of [
      [new SecretError('ERR_SECRET_UNAVAILABLE', 'it was throttled'), 'a'],
      [denied, 'ERR_SECRET_DENIED'],
    ] as const) {
      const clock = manualClock();
      const store = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
      const secrets = createSecrets({ providers: [store], ttl: 0, clock });
      secrets.on('fallback', () => {});
      expect(await secrets.getAll()).toEqual({ A: 'a', B: 'b' });
      store.held.set('A', error);
      expect(await outcome(secrets.get('A'))).toBe(expected);
      expect(await secrets.get('B')).toBe('b');
      // with a name that failed nobody knows the store whole
      expect(await outcome(secrets.getAll())).toBe(error.code);
      store.mood = 'unavailable';
      expect(await outcome(secrets.getAll())).toBe('ERR_SECRET_UNAVAILABLE');
      const last = error === denied ? 'ERR_SECRET_UNAVAILABLE' : 'a';
      expect(await outcome(secrets.get('A'))).toBe(last);
      expect(await secrets.get('B')).toBe('b');
      await secrets.close();
    }
  });

  test('a denied name that is asked for all the time does not keep the others from being read again', async () => {
    const clock = manualClock();
    const store = scripted('aws', { A: 'old' }, { byName: true });
    store.held.set('X', denied);
    const secrets = createSecrets({ providers: [store], ttl: '1m', clock });
    expect(await secrets.get('A')).toBe('old');
    store.held.set('A', { value: 'new' });
    let last = '';
    for (let passed = 0; passed < 100_000; passed += 4_000) {
      await clock.advance(4_000);
      await outcome(secrets.get('X'));
      last = await secrets.get('A');
    }
    expect(last).toBe('new');
  });

  test('onDenied: next does not make every call ask for a name that is denied', async () => {
    const clock = manualClock();
    const store = scripted('aws', {}, { byName: true });
    store.held.set('X', denied);
    const secrets = createSecrets({
      providers: [{ provider: store, onDenied: 'next' }, scripted('dotenv', { X: 'plain' })],
      clock,
    });
    secrets.on('fallback', () => {});
    for (let count = 0; count < 50; count += 1) expect(await secrets.get('X')).toBe('plain');
    expect(store.reads).toHaveLength(1);
    store.held.set('X', { value: 'x' });
    await clock.advance(5_000);
    expect(await secrets.get('X')).toBe('x');
  });

  test('is failing in status while every name that was asked for is denied', async () => {
    const store = scripted('aws', { A: 'a' }, { byName: true });
    store.held.set('X', denied);
    const secrets = createSecrets({ providers: [store] });
    await outcome(secrets.get('X'));
    expect(secrets.status()).toMatchObject([
      { state: 'failing', code: 'ERR_SECRET_DENIED', names: 0 },
    ]);
    await secrets.get('A');
    expect(secrets.status()).toMatchObject([{ state: 'ready', names: 1 }]);
  });
});

test('one failing name of a bag does not make every absent name a request', async () => {
  const bag = scripted('doppler', { A: 'a' });
  bag.held.set('X', denied);
  const secrets = createSecrets({ providers: [bag], clock: manualClock() });
  for (let count = 0; count < 10; count += 1)
    expect(await secrets.find('NOT_HERE')).toBe(undefined);
  expect(bag.reads).toHaveLength(1);
  expect(await outcome(secrets.get('X'))).toBe('ERR_SECRET_DENIED');
});

test('a set is seen by the next get also after a refusal that was passed', async () => {
  const vault = scripted('vault', {}, { writable: true, mood: 'denied' });
  const secrets = createSecrets({
    providers: [{ provider: vault, onDenied: 'next' }, scripted('dotenv', { A: 'plain' })],
    clock: manualClock(),
  });
  secrets.on('fallback', () => {});
  secrets.on('recovered', () => {});
  expect(await secrets.get('A')).toBe('plain');
  vault.mood = 'answers'; // the policy is mended
  await secrets.set('A', 'mine');
  expect(await secrets.get('A')).toBe('mine');
});

test('a write without an answer is reported as changed by the read that finds it', async () => {
  const store = scripted('vault', { A: 'old' }, { writable: true });
  const { write } = store;
  store.write = async (changes, context) => {
    await write?.(changes, context);
    throw new SecretError('ERR_SECRET_UNAVAILABLE', 'the answer was lost');
  };
  const secrets = createSecrets({ providers: [store], clock: manualClock() });
  const changed = vi.fn();
  secrets.on('changed', changed);
  await secrets.get('A');
  expect(await outcome(secrets.set('A', 'new'))).toBe('ERR_SECRET_UNAVAILABLE');
  expect(changed).not.toHaveBeenCalled();
  expect(await secrets.get('A')).toBe('new');
  expect(changed).toHaveBeenCalledTimes(1);
});

test('a watch whose signal fires during its first read ends at once', async () => {
  const store = scripted('vault', {}, { mood: 'silent' });
  const secrets = createSecrets({ providers: [store], clock: manualClock() });
  const stop = new AbortController();
  const next = secrets.watch('A', { signal: stop.signal }).next();
  await vi.waitFor(() => expect(store.reads).toHaveLength(1));
  stop.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('names that fail without end cost no more than the last hundred of them', async () => {
  const store = scripted('aws', {}, { byName: true });
  const asked = Array.from({ length: 1_000 }, (_, index) => `N${index}`);
  for (const name of asked) store.held.set(name, denied);
  const secrets = createSecrets({
    providers: [{ provider: store, onDenied: 'next' }, scripted('dotenv', {})],
    clock: manualClock(),
  });
  secrets.on('fallback', () => {});
  for (const name of asked) await outcome(secrets.find(name));
  const reads = store.reads.length;
  await outcome(secrets.find('N900')); // among the last: known
  expect(store.reads.length).toBe(reads);
  await outcome(secrets.find('N899')); // let go: asked again
  expect(store.reads.length).toBe(reads + 1);
});
