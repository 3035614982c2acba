// One read under way: what it gathers, what of a provider's answer is believed, who ends it, and whom it leaves alone.
import { memoryProvider, SecretError } from '@keyfall/core';
import type { ReadContext, SecretBatch, SecretProvider } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import { Flight, type Landing } from '../../../core/src/chain/flight.ts';
import { type ManualClock, manualClock } from '../../src/index.ts';

interface Given {
  readonly read?: (names: readonly string[] | 'all', context: ReadContext) => Promise<unknown>;
  readonly clock?: ManualClock;
}

/** A flight to a provider that reads so, with the moments of its reads numbered from 1. */
function flightTo({ read = async () => ({ entries: new Map() }), clock = manualClock() }: Given) {
  let order = 0;
  const flight = new Flight({
    provider: { ...memoryProvider(), name: 'vault', read: read as SecretProvider['read'] },
    clock,
    timeout: 1_000,
    warn: () => {},
    askAgain: () => {},
    now: () => {
      order += 1;
      return { monotonic: clock.monotonic(), wall: clock.wall(), order, jitter: 1 };
    },
  });
  return { flight, clock };
}
const silent = (_: unknown, { signal }: ReadContext) =>
  new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const patient = { signal: undefined, limit: 60_000 };
const gone = new SecretError('ERR_SECRET_ABORTED', 'the chain was closed');

/** How a wait has ended by now, if it has. */
function watched(wait: Promise<Landing>): { landing?: Landing } {
  const seen: { landing?: Landing } = {};
  void wait.then((landing) => {
    seen.landing = landing;
  });
  return seen;
}

describe('what is asked for', () => {
  test('every name once, in their order, and all of them once somebody wants all', async () => {
    const asked: unknown[] = [];
    const { flight } = flightTo({
      read: async (names) => {
        asked.push(names);
        return { entries: new Map() };
      },
    });
    expect(flight.asked).toEqual([]);
    flight.add(['A', 'B']);
    flight.add(['B', 'C']);
    expect(flight.asked).toEqual(['A', 'B', 'C']);
    flight.add('all');
    flight.add(['D']);
    expect(flight.asked).toBe('all');
    await flight.fly();
    expect(asked).toEqual(['all']);
  });

  test('it flies from when the provider is asked until it is ended', async () => {
    const { flight } = flightTo({ read: silent });
    expect([flight.flying, flight.began]).toEqual([false, undefined]);
    const landing = flight.fly();
    expect([flight.flying, flight.began?.order]).toEqual([true, 1]);
    flight.end(gone);
    expect(flight.flying).toBe(false);
    expect((await landing).error).toBe(gone);
  });
});

describe('when what was answered was asked', () => {
  const stamped = (choose: (stamps: number[]) => number | undefined) =>
    flightTo({
      read: async (_, { stamp }) => {
        const stamps = [stamp?.() ?? 0, stamp?.() ?? 0];
        return { entries: new Map(), stamp: choose(stamps) };
      },
    }).flight.fly();

  test('at the request that the provider names, and else when the read began', async () => {
    expect((await stamped(([first]) => first)).at.order).toBe(2);
    expect((await stamped(([, second]) => second)).at.order).toBe(3);
    expect((await stamped(() => undefined)).at.order).toBe(1);
    expect((await stamped(() => 77)).at.order).toBe(1);
  });

  test('what failed, at the last request', async () => {
    const failing = flightTo({
      read: async (_, { stamp }) => {
        stamp?.();
        throw new SecretError('ERR_SECRET_DENIED', 'no');
      },
    });
    const { error, at } = await failing.flight.fly();
    expect([error?.code, at.order]).toEqual(['ERR_SECRET_DENIED', 2]);
  });
});

test('what was asked for all has said of every name whether it is held, whatever it calls itself', async () => {
  const read = async () => ({ entries: new Map(), complete: false });
  const complete = async (wanted: readonly string[] | 'all') => {
    const { flight } = flightTo({ read });
    flight.add(wanted);
    return (await flight.fly()).batch?.complete;
  };
  expect([await complete('all'), await complete(['A'])]).toEqual([true, false]);
});

