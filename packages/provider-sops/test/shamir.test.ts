// Shares of a key are put together as sops takes them apart: by a curve through the field of AES.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { combineShares } from '../src/keys/shamir.ts';
import { InvalidSops } from '../src/tree/sops-tree.ts';

/** The field's product by the schoolbook: a polynomial product, then the remainder by x⁸+x⁴+x³+x+1. */
function product(a: number, b: number): number {
  let wide = 0;
  for (let bit = 0; bit < 8; bit += 1) if (b & (1 << bit)) wide ^= a << bit;
  for (let bit = 15; bit >= 8; bit -= 1) if (wide & (1 << bit)) wide ^= 0x11b << (bit - 8);
  return wide;
}

/** The share at a place: for each byte of the secret a curve that begins at it. */
function shareAt(place: number, secret: Uint8Array, curves: readonly Uint8Array[]): Uint8Array {
  const bytes = [...secret].map((byte, index) => {
    let power = 1;
    let sum = byte;
    for (const coefficients of curves) {
      power = product(power, place);
      sum ^= product(coefficients[index] ?? 0, power);
    }
    return sum;
  });
  return Uint8Array.from([...bytes, place]);
}

test('enough shares give the secret, in any order, and so do more', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const split = fc.integer({ min: 1, max: 32 }).chain((length) =>
    fc.record({
      secret: bytes(length),
      curves: fc.array(bytes(length), { minLength: 1, maxLength: 4 }),
      places: fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: 5, maxLength: 7 }),
    }),
  );
  fc.assert(
    fc.property(split, ({ secret, curves, places }) => {
      const shares = places.map((place) => shareAt(place, secret, curves));
      for (const given of [shares, shares.slice(0, curves.length + 1).reverse()])
        expect([...combineShares(given)]).toEqual([...secret]);
    }),
  );
});

test('one share too few gives something else', () => {
  const secret = Uint8Array.from([1, 2, 3, 4]);
  const curves = [Uint8Array.from([9, 9, 9, 9]), Uint8Array.from([7, 7, 7, 7])];
  const shares = [1, 2].map((place) => shareAt(place, secret, curves));
  expect([...combineShares(shares)]).not.toEqual([...secret]);
});

describe('shares that cannot belong together are refused', () => {
  const share = (...bytes: number[]) => Uint8Array.from(bytes);
  test.each([
    ['no share', []],
    ['a single share', [share(1, 2, 3)]],
    ['empty shares', [share(), share()]],
    ['a place without a byte', [share(1), share(2)]],
    ['shares of another length, the first shorter', [share(1, 1), share(1, 2, 2)]],
    ['shares of another length, the first longer', [share(1, 2, 1), share(1, 2)]],
    ['a last share of another length', [share(1, 1), share(2, 2), share(3, 3, 3)]],
  ])('such as %s', (_, shares) => {
    expect(() => combineShares(shares)).toThrow(InvalidSops);
  });

  test('and so is a place that is given twice, with the same share or another one', () => {
    for (const second of [share(5, 1), share(6, 1)])
      expect(() => combineShares([share(5, 1), share(9, 2), second])).toThrow(InvalidSops);
  });

  test('but a secret of one byte is not', () => {
    const secret = share(42);
    const shares = [1, 2].map((place) => shareAt(place, secret, [share(7)]));
    expect([...combineShares(shares)]).toEqual([42]);
  });
});
