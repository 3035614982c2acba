// Which value stands in for a store, and for what: the last good one, where the store could not be asked,
// and for nothing else that may go wrong.
import { createSecrets, memoryProvider, SecretError, type SecretErrorCode } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { type Mood, outcome, scripted } from './scripted-provider.ts';

const fails = (code: SecretErrorCode): Mood => {
  return () => Promise.reject(new SecretError(code, 'it fails'));
};

/** What a store may say instead of an answer, and what the chain makes of it where it has a last good value. */
const table: readonly (readonly [string, Mood, 'stands in' | SecretErrorCode])[] = [
  ['cannot be asked', fails('ERR_SECRET_UNAVAILABLE'), 'stands in'],
  ['is silent', 'silent', 'stands in'],
  ['denies', fails('ERR_SECRET_DENIED'), 'ERR_SECRET_DENIED'],
  ['does not know us', fails('ERR_SECRET_UNAUTHENTICATED'), 'ERR_SECRET_UNAUTHENTICATED'],
  ['is not to be trusted', fails('ERR_SECRET_TLS'), 'ERR_SECRET_TLS'],
  ['is broken', fails('ERR_SECRET_INVALID'), 'ERR_SECRET_INVALID'],
  ['is set up wrongly', fails('ERR_SECRET_CONFIG'), 'ERR_SECRET_CONFIG'],
  ['cannot do that', fails('ERR_SECRET_UNSUPPORTED'), 'ERR_SECRET_UNSUPPORTED'],
  ['gives up by itself', fails('ERR_SECRET_ABORTED'), 'ERR_SECRET_ABORTED'],
];

describe.each([['a bag'], ['one secret a name']])('%s', (kind) => {
  const byName = kind !== 'a bag';

  test.each(table)('that %s', async (_, mood, expected) => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'last good', GONE: 'g' }, { byName });
    const providers = [vault, scripted('dotenv', { A: 'plain' })];
    const secrets = createSecrets({ providers, clock, ttl: 0 });
    secrets.on('fallback', () => {});
    expect(await secrets.get('A')).toBe('last good');
    expect(await secrets.getAll()).toEqual({ A: 'last good', GONE: 'g' });
    vault.mood = mood;
    const ask = async (call: Promise<unknown>) => {
      const settled = outcome(call);
      await clock.advance(4_000);
      return settled;
    };
    const isOut = expected === 'stands in';
    expect(await ask(secrets.get('A'))).toBe(isOut ? 'last good' : expected);
    expect(await ask(secrets.find('A'))).toBe(isOut ? 'last good' : expected);
    expect(await ask(secrets.getAll())).toEqual(isOut ? { A: 'last good', GONE: 'g' } : expected);
    expect(await ask(secrets.list())).toEqual(isOut ? ['A', 'GONE'] : expected);
    // what a store has answered with a refusal is not brought back by the outage that follows
    vault.mood = 'unavailable';
    await clock.advance(60_000);
    const later = expected === 'stands in' || expected === 'ERR_SECRET_ABORTED';
    expect(await ask(secrets.get('A'))).toBe(later ? 'last good' : 'plain');
    await secrets.close();
    expect(clock.timers).toBe(0);
  });

  test('whose caller has given up fails for that caller alone', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'last good' }, { byName });
    const secrets = createSecrets({ providers: [vault, memoryProvider()], clock, ttl: 0 });
    expect(await secrets.get('A')).toBe('last good');
    expect(await secrets.getAll()).toEqual({ A: 'last good' });
    vault.mood = 'silent';
    for (const call of [
      (signal: AbortSignal) => secrets.get('A', { signal }),
      (signal: AbortSignal) => secrets.find('A', { signal }),
      (signal: AbortSignal) => secrets.getAll({ signal }),
      (signal: AbortSignal) => secrets.list({ signal }),
      (signal: AbortSignal) => secrets.explain('A', { signal }),
    ]) {
      const caller = new AbortController();
      const asked = outcome<unknown>(call(caller.signal));
      await clock.advance(10);
      caller.abort();
      expect(await asked).toBe('ERR_SECRET_ABORTED');
    }
    expect(secrets.status()[0]).toMatchObject({ breaker: 'closed' });
    vault.mood = 'answers';
    expect(await secrets.get('A')).toBe('last good');
  });
});

