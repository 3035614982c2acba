// One read under way: what it gathers, what of a provider's answer is believed, who ends it, and whom it leaves alone.
import { memoryProvider, SecretError } from '@keyfall/core';
import type { ReadContext, SecretBatch, SecretProvider } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import { type ReadOutcome, SharedRead } from '../../../core/src/chain/shared-read.ts';
import { type ManualClock, manualClock } from '../../src/index.ts';

interface Given {
  readonly read?: (names: readonly string[] | 'all', context: ReadContext) => Promise<unknown>;
  readonly clock?: ManualClock;
}

/** A shared read of a provider that reads so, with the moments of its reads numbered from 1. */
function sharedReadOf({
  read = async () => ({ entries: new Map() }),
  clock = manualClock(),
}: Given) {
  let order = 0;
  const shared = new SharedRead({
    provider: { ...memoryProvider(), name: 'vault', read: read as SecretProvider['read'] },
    clock,
    timeout: 1_000,
    warn: () => {},
    askAgain: () => {},
    now: () => {
      order += 1;
      return { monotonic: clock.monotonic(), wall: clock.wall(), order };
    },
  });
  return { shared, clock };
}
const silent = (_: unknown, { signal }: ReadContext) =>
  new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const patient = { signal: undefined, timeout: 60_000 };
const gone = new SecretError('ERR_SECRET_ABORTED', 'the chain was closed');

/** How a wait has ended by now, if it has. */
function watched(wait: Promise<ReadOutcome>): { outcome?: ReadOutcome } {
  const seen: { outcome?: ReadOutcome } = {};
  void wait.then((outcome) => {
    seen.outcome = outcome;
  });
  return seen;
}

describe('what is asked for', () => {
  test('every name once, in their order, and all of them once somebody wants all', async () => {
    const asked: unknown[] = [];
    const { shared } = sharedReadOf({
      read: async (names) => {
        asked.push(names);
        return { entries: new Map() };
      },
    });
    expect(shared.asked).toEqual([]);
    shared.add(['A', 'B']);
    shared.add(['B', 'C']);
    expect(shared.asked).toEqual(['A', 'B', 'C']);
    shared.add('all');
    shared.add(['D']);
    expect(shared.asked).toBe('all');
    await shared.start();
    expect(asked).toEqual(['all']);
  });

  test('it flies from when the provider is asked until it is ended', async () => {
    const { shared } = sharedReadOf({ read: silent });
    expect([shared.isRunning, shared.startedAt]).toEqual([false, undefined]);
    const outcome = shared.start();
    expect([shared.isRunning, shared.startedAt?.order]).toEqual([true, 1]);
    shared.end(gone);
    expect(shared.isRunning).toBe(false);
    expect((await outcome).error).toBe(gone);
  });
});

describe('when what was answered was asked', () => {
  const stamped = (choose: (stamps: number[]) => number | undefined) =>
    sharedReadOf({
      read: async (_, { stamp }) => {
        const stamps = [stamp?.() ?? 0, stamp?.() ?? 0];
        return { entries: new Map(), stamp: choose(stamps) };
      },
    }).shared.start();

  test('at the request that the provider names, and else when the read began', async () => {
    expect((await stamped(([first]) => first)).at.order).toBe(2);
    expect((await stamped(([, second]) => second)).at.order).toBe(3);
    expect((await stamped(() => undefined)).at.order).toBe(1);
    expect((await stamped(() => 77)).at.order).toBe(1);
  });

  test('what failed, at the last request', async () => {
    const failing = sharedReadOf({
      read: async (_, { stamp }) => {
        stamp?.();
        throw new SecretError('ERR_SECRET_DENIED', 'no');
      },
    });
    const { error, at } = await failing.shared.start();
    expect([error?.code, at.order]).toEqual(['ERR_SECRET_DENIED', 2]);
  });
});

test('what was asked for all has said of every name whether it is held, whatever it calls itself', async () => {
  const read = async () => ({ entries: new Map(), complete: false });
  const complete = async (wanted: readonly string[] | 'all') => {
    const { shared } = sharedReadOf({ read });
    shared.add(wanted);
    return (await shared.start()).batch?.complete;
  };
  expect([await complete('all'), await complete(['A'])]).toEqual([true, false]);
});

