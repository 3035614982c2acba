/**
 * When a figure has grown over a run: by its line, not by its first and last sample.
 */
import { expect, test } from 'vitest';
import { chanceOf } from '../src/schedule.ts';
import { hasGrown, type Sample, trendOf } from '../src/trend.ts';

const chance = chanceOf(1);
const noise = (size: number) => chance.between(-size, size);
const samples = (figure: (at: number) => number): Sample[] =>
  Array.from({ length: 80 }, (_, at) => [at * 5_000, figure(at)]);

test('a slow growth under noise is found', () => {
  const trend = trendOf(samples((at) => 9_000_000 + at * 40_000 + noise(200_000)));
  expect(trend.samples).toBeLessThan(80);
  expect(trend.growth).toBeGreaterThan(1_200_000);
  expect(hasGrown(trend, 1_000_000)).toBe(true);
});

test('noise, one large last sample, and what fills up at the beginning are no growth', () => {
  for (const figure of [
    () => 9_000_000 + noise(500_000),
    (at: number) => (at === 79 ? 12_000_000 : 9_000_000),
    (at: number) => Math.min(at, 15) * 500_000,
  ])
    expect(hasGrown(trendOf(samples(figure)), 1_000_000)).toBe(false);
});

test('of two samples nothing is said', () => {
  expect(hasGrown(trendOf([[0, 1]]), 0)).toBe(false);
  expect(hasGrown(trendOf([]), 0)).toBe(false);
});