// Gets, writes and outages in any order, where each read and each write takes as long as it likes.
describe('what a write has replaced', () => {
  /** A store that answers, and commits, when the test says so. */
  function gated() {
    let value = 0;
    let isOut = false;
    const reads: (() => void)[] = [];
    const writes: { commit(): void; settle(isLost: boolean): void }[] = [];
    const lost = () => new SecretError('ERR_SECRET_UNAVAILABLE', 'the answer was lost');
    const provider: SecretProvider = {
      name: 'vault',
      store: 'vault of the test',
      read: () =>
        new Promise((resolve, reject) => {
          if (isOut) reject(new SecretError('ERR_SECRET_UNAVAILABLE', 'it is away'));
          const entries = new Map([['A', { value: String(value) }]]);
          reads.push(() => resolve({ entries, complete: true }));
        }),
      write: ({ entries }) =>
        new Promise((resolve, reject) => {
          let isCommitted = false;
          const commit = () => {
            if (!isCommitted) value = Number(entries.get('A'));
            isCommitted = true;
          };
          const settle = (isLost: boolean) => {
            if (isLost) return reject(lost());
            commit();
            resolve({ conditional: false });
          };
          writes.push({ commit, settle });
        }),
    };
    return {
      provider,
      reads,
      writes,
      outage: (is: boolean) => {
        isOut = is;
      },
    };
  }

  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('get' as const) },
    { weight: 1, arbitrary: fc.constant('getAll' as const) },
    { weight: 1, arbitrary: fc.constant('refresh' as const) },
    { weight: 3, arbitrary: fc.constant('set' as const) },
    { weight: 4, arbitrary: fc.constantFrom('first read lands', 'last read lands') },
    { weight: 2, arbitrary: fc.constantFrom('write commits', 'write is answered') },
    { weight: 1, arbitrary: fc.constant('answer to a write is lost' as const) },
    { weight: 2, arbitrary: fc.constantFrom('outage', 'return') },
    { weight: 1, arbitrary: fc.constantFrom(1, 2_000, 70_000) },
  );

  test.each([0, 60_000])('is never given to who asks after it (ttl %s ms)', async (ttl) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        const clock = manualClock();
        const { provider, reads, writes, outage } = gated();
        const secrets = createSecrets({ providers: [provider], clock, ttl });
        secrets.on('fallback', () => {});
        let last = 0;
        let acknowledged = 0;
        const asked: Promise<void>[] = [];
        const replaced: string[] = [];
        const get = async (call: Promise<string | undefined>) => {
          const atLeast = acknowledged;
          const value = await outcome(call);
          if (value === 'ERR_SECRET_UNAVAILABLE' || value === 'ERR_SECRET_ABORTED') return;
          if (!(Number(value) >= atLeast)) replaced.push(`${value} after ${atLeast} was written`);
        };
        for (const one of steps) {
          if (one === 'get') asked.push(get(secrets.get('A')));
          else if (one === 'getAll') asked.push(get(secrets.getAll().then(({ A }) => A)));
          else if (one === 'refresh') secrets.refresh().catch(() => {});
          else if (one === 'set') {
            last += 1;
            const value = last;
            secrets.set('A', String(value)).then(
              () => {
                acknowledged = value;
              },
              () => {},
            );
          } else if (one === 'first read lands') reads.shift()?.();
          else if (one === 'last read lands') reads.pop()?.();
          else if (one === 'write commits') writes[0]?.commit();
          else if (one === 'write is answered') writes.shift()?.settle(false);
          else if (one === 'answer to a write is lost') writes.shift()?.settle(true);
          else if (one === 'outage') outage(true);
          else if (one === 'return') outage(false);
          else await clock.advance(one);
          // a write's code is loaded by the first one
          for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
        }
        await secrets.close();
        // a write that has begun is not cut off
        await clock.advance(4_000);
        await Promise.all(asked);
        expect(replaced).toEqual([]);
        expect(clock.timers, 'close leaves no timer').toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
