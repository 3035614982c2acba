/**
 * `run --watch`, with time that the test steps.
 */
import { memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { manualClock } from '@keyfall/testkit';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { type CliChain, openChain } from '../src/chain/cli-chain.ts';
import { watchSecrets } from '../src/run/watch-secrets.ts';

const notices: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => notices.push(text),
}));
beforeEach(() => void notices.splice(0));

interface WatchedOptions {
  readonly ttl: '5s' | '1h';
  /** What happens while a change is acted on. */
  readonly onChanged: () => Promise<void>;
}

/** A store whose value is whatever the test sets, and a watch of it. */
async function watched({ ttl = '5s', onChanged = async () => {} }: Partial<WatchedOptions> = {}) {
  let tell = () => {};
  let isWatched = false;
  const clock = manualClock();
  const store = {
    value: 'one',
    fails: undefined as SecretError | undefined,
    /** Why the program could not be started with what was read. */
    refused: undefined as SecretError | undefined,
    reads: 0,
  };
  const provider: SecretProvider = {
    ...memoryProvider({}),
    name: 'store',
    async watch(onChange) {
      tell = onChange;
      isWatched = true;
    },
    async read(_, context) {
      store.reads++;
      if (store.fails) throw store.fails;
      return memoryProvider({ A: store.value }).read('all', context);
    },
  };
  const chain: CliChain = openChain({
    providers: [{ provider }],
    ttl,
    clock,
  });
  const changes: string[] = [];
  const over = new AbortController();
  onTestFinished(async () => {
    over.abort();
    await chain.secrets.close();
  });
  // what the program is started with has been read by then; and what reads again is loaded at its first use, which
  // takes time that is not the clock's
  await chain.secrets.get('A');
  await chain.secrets.refresh();
  void watchSecrets({
    chain,
    clock,
    first: 'one',
    resolve: async () => {
      if (store.refused) throw store.refused;
      return chain.secrets.get('A');
    },
    isSame: (one, other) => one === other,
    async changed(answer) {
      changes.push(answer);
      await onChanged();
    },
    signal: over.signal,
  });
  // what watches is loaded at its first use
  await vi.waitFor(() => expect(isWatched).toBe(true));
  return { clock, store, changes, tell: () => tell() };
}

test('a change is reported once it has settled, and nothing is reported without one', async () => {
  const { clock, store, changes } = await watched();
  await clock.advance(20_000);
  expect(changes).toEqual([]);
  store.value = 'two';
  await clock.advance(5_600);
  expect(changes).toEqual(['two']);
  await clock.advance(20_000);
  expect(changes).toEqual(['two']);
});

test('values that follow one another at once are one change', async () => {
  const { clock, store, changes } = await watched();
  await clock.advance(4_900);
  for (const value of ['a', 'b', 'c', 'd', 'e']) {
    store.value = value;
    await clock.advance(200);
  }
  expect(changes).toEqual([]);
  await clock.advance(1_000);
  expect(changes).toEqual(['e']);
});

test('a change that is taken back while it settles is not reported', async () => {
  const { clock, store, changes } = await watched();
  await clock.advance(4_900);
  store.value = 'two';
  await clock.advance(200);
  store.value = 'one';
  await clock.advance(10_000);
  expect(changes).toEqual([]);
});

test('changes that follow one another are reported less and less often', async () => {
  const { clock, store, changes } = await watched();
  for (let second = 0; second < 400; second++) {
    store.value = `at ${Math.floor(second / 5)}`;
    await clock.advance(1_000);
  }
  const seconds = changes.map((change) => Number(change.slice(3)) * 5);
  const pauses = seconds.slice(1).map((second, index) => second - (seconds[index] ?? 0));
  expect(pauses.at(0)).toBeLessThanOrEqual(10);
  expect(Math.min(...pauses.slice(-2))).toBeGreaterThanOrEqual(55);
  expect(changes.length).toBeLessThan(14);
});

test('while the store cannot be read nothing changes, and that is said once', async () => {
  const { clock, store, changes } = await watched();
  store.value = 'two';
  store.fails = new SecretError('ERR_SECRET_DENIED', 'the policy does not allow it');
  await clock.advance(30_000);
  expect(changes).toEqual([]);
  expect(store.reads).toBeGreaterThan(3);
  expect(notices).toEqual([
    expect.stringMatching(/^store \(this process\) .*: the policy does not allow it\./),
  ]);
  store.fails = undefined;
  await clock.advance(6_000);
  expect(changes).toEqual(['two']);
});

test('a failure of another code, provider or name is said as well', async () => {
  const { clock, store } = await watched();
  const failures: SecretError[] = [
    new SecretError('ERR_SECRET_CONFIG', 'one'),
    new SecretError('ERR_SECRET_CONFIG', 'the same, in other words'),
    new SecretError('ERR_SECRET_INVALID', 'two'),
    new SecretError('ERR_SECRET_INVALID', 'three', { provider: 'store' }),
    new SecretError('ERR_SECRET_INVALID', 'four', { provider: 'store', secretName: 'A' }),
  ];
  for (const failure of failures) {
    store.refused = failure;
    await clock.advance(6_000);
  }
  expect(notices.map((notice) => notice.split('.', 1)[0])).toEqual(['one', 'two', 'three', 'four']);
});

test('a value that cannot be used counts as one that cannot be read', async () => {
  const { clock, store, changes } = await watched();
  vi.spyOn(store, 'value', 'get').mockImplementation(() => {
    throw new SecretError('ERR_SECRET_CONFIG', 'A holds a NUL character');
  });
  await clock.advance(20_000);
  expect(changes).toEqual([]);
  expect(notices).toHaveLength(1);
});

test('a store that reports its changes is not polled, also while a change is handled', async () => {
  let finish = () => {};
  const restart = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { clock, store, changes, tell } = await watched({ ttl: '1h', onChanged: () => restart });
  await clock.advance(10);
  store.value = 'two';
  tell();
  await clock.advance(1_000);
  expect(changes).toEqual(['two']);
  store.value = 'three';
  tell();
  await clock.advance(1_000);
  expect(changes).toEqual(['two']);
  finish();
  await clock.advance(3_000);
  expect(changes).toEqual(['two', 'three']);
});
