/**
 * What an event says, and what a chain of many providers leaves to each.
 */
import { createSecrets, memoryProvider, type SecretsEvents } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';

import { expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';

/** A store that needs this many milliseconds for an answer. */
function slow(name: string, milliseconds: number, clock: ReturnType<typeof manualClock>) {
  const remaining: number[] = [];
  const provider: SecretProvider = {
    ...memoryProvider({ A: `of ${name}`, B: 'b' }),
    name,
    async read(_, { remainingTimeout, signal }) {
      remaining.push(remainingTimeout());
      await new Promise<void>((resolve, reject) => {
        clock.schedule(resolve, milliseconds);
        signal.addEventListener('abort', () => reject(signal.reason));
      });
      const entries = new Map(['A', 'B'].map((each) => [each, { value: `of ${name}` }]));
      return { entries, complete: true };
    },
  };
  return { provider, remaining };
}

test('refreshed says which provider was read, how many names it answered, and how long that took', async () => {
  const clock = manualClock();
  const secrets = createSecrets({ providers: [slow('store', 70, clock).provider], clock });
  const heard: SecretsEvents['refreshed'][] = [];
  secrets.on('refreshed', (event) => heard.push(event));
  const reading = secrets.get('A');
  await clock.advance(70);
  expect(await reading).toBe('of store');
  expect(heard).toEqual([{ type: 'refreshed', provider: 'store', names: 2, duration: 70 }]);
  await secrets.close();
});

test('of twenty providers the first has half of the budget, and each later one something', async () => {
  const clock = manualClock();
  const stores = Array.from({ length: 20 }, (_, index) =>
    slow(`store${index}`, index < 19 ? 60_000 : 10, clock),
  );
  const providers = stores.map(({ provider }) => ({ provider, timeout: '1h' as const }));
  const secrets = createSecrets({ providers, budget: '4s', clock });
  secrets.on('fallback', () => {});
  const reading = secrets.get('A');
  await clock.advance(4_000);
  expect(await reading).toBe('of store19');
  const [first = 0, ...later] = stores.map(({ remaining }) => remaining[0] ?? 0);
  expect(first).toBeGreaterThanOrEqual(2_000);
  expect(Math.min(...later)).toBeGreaterThanOrEqual(50);
  await secrets.close();
});
