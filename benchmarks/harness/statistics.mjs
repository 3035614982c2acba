/**
 * What the samples of interleaved rounds come to. A sample of a subject and one of the floor are a pair if they are of
 * the same round: the machine was then in the same state, so that their ratio says more than the two numbers do.
 */

/** @param {readonly number[]} numbers */
export function median(numbers) {
  return quantile(numbers, 0.5);
}

/**
 * Between two numbers, as far as the place between them says.
 *
 * @param {readonly number[]} numbers - at least one, in any order
 * @param {number} at - from 0 to 1
 */
export function quantile(numbers, at) {
  if (numbers.length === 0) throw new Error('there is no quantile of no numbers');
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = at * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  return below + (sorted[Math.ceil(place)] - below) * (place % 1);
}

/**
 * @param {readonly number[]} numbers
 * @returns {{ value: number, low: number, high: number }} the median, and between what half of them are
 */
export function summary(numbers) {
  return { value: median(numbers), low: quantile(numbers, 0.25), high: quantile(numbers, 0.75) };
}

/**
 * @param {readonly number[]} samples - one a round
 * @param {readonly number[]} floor - of the same rounds
 * @param {(sample: number, floor: number) => number} [compare] - default: the ratio
 */
export function paired(samples, floor, compare = (sample, least) => sample / least) {
  if (samples.length !== floor.length)
    throw new Error(`${samples.length} samples cannot be paired with ${floor.length} of the floor`);
  return summary(samples.map((sample, round) => compare(sample, floor[round])));
}
