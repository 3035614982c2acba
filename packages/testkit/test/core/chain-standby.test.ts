// A provider on standby is asked only when one before it could not be: while the others answer, nothing
// depends on it.
import { createSecrets, memoryProvider, SecretError, type SecretsEvent } from '@keyfall/core';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { type Mood, outcome, type ScriptedProvider, scripted } from './scripted-provider.ts';

const minute = 60_000;

/** Vault, its snapshot on standby, and a `.env` with a name of its own. */
function chainOf(
  vault: ScriptedProvider,
  snapshot: ScriptedProvider,
  more: Partial<Parameters<typeof createSecrets>[0]> = {},
) {
  const dotenv = scripted('dotenv', { OWN: 'own', OLD: 'plain' });
  const secrets = createSecrets({
    providers: [vault, { provider: snapshot, standby: true }, dotenv],
    ...more,
  });
  const events: SecretsEvent[] = [];
  for (const type of ['fallback', 'recovered', 'failed', 'denied', 'warning'] as const)
    secrets.on(type, (event) => events.push(event as SecretsEvent));
  return { secrets, events, dotenv };
}

const broken: readonly Mood[] = [
  'answers',
  'unavailable',
  'denied',
  'unauthenticated',
  'tls',
  'invalid',
  'config',
  'missing-document',
  'silent',
];

describe('while the others can be asked', () => {
  test.each(broken.map((mood) => [String(mood), mood] as const))(
    'no call depends on it, whatever it would say: %s',
    async (_, mood) => {
      const vault = scripted('vault', { A: 'a' }, { writable: true });
      const snapshot = scripted('snapshot', { A: 'old a', GONE: 'x' }, { mood, writable: true });
      const { secrets, events } = chainOf(vault, snapshot);
      expect(await secrets.get('A')).toBe('a');
      expect(await secrets.get('OWN')).toBe('own');
      expect(await secrets.find('GONE')).toBeUndefined();
      expect(await outcome(secrets.get('GONE'))).toBe('ERR_SECRET_NOT_FOUND');
      expect(await secrets.getAll()).toEqual({ A: 'a', OWN: 'own', OLD: 'plain' });
      expect(await secrets.list()).toEqual(['A', 'OLD', 'OWN']);
      expect((await secrets.explain('OWN')).attempts).toMatchObject([
        { provider: 'vault', outcome: 'absent' },
        { provider: 'snapshot', outcome: 'skipped', reason: expect.any(String) },
        { provider: 'dotenv', outcome: 'held' },
      ]);
      await secrets.refresh();
      const view = await secrets.view(['A', 'OWN']);
      expect({ ...view }).toEqual({ A: 'a', OWN: 'own' });
      await secrets.set('B', 'b');
      expect(await secrets.delete('OLD')).toMatchObject({ stillHeldBy: ['dotenv'], unknown: [] });
      expect(snapshot.reads).toEqual([]);
      expect(events).toEqual([]);
      expect(secrets.status()[1]).toMatchObject({
        provider: 'snapshot',
        standby: true,
        state: 'unknown',
      });
      expect(secrets.status()[0]).not.toHaveProperty('standby');
      await secrets.close();
    },
  );

  test.each(['tls', 'invalid', 'config'] as const)(
    'a refresh does not ask it where the chain stops before it: %s',
    async (mood) => {
      const vault = scripted('vault', { A: 'a' }, { mood });
      const snapshot = scripted('snapshot', { A: 'old a' });
      const secrets = createSecrets({
        providers: [
          { provider: vault, onDenied: 'next' },
          { provider: snapshot, standby: true },
        ],
      });
      await secrets.refresh();
      expect(await outcome(secrets.get('A'))).toMatch(/^ERR_SECRET_/);
      expect(snapshot.reads).toEqual([]);
      await secrets.close();
    },
  );

  test('and does where a required one refuses and is passed, as a get does', async () => {
    const vault = scripted('vault', { A: 'a' }, { mood: 'denied' });
    const snapshot = scripted('snapshot', { A: 'old a' });
    const secrets = createSecrets({
      providers: [
        { provider: vault, onDenied: 'next', required: true },
        { provider: snapshot, standby: true },
      ],
    });
    secrets.on('fallback', () => {});
    await secrets.refresh();
    expect(snapshot.reads).toHaveLength(1);
    expect(await secrets.get('A')).toBe('old a');
    await secrets.close();
  });

  test('it is not asked where a document is not there: that is an answer', async () => {
    const vault = scripted('vault', {}, { mood: 'missing-document' });
    const snapshot = scripted('snapshot', { A: 'old a' });
    const { secrets } = chainOf(vault, snapshot);
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_NOT_FOUND');
    expect(await secrets.getAll()).toEqual({ OWN: 'own', OLD: 'plain' });
    expect(snapshot.reads).toEqual([]);
  });

  test('it is no target of a write, and hides nothing from one', async () => {
    const snapshot = scripted('snapshot', { A: 'old a' }, { writable: true });
    const alone = createSecrets({
      providers: [scripted('vault', { A: 'a' }), { provider: snapshot, standby: true }],
    });
    expect(await outcome<unknown>(alone.set('B', 'b'))).toBe('ERR_SECRET_UNSUPPORTED');
    expect(alone.asProvider().write).toBeUndefined();
    const own = memoryProvider({});
    const secrets = createSecrets({
      providers: [scripted('vault', {}), { provider: snapshot, standby: true }, own],
    });
    expect(await secrets.set('A', 'mine')).toMatchObject({ provider: 'memory' });
    expect(await secrets.get('A')).toBe('mine');
    expect(snapshot.reads).toEqual([]);
  });
});