describe('an answer of a provider in plain JavaScript', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a batch without entries', {}],
    ['an object for entries', { entries: { A: 'a' } }],
    ['text for a record', new Map([['A', 'a']])],
    ['a number for a value', new Map([['A', { value: 5 }]])],
    ['undefined for a record', new Map([['A', undefined]])],
  ])('%s is refused as a defect of the provider', async (_, answer) => {
    const { shared } = sharedReadOf({
      read: async () => (answer instanceof Map ? { entries: answer } : answer),
    });
    const { batch, error } = await shared.start();
    expect(batch).toBeUndefined();
    expect(error).toMatchObject({ code: 'ERR_SECRET_PROVIDER', provider: 'vault' });
  });

  test('an error of its own becomes one of ours, and all else stays as it is', async () => {
    const record = { value: 'a', version: '1' };
    const ours = new SecretError('ERR_SECRET_DENIED', 'no');
    const { shared } = sharedReadOf({
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
    const { batch } = await shared.start();
    expect(batch).toMatchObject({ complete: true, revision: '7' } satisfies Partial<SecretBatch>);
    expect([...(batch?.entries.keys() ?? [])]).toEqual(['A', 'B', 'C']);
    expect(batch?.entries.get('A')).toBe(record);
    expect(batch?.entries.get('B')).toBe(ours);
    expect(batch?.entries.get('C')).toBeInstanceOf(SecretError);
    expect(String(batch?.entries.get('C'))).not.toContain('canary');
  });

  test('a read that is not over in its time has failed', async () => {
    const { shared, clock } = sharedReadOf({ read: silent });
    const outcome = shared.start();
    await clock.advance(1_000);
    expect((await outcome).error?.code).toBe('ERR_SECRET_UNAVAILABLE');
  });
});

describe('waiting callers', () => {
  test('have what came of it, together', async () => {
    const { shared } = sharedReadOf({});
    const waits = [shared.wait(patient), shared.wait(patient)];
    const outcome = await shared.start();
    shared.settle(outcome);
    for (const wait of waits) expect(await wait).toBe(outcome);
  });

  test('leave when their time is up without ending it, even the last one', async () => {
    const { shared, clock } = sharedReadOf({ read: silent });
    void shared.start();
    const wait = watched(shared.wait({ signal: undefined, timeout: 100 }));
    await clock.advance(100);
    expect(wait.outcome?.error?.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(wait.outcome).not.toHaveProperty('at');
    expect(shared.isRunning).toBe(true);
    shared.end(gone);
  });

  test('leave by their signal, and the last one ends it', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { shared, clock } = sharedReadOf({ read: silent });
    const outcome = shared.start();
    const first = watched(shared.wait({ signal: one.signal, timeout: 60_000 }));
    const second = watched(shared.wait({ signal: other.signal, timeout: 60_000 }));
    one.abort();
    await clock.advance(0);
    expect(first.outcome?.error?.code).toBe('ERR_SECRET_ABORTED');
    expect([second.outcome, shared.isRunning]).toEqual([undefined, true]);
    other.abort();
    await clock.advance(0);
    expect(second.outcome?.error?.code).toBe('ERR_SECRET_ABORTED');
    expect(shared.isRunning).toBe(false);
    expect((await outcome).error?.code).toBe('ERR_SECRET_ABORTED');
  });

  test('do not end what is pinned, or what has yet to begin', async () => {
    for (const state of ['pinned', 'waiting'] as const) {
      const { shared, clock } = sharedReadOf({ read: silent });
      if (state === 'pinned') {
        shared.pin();
        void shared.start();
      }
      const controller = new AbortController();
      const wait = watched(shared.wait({ signal: controller.signal, timeout: 60_000 }));
      controller.abort();
      await clock.advance(0);
      expect(wait.outcome?.error?.code).toBe('ERR_SECRET_ABORTED');
      if (state === 'waiting') void shared.start();
      expect(shared.isRunning).toBe(true);
      shared.end(gone);
    }
  });

  test('are all ended with it', async () => {
    const { shared } = sharedReadOf({ read: silent });
    const wait = shared.wait(patient);
    void shared.start();
    shared.end(gone);
    expect(await wait).toEqual({ error: gone });
  });
});
