// Any interleaving of gets, changes, failures, recoveries and clock steps keeps the promises.
import { createSecrets, type SecretsEvent } from '@keyfall/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { type Mood, scripted } from './scripted-provider.ts';

const ttl = 60_000;
const staleIfError = 600_000;
const budget = 4_000;
const tick = 250;
const names = ['A', 'B'] as const;

type Step =
  | { readonly kind: 'get'; readonly name: (typeof names)[number] }
  | { readonly kind: 'change'; readonly name: (typeof names)[number] }
  | { readonly kind: 'mood'; readonly mood: Mood }
  | { readonly kind: 'advance'; readonly by: number }
  | { readonly kind: 'sleep'; readonly by: number }
  | { readonly kind: 'clock back'; readonly by: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('get' as const), name: fc.constantFrom(...names) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('change' as const), name: fc.constantFrom(...names) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('mood' as const),
      mood: fc.constantFrom<Mood>(
        'answers',
        'answers',
        'unavailable',
        'silent',
        'denied',
        'tls',
        'invalid',
        'missing-document',
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      by: fc.constantFrom(1, 300, 5_000, 40_000, 70_000, 150_000, 700_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('sleep' as const),
      by: fc.constantFrom(70_000, 700_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('clock back' as const),
      by: fc.constantFrom(1_000, 3_600_000),
    }),
  },
);

test('any interleaving keeps the rules', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const clock = manualClock();
      const vault = scripted('vault', { A: 'vault A 1', B: 'vault B 1' });
      const dotenv = scripted('dotenv', { A: 'plain A' });
      const secrets = createSecrets({
        providers: [vault, dotenv],
        ttl,
        staleIfError,
        budget,
        clock,
      });
      let version = 1;
      let setBack = false;
      // when the store last held a value; its age counts by the clock that has gone on further
      const heldUntil = new Map<string, { readonly monotonic: number; readonly wall: number }>();
      let told = false; // whether the present outage has been told
      secrets.on('fallback', () => {
        expect(told, 'an outage is told once').toBe(false);
        told = true;
      });
      secrets.on('recovered', () => {
        expect(told, 'only what was told recovers').toBe(true);
        told = false;
      });
      const others: SecretsEvent[] = [];
      secrets.on('denied', (event) => others.push(event as SecretsEvent));

      for (const one of steps) {
        if (one.kind === 'mood') vault.mood = one.mood;
        else if (one.kind === 'change') {
          const old = vault.held.get(one.name);
          if (old && 'value' in old)
            heldUntil.set(old.value, { monotonic: clock.monotonic(), wall: clock.wall() });
          version += 1;
          vault.held.set(one.name, {
            value: `vault ${one.name} ${version}`,
            version: `${version}`,
          });
        } else if (one.kind === 'advance') {
          await clock.advance(one.by);
        } else if (one.kind === 'sleep') {
          // running time may stand still in sleep, but then the wall clock must be right: if it was set
          // back as well, nothing on the machine can tell how long it slept
          await clock.suspend(one.by, { monotonic: setBack });
          // the first look at the clocks after waking
          await clock.advance(tick);
        } else if (one.kind === 'clock back') {
          setBack = true;
          clock.setWall(clock.wall() - one.by);
        } else {
          let settled: { value?: string; code?: string } | undefined;
          const get = secrets.get(one.name).then(
            (value) => {
              settled = { value };
            },
            (error: { code: string }) => {
              settled = { code: error.code };
            },
          );
          await clock.advance(0);
          if (!settled) {
            await clock.advance(budget);
          }
          expect(settled, 'no call outlives its budget').toBeDefined();
          await get;
          const { value, code } = settled as { value?: string; code?: string };
          if (value?.startsWith('vault')) {
            const until = heldUntil.get(value);
            const age = until
              ? Math.max(clock.monotonic() - until.monotonic, clock.wall() - until.wall)
              : 0;
            expect(age, 'no value past every rule').toBeLessThanOrEqual(
              staleIfError + ttl * 2 + tick,
            );
            const { freshness } = await secrets.explain(one.name);
            if (age > 2 * ttl + tick + budget && freshness === 'fresh')
              expect.fail(`a value of age ${age} was served as fresh`);
          }
          // what the store said when it was last asked decides: a refusal never leads to plain text
          if (value === 'plain A')
            expect(['unavailable', 'silent', 'missing-document']).toContain(vault.lastMet);
          if (value === 'plain A') expect(told, 'falling back is never silent').toBe(true);
          // only a store that answered can have said "not here"
          if (code === 'ERR_SECRET_NOT_FOUND') expect(vault.lastMet).toBe('missing-document');
        }
      }
      await secrets.close();
      expect(clock.timers, 'close leaves no timer').toBe(0);
    }),
    { numRuns: 300 },
  );
});
