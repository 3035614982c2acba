/**
 * Shamir's secret sharing as sops has it from Vault (shamir/shamir.go): each byte by itself, in the field of AES. The last
 * byte of a share is its place on the curve.
 */
import { InvalidSops } from '../tree/sops-tree.ts';

/** @throws `InvalidSops` if the shares do not belong together */
export function combineShares(shares: readonly Uint8Array[]): Uint8Array {
  const length = shares[0]?.length ?? 0;
  const places = shares.map((share) => share.at(-1) ?? 0);
  if (shares.length < 2 || length < 2 || shares.some((share) => share.length !== length))
    throw new InvalidSops('has shares of its key that do not fit together');
  if (new Set(places).size < places.length)
    throw new InvalidSops('has the same share of its key twice');
  // Lagrange's basis at 0 for each place
  const weights = places.map((place) =>
    places
      .filter((other) => other !== place)
      .reduce((weight, other) => multiply(weight, multiply(other, inverse(place ^ other))), 1),
  );
  return Uint8Array.from({ length: length - 1 }, (_, index) =>
    shares.reduce((sum, share, at) => sum ^ multiply(share[index] ?? 0, weights[at] ?? 0), 0),
  );
}

function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ (product & 0x80 ? 0x11b : 0);
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

/** By Fermat: a²⁵⁴. */
function inverse(a: number): number {
  let power = a;
  for (let step = 0; step < 6; step++) power = multiply(multiply(power, power), a);
  return multiply(power, power);
}