describe('when one before it cannot be asked', () => {
  test('it answers, with a notice, until that one is back', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' }, { mood: 'unavailable' });
    const snapshot = scripted('snapshot', { A: 'old a', B: 'old b' });
    const { secrets, events } = chainOf(vault, snapshot, { clock });
    expect(await secrets.get('A')).toBe('old a');
    expect(await secrets.get('OWN')).toBe('own');
    expect(await secrets.getAll()).toEqual({ A: 'old a', B: 'old b', OWN: 'own', OLD: 'plain' });
    expect(events.filter(({ type }) => type === 'fallback')).toMatchObject([
      { provider: 'vault', answeredBy: 'snapshot' },
      { provider: 'vault', answeredBy: 'dotenv' },
    ]);
    expect(await secrets.explain('A')).toMatchObject({
      provider: 'snapshot',
      freshness: 'fallback',
    });
    vault.mood = 'answers';
    await clock.advance(minute);
    expect(await secrets.get('A')).toBe('a');
    expect(await outcome(secrets.get('B'))).toBe('ERR_SECRET_NOT_FOUND');
    await secrets.close();
  });

  test.each<[Mood, string]>([
    ['invalid', 'ERR_SECRET_INVALID'],
    ['config', 'ERR_SECRET_CONFIG'],
    ['denied', 'ERR_SECRET_DENIED'],
    ['tls', 'ERR_SECRET_TLS'],
  ])('its own trouble is the end then: %s', async (mood, code) => {
    const { secrets } = chainOf(
      scripted('vault', {}, { mood: 'unavailable' }),
      scripted('snapshot', {}, { mood }),
    );
    expect(await outcome(secrets.get('OWN'))).toBe(code);
    expect(await outcome<unknown>(secrets.getAll())).toBe(code);
  });

  test('nor is it gone past if it is required', async () => {
    const vault = scripted('vault', {}, { mood: 'unavailable' });
    const snapshot = scripted('snapshot', {}, { mood: 'missing-document' });
    const secrets = createSecrets({
      providers: [
        vault,
        { provider: snapshot, standby: true, required: true },
        scripted('dotenv', { A: 'plain' }),
      ],
    });
    secrets.on('fallback', () => {});
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_NOT_FOUND');
    vault.mood = 'answers';
    await secrets.refresh();
    expect(await secrets.get('A')).toBe('plain');
  });

  test('a last good value of that one comes first', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a' });
    const snapshot = scripted('snapshot', { A: 'old a' }, { mood: 'invalid' });
    const { secrets } = chainOf(vault, snapshot, { clock, ttl: '1m' });
    expect(await secrets.getAll()).toMatchObject({ A: 'a' });
    vault.mood = 'unavailable';
    await clock.advance(5 * minute);
    expect(await secrets.get('A')).toBe('a');
    expect(await secrets.getAll()).toMatchObject({ A: 'a' });
    expect(snapshot.reads).toEqual([]);
    await secrets.close();
  });

  test('or refuses and may be passed; not where it is the end', async () => {
    const snapshot = scripted('snapshot', { A: 'old a' });
    const vault = scripted('vault', {}, { mood: 'denied' });
    const passed = createSecrets({
      providers: [
        { provider: vault, onDenied: 'next' },
        { provider: snapshot, standby: true },
      ],
    });
    passed.on('fallback', () => {});
    expect(await passed.get('A')).toBe('old a');
    expect(await passed.getAll()).toEqual({ A: 'old a' });
    const { secrets } = chainOf(vault, snapshot);
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
  });

  test('for one name alone, it is asked for that name alone', async () => {
    const aws = scripted('aws', { A: 'a', B: 'b' }, { byName: true });
    aws.held.set('B', new SecretError('ERR_SECRET_UNAVAILABLE', 'its backend is down'));
    const snapshot = scripted('snapshot', { A: 'old a', B: 'old b', C: 'old c' });
    const { secrets } = chainOf(aws, snapshot);
    expect(await secrets.get('A')).toBe('a');
    expect(snapshot.reads).toEqual([]);
    expect(await secrets.get('B')).toBe('old b');
    expect(await secrets.getAll()).toEqual({ A: 'a', B: 'old b', OWN: 'own', OLD: 'plain' });
  });

  test('each stands in for those before it alone', async () => {
    const first = scripted('first', { A: 'a' });
    const second = scripted('second', {}, { mood: 'unavailable' });
    const [ofFirst, ofSecond] = [scripted('s1', { A: 'x' }), scripted('s2', { B: 'b' })];
    const secrets = createSecrets({
      providers: [
        first,
        { provider: ofFirst, standby: true },
        second,
        { provider: ofSecond, standby: true },
      ],
    });
    secrets.on('fallback', () => {});
    expect(await secrets.get('B')).toBe('b');
    expect(ofFirst.reads).toEqual([]);
  });

  test('only binds as ever, and refresh reads it too', async () => {
    const vault = scripted('vault', { A: 'a', B: 'b' }, { mood: 'unavailable' });
    const snapshot = scripted('snapshot', { A: 'old a', B: 'old b' });
    const { secrets } = chainOf(vault, snapshot, { only: { A: 'vault' } });
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await secrets.get('B')).toBe('old b');
    const reads = snapshot.reads.length;
    snapshot.held.set('B', { value: 'newer b' });
    await secrets.refresh();
    expect(snapshot.reads).toHaveLength(reads + 1);
    expect(await secrets.get('B')).toBe('newer b');
  });

  test('refresh reads it where any of those before it fails, and for none after it', async () => {
    for (const [failing, reads] of [
      ['first', 1],
      ['second', 1],
      ['last', 0],
    ] as const) {
      const of = (name: string) =>
        scripted(name, {}, { mood: name === failing ? 'unavailable' : 'answers' });
      const snapshot = scripted('snapshot');
      const standby = { provider: snapshot, standby: true };
      const secrets = createSecrets({
        providers: [of('first'), of('second'), standby, of('last')],
      });
      await secrets.refresh();
      expect([failing, snapshot.reads.length]).toEqual([failing, reads]);
      await secrets.close();
    }
  });

  test('close ends a refresh whose turn has not come to it', async () => {
    const vault = scripted('vault', {}, { mood: 'unavailable' });
    const standby = { provider: scripted('snapshot', { A: 'a' }), standby: true };
    const secrets = createSecrets({ providers: [vault, standby], clock: manualClock() });
    secrets.on('fallback', () => {});
    expect(await secrets.get('A')).toBe('a');
    vault.mood = 'silent';
    const refresh = outcome(secrets.refresh());
    await new Promise(setImmediate);
    await secrets.close();
    expect(await refresh).toBe('ERR_SECRET_ABORTED');
  });

  test('an aborted refresh is aborted, whatever it would have found out', async () => {
    const caller = new AbortController();
    const vault = scripted('vault', {}, { mood: 'silent' });
    const standby = { provider: scripted('snapshot'), standby: true };
    const secrets = createSecrets({ providers: [vault, standby] });
    const refresh = outcome(secrets.refresh({ signal: caller.signal }));
    await new Promise(setImmediate);
    caller.abort();
    expect(await refresh).toBe('ERR_SECRET_ABORTED');
  });

  test('a chain in a chain decides that for itself, and can stand by as a whole', async () => {
    const vault = scripted('vault', { A: 'a' });
    const snapshot = scripted('snapshot', { A: 'old a' });
    const inner = createSecrets({
      name: 'inner',
      providers: [vault, { provider: snapshot, standby: true }],
    });
    inner.on('fallback', () => {});
    const main = scripted('main', { B: 'b' });
    const outer = createSecrets({ providers: [main, { provider: inner, standby: true }], ttl: 0 });
    outer.on('fallback', () => {});
    expect(await outcome(outer.get('A'))).toBe('ERR_SECRET_NOT_FOUND');
    main.mood = 'unavailable';
    expect(await outer.get('A')).toBe('a');
    expect(snapshot.reads).toEqual([]);
    vault.mood = 'unavailable';
    await inner.refresh();
    expect(await outer.get('A')).toBe('a'); // a last good value
    expect((await outer.explain('A')).degraded).toBeDefined();
  });
});

test('what cannot be meant is refused', () => {
  const vault = scripted('vault');
  const snapshot = scripted('snapshot');
  const standby = { provider: snapshot, standby: true };
  for (const options of [
    { providers: [standby] },
    { providers: [standby, vault] },
    { providers: [vault, standby], only: { A: 'snapshot' } },
    { providers: [vault, { provider: snapshot, standby: 'yes' }] },
  ])
    expect(() => createSecrets(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
});

test('what ends a call in one on standby does not hide that the store before it could not be asked', async () => {
  const vault = scripted('vault', { A: 'a' }, { mood: 'unavailable' });
  const { secrets } = chainOf(vault, scripted('snapshot', {}, { mood: 'invalid' }));
  for (const call of [() => secrets.get('A'), () => secrets.getAll()]) {
    const error = await call().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_INVALID',
      provider: 'snapshot',
      attempts: [
        { provider: 'vault', outcome: 'failed', code: 'ERR_SECRET_UNAVAILABLE' },
        { provider: 'snapshot', outcome: 'failed', code: 'ERR_SECRET_INVALID' },
      ],
    });
  }
  await secrets.close();
});
