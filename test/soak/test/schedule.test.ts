/**
 * What a seed decides.
 */
import { expect, test } from 'vitest';
import { faultKinds, roundsOf } from '../src/schedule.ts';

function firstRounds(seed: number, count = faultKinds.length) {
  const rounds = roundsOf(seed, 3);
  return Array.from({ length: count }, () => rounds.next().value);
}

test('the same seed has the same faults, and another one has others', () => {
  expect(firstRounds(7)).toEqual(firstRounds(7));
  expect(firstRounds(7)).not.toEqual(firstRounds(8));
});

test('every kind of fault has its turn before one comes again', () => {
  const kinds = firstRounds(7).flatMap(({ faults }) => faults.map(({ kind }) => kind));
  expect(new Set(kinds.slice(0, faultKinds.length))).toEqual(new Set(faultKinds));
});

test('a reader that is paused is one that there is', () => {
  const faults = firstRounds(3, 300).flatMap(({ faults }) => faults);
  const paused = new Set(faults.flatMap((fault) => ('reader' in fault ? [fault.reader] : [])));
  expect([...paused].sort()).toEqual([0, 1, 2]);
});