describe('what a provider in plain JavaScript may return', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'the provider returned no map of entries'],
    ['no entries', {}, 'the provider returned no map of entries'],
    ['an object for entries', { entries: { A: 'a' } }, 'the provider returned no map of entries'],
    ['text for a record', new Map([['A', 'a']]), 'the provider returned a value that is not text'],
    ['a number', new Map([['A', { value: 5 }]]), 'the provider returned a value that is not text'],
    ['no record', new Map([['A', undefined]]), 'the provider returned a value that is not text'],
  ])('%s is refused', async (_, answer, reason) => {
    const { flight } = flightTo({
      read: async () => (answer instanceof Map ? { entries: answer } : answer),
    });
    const { batch, error } = await flight.fly();
    expect(batch).toBeUndefined();
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', provider: 'vault', reason });
  });

  test('an error of its own becomes one of ours, and all else stays as it is', async () => {
    const record = { value: 'a', version: '1' };
    const ours = new SecretError('ERR_SECRET_DENIED', 'no');
    const { flight } = flightTo({
      read: async () => ({
        entries: new Map<string, unknown>([
          ['A', record],
          ['B', ours],
          ['C', new TypeError('canary')],
        ]),
        complete: true,
        revision: '7',
      }),
    });
    const { batch } = await flight.fly();
    expect(batch).toMatchObject({ complete: true, revision: '7' } satisfies Partial<SecretBatch>);
    expect([...(batch?.entries.keys() ?? [])]).toEqual(['A', 'B', 'C']);
    expect(batch?.entries.get('A')).toBe(record);
    expect(batch?.entries.get('B')).toBe(ours);
    expect(batch?.entries.get('C')).toBeInstanceOf(SecretError);
    expect(String(batch?.entries.get('C'))).not.toContain('canary');
  });

  test('a read that is not over in its time has failed', async () => {
    const { flight, clock } = flightTo({ read: silent });
    const landing = flight.fly();
    await clock.advance(1_000);
    expect((await landing).error?.code).toBe('ERR_SECRET_UNAVAILABLE');
  });
});

describe('those who wait', () => {
  test('have what came of it, together', async () => {
    const { flight } = flightTo({});
    const waits = [flight.wait(patient), flight.wait(patient)];
    const landing = await flight.fly();
    flight.land(landing);
    for (const wait of waits) expect(await wait).toBe(landing);
  });

  test('leave by their patience without ending it, even the last one', async () => {
    const { flight, clock } = flightTo({ read: silent });
    void flight.fly();
    const wait = watched(flight.wait({ signal: undefined, limit: 100 }));
    await clock.advance(100);
    expect(wait.landing?.error?.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(wait.landing).not.toHaveProperty('at');
    expect(flight.flying).toBe(true);
    flight.end(gone);
  });

  test('leave by their signal, and the last one ends it', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { flight, clock } = flightTo({ read: silent });
    const landing = flight.fly();
    const first = watched(flight.wait({ signal: one.signal, limit: 60_000 }));
    const second = watched(flight.wait({ signal: other.signal, limit: 60_000 }));
    one.abort();
    await clock.advance(0);
    expect(first.landing?.error?.code).toBe('ERR_SECRET_ABORTED');
    expect([second.landing, flight.flying]).toEqual([undefined, true]);
    other.abort();
    await clock.advance(0);
    expect(second.landing?.error?.code).toBe('ERR_SECRET_ABORTED');
    expect(flight.flying).toBe(false);
    expect((await landing).error?.code).toBe('ERR_SECRET_ABORTED');
  });

  test('do not end what is pinned, or what has yet to begin', async () => {
    for (const state of ['pinned', 'waiting'] as const) {
      const { flight, clock } = flightTo({ read: silent });
      if (state === 'pinned') {
        flight.pin();
        void flight.fly();
      }
      const controller = new AbortController();
      const wait = watched(flight.wait({ signal: controller.signal, limit: 60_000 }));
      controller.abort();
      await clock.advance(0);
      expect(wait.landing?.error?.code).toBe('ERR_SECRET_ABORTED');
      if (state === 'waiting') void flight.fly();
      expect(flight.flying).toBe(true);
      flight.end(gone);
    }
  });

  test('are all ended with it', async () => {
    const { flight } = flightTo({ read: silent });
    const wait = flight.wait(patient);
    void flight.fly();
    flight.end(gone);
    expect(await wait).toEqual({ error: gone });
  });
});
