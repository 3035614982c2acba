// What the property tests of several packages share.
import fc from 'fast-check';

const surrogates = { first: 0xd800, count: 0x800 };

/**
 * Every character of Unicode, for `fc.string({ unit })`. It is what fast-check calls `binary`, which computes for a
 * second first: it makes a table of them all.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({ max: 0x10ffff - surrogates.count }).map(
  (nth) => String.fromCodePoint(nth < surrogates.first ? nth : nth + surrogates.count),
  // fast-check asks about texts of its own, which it then mixes in
  (text) => {
    const code = typeof text === 'string' ? text.codePointAt(0) : undefined;
    if (code === undefined || String.fromCodePoint(code) !== text)
      throw new TypeError('no character');
    return code < surrogates.first ? code : code - surrogates.count;
  },
);
