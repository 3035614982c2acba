// What a store that refuses, wholly or for one name, does to what it answered before and to the calls
// after it; and that notices which alternate are told once.
import { createSecrets, SecretError, type Secrets, type SecretsEvent } from '@keyfall/core';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
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

describe('a refresh that is refused for one name', () => {
  test('is told, does not ask at every get, and leaves the other names alone', async () => {
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

  test('is told once for many names that are refused alike', async () => {
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

describe('one outage is told once', () => {
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
