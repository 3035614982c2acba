/**
 * A fleet of real chains on virtual time: what the store is asked when all start at once, day in day out, at a rotation, and when
 * it comes back. Counts by a seed, which no machine changes.
 */
import * as core from '@keyfall/core';
import { describe, expect, test } from 'vitest';
import { lifeOf, requestsOf, simulate, summaryOf } from '../fleet/simulate.mjs';

const minute = 60_000;
const ttl = 5 * minute;
const server = { throughput: 1_000_000, latency: 2, longestQueue: Number.POSITIVE_INFINITY };

interface LifeOptions {
  readonly instances: number;
  readonly outage: number;
  readonly seed?: number;
  readonly kind?: string;
  readonly every?: number;
}

/** What becomes of one phase of a life, as the scripts have it without types. */
interface Phase {
  readonly name: string;
  readonly ratio: number;
  readonly attempts: number;
  readonly failed: number;
}

async function lived({ instances, outage, ...settings }: LifeOptions) {
  const phases = lifeOf({ ttl, outage });
  const options = { core, instances, ttl, every: minute, server, phases, ...settings };
  const run = await simulate(options as Parameters<typeof simulate>[0]);
  const summary = summaryOf(run, instances);
  const phaseOf = (name: string) => {
    const phase = (summary.phases as Phase[]).find((each) => each.name === name);
    if (!phase) throw new Error(`there is no phase ${name}`);
    return phase;
  };
  return { run, summary, phaseOf };
}

describe('1,000 processes that start at once, with an outage of ttl', async () => {
  const { run, summary, phaseOf } = await lived({ instances: 1_000, outage: ttl });
  const start = run.phases[0] as Parameters<typeof requestsOf>[0];

  test('each asks once for the mount and once for the document', () => {
    expect(requestsOf(start, ['mount']).reduce((sum, count) => sum + count)).toBe(1_000);
    expect(
      requestsOf(start, ['read'])
        .slice(0, 2)
        .reduce((sum, count) => sum + count),
    ).toBe(1_000);
  });

  test('each reads once in nine tenths of ttl, and not all at once: not even the first time', () => {
    // a process that asks for values once a minute refreshes up to a minute later
    expect(summary.steady).toBeGreaterThan(1_000 / (ttl / 1_000 + 60));
    expect(summary.steady).toBeLessThan(1_000 / ((ttl / 1_000) * 0.9));
    expect(phaseOf('first').ratio).toBeLessThan(2);
    expect(phaseOf('steady').ratio).toBeLessThan(2);
  });

  test('a rotation costs no request, and each process has the value after ttl and two calls', () => {
    expect(phaseOf('rotation').ratio).toBeLessThan(2);
    expect(summary.rotatedProcesses).toBe(1_000);
    // a call whose answer is due for a refresh gets the old one, and the next call the new one; they are up to 90 s apart
    expect(summary.rotatedAfter).toBeLessThan(ttl / 1_000 + 2 * 90);
  });

  test('no call fails in the outage', () => {
    expect((summary.phases as Phase[]).filter(({ failed }) => failed > 0)).toEqual([]);
  });

  test('at recovery, and after it, the peak is under three times the steady rate', () => {
    expect(phaseOf('outage').attempts).toBeGreaterThan(0);
    expect(phaseOf('recovery').ratio).toBeLessThan(3);
    expect(phaseOf('after').ratio).toBeLessThan(2);
  });
});

test.each([
  ['a short outage', { outage: 20_000 }],
  ['an outage in which nearly all have noticed it', { outage: 4 * minute }],
  ['an outage that outlasts the last good values', { outage: 75 * minute, every: 5 * minute }],
  ['a short outage, of names that the next provider holds', { outage: 20_000, kind: 'elsewhere' }],
])('at recovery the peak is under three times the steady rate: %s', async (_, settings) => {
  const { phaseOf } = await lived({ instances: 400, ...settings });
  expect(phaseOf('outage').attempts).toBeGreaterThan(0);
  expect(phaseOf('recovery').ratio).toBeLessThan(3);
});

test('the same seed gives the same counts, and another one others', async () => {
  const life = { instances: 30, outage: minute };
  const [one, again, other] = [
    await lived(life),
    await lived(life),
    await lived({ ...life, seed: 2 }),
  ];
  expect(again.run).toEqual(one.run);
  expect(other.run).not.toEqual(one.run);
});
