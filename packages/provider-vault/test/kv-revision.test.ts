// Which of two states of a document is the newer one: never a guess.
import { describe, expect, test } from 'vitest';
import { compareRevisions, revisionOf } from '../src/kv/kv-revision.ts';

const at = (version: number, second: number, fraction = '') =>
  revisionOf(version, `2026-11-26T10:00:${String(second).padStart(2, '0')}${fraction}Z`);

test('a revision names the version and when it was written, and none says so', () => {
  expect(at(2, 1)).toBe('2@2026-11-26T10:00:01Z');
  expect(revisionOf(0, undefined)).toBe('0');
});

describe('of two revisions the newer one is known for', () => {
  test.each([
    ['the later version', at(2, 1), at(3, 2), 'older'],
    ['written in the same millisecond', at(2, 1, '.0001'), at(3, 1, '.0002'), 'older'],
    [
      'version 1 of a document that was removed with its metadata and written again',
      at(7, 1),
      at(1, 9),
      undefined,
    ],
    ['which has as many versions by now', at(1, 1), at(1, 9), 'older'],
    ['which has more by now', at(3, 1), at(4, 9), 'older'],
    ['a later version, by the clock of a node that is behind', at(3, 9), at(4, 2), undefined],
    ['the same one, deleted or not', at(3, 1), at(3, 1), undefined],
    ['nothing yet, or not any more', '0', at(1, 1), undefined],
    ['of no document', 'x', 'y@z', undefined],
  ])('%s', (_, one, other, said) => {
    expect(compareRevisions(one, other)).toBe(said);
    expect(compareRevisions(other, one)).toBe(said && 'newer');
  });
});
