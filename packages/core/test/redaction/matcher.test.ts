import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMatcher } from '../../src/redaction/matcher.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (pieces: readonly Uint8Array[]) =>
  pieces.map((piece) => new TextDecoder().decode(piece)).join('');
const mask = bytes('#');

/** What the matcher is to do, in the plainest way: where any pattern stands, nothing stays. */
function plainly(patterns: readonly string[], subject: string): string {
  const matches: [number, number][] = [];
  for (let from = 0; from < subject.length; from += 1)
    for (const pattern of patterns)
      if (subject.startsWith(pattern, from)) matches.push([from, from + pattern.length]);
  matches.sort(([a], [b]) => a - b);
  let result = '';
  let done = 0;
  for (const [from, to] of matches) {
    if (from >= done) result += `${subject.slice(done, from)}#`;
    done = Math.max(done, to);
  }
  return result + subject.slice(done);
}

// two letters make every kind of overlap likely
const pattern = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 4, maxLength: 12 });
const patterns = fc.array(pattern, { minLength: 1, maxLength: 12 });
const subject = fc.string({ unit: fc.constantFrom('a', 'b', 'a', 'b', 'c'), maxLength: 120 });
const cuts = fc.array(fc.nat(120), { maxLength: 20 });

function* pieces(whole: string, at: readonly number[]): Generator<string> {
  let from = 0;
  for (const to of [...at].sort((a, b) => a - b)) {
    yield whole.slice(from, to);
    from = Math.max(from, Math.min(to, whole.length));
  }
  yield whole.slice(from);
}

test('it masks what the plainest search finds, however the text is cut', () => {
  fc.assert(
    fc.property(patterns, subject, cuts, (wanted, whole, at) => {
      const matcher = createMatcher(4);
      for (const each of wanted) matcher.insert(bytes(each));
      const next = matcher.begin(mask);
      let found = '';
      for (const piece of pieces(whole, at)) found += text(next(bytes(piece), false));
      found += text(next(bytes(''), true));
      expect(found).toBe(plainly(wanted, whole));
    }),
    { numRuns: 3_000 },
  );
});

test('it holds back no more than what may still become a match', () => {
  fc.assert(
    fc.property(patterns, subject, (wanted, whole) => {
      const matcher = createMatcher(4);
      for (const each of wanted) matcher.insert(bytes(each));
      const given = text(matcher.begin(mask)(bytes(whole), false));
      let begun = '';
      for (const each of wanted)
        for (let length = 1; length <= each.length; length += 1)
          if (whole.endsWith(each.slice(0, length)) && length > begun.length)
            begun = each.slice(0, length);
      expect(plainly(wanted, whole).startsWith(given)).toBe(true);
      expect(given.length).toBeGreaterThanOrEqual(plainly(wanted, whole).length - begun.length);
    }),
    { numRuns: 2_000 },
  );
});

test('patterns may be inserted at any time: after the last it is as if all had been there', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 9 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(pattern, letters), { maxLength: 12 }),
      subject,
      (rounds, whole) => {
        const matcher = createMatcher(4);
        const next = matcher.begin(mask);
        let given = '';
        for (const [each, piece] of rounds) {
          matcher.insert(bytes(each));
          given += text(next(bytes(piece), false));
        }
        given += text(next(bytes(`|${whole}`), true));
        const wanted = rounds.map(([each]) => each);
        expect(given.split('|')[1]).toBe(plainly(wanted, whole));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a pattern that came while its text was held back is masked', () => {
  const matcher = createMatcher(4);
  matcher.insert(bytes('abcdefgh'));
  const next = matcher.begin(mask);
  expect(text(next(bytes('xxabcdef'), false))).toBe('xx');
  matcher.insert(bytes('bcde'));
  expect(text(next(bytes('-'), false))).toBe('a#f-');
});

test('held text is not kept: the chunk may be overwritten once its answer is written', () => {
  const matcher = createMatcher(4);
  matcher.insert(bytes('abcdefgh'));
  const next = matcher.begin(mask);
  const chunk = bytes('--abcd');
  expect(text(next(chunk, false))).toBe('--');
  chunk.fill(0);
  expect(text(next(bytes('!'), true))).toBe('abcd!');
});

test('a chunk without matches is not copied', () => {
  const matcher = createMatcher(4);
  matcher.insert(bytes('secret'));
  const chunk = bytes('nothing to see here');
  const [piece, ...others] = matcher.begin(mask)(chunk, true);
  expect([piece?.buffer, piece?.length, others]).toEqual([chunk.buffer, chunk.length, []]);
});
