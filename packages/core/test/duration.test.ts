import { expect, test } from 'vitest';
import { type Duration, SecretError } from '../src/index.ts';
import { toMilliseconds } from '../src/provider.ts';

test.each<[Duration, number]>([
  [0, 0],
  [1_500, 1_500],
  ['250ms', 250],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
])('%s is %i ms', (duration, milliseconds) => {
  expect(toMilliseconds(duration, 'ttl')).toBe(milliseconds);
});

test.each([
  '',
  '5',
  '5 m',
  '-1s',
  'm',
  '5min',
  '1e3s',
  '1..5s',
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
])('%o is refused, naming the option', (duration) => {
  const convert = () => toMilliseconds(duration as Duration, 'staleIfError');
  expect(convert).toThrow(SecretError);
  expect(convert).toThrow(/staleIfError/);
});
