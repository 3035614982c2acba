/** What the page takes from the results: medians, and ratios to the floor of the same rounds. */
import { median, paired, summary } from '../harness/statistics.mjs';

/** @param {import('../harness/results.mjs').Figure} figure */
export function reading(figure) {
  const of = (name) => {
    const found = figure.subjects.find((subject) => subject.name === name);
    if (found === undefined) throw new Error(`the results hold nothing of ${name}`);
    return found;
  };
  const floor = figure.subjects.find(({ kind }) => kind === 'floor');
  return {
    of,
    /** The middle of what was measured. */
    time: (name, what) => median(of(name).samples[what]),
    spread: (name, what) => summary(of(name).samples[what]),
    /** By how much it is more than the floor. */
    ratio: (name, what) => paired(of(name).samples[what], floor.samples[what]),
    more: (name, what) =>
      paired(of(name).samples[what], floor.samples[what], (sample, least) => sample - least),
    /** The floor against itself. */
    again(what) {
      const { samples } = figure.subjects.find(({ kind }) => kind === 'again');
      return paired(samples[what], floor.samples[what]);
    },
    /** The peer with the least, by the ratio to the floor. */
    bestPeer(what) {
      const peers = figure.subjects.filter(({ kind }) => kind === 'peer');
      const ratioOf = ({ samples }) => paired(samples[what], floor.samples[what]).value;
      return peers.reduce((best, peer) => (ratioOf(peer) < ratioOf(best) ? peer : best));
    },
  };
}

const places = ['floor', 'ours', 'peer', 'again'];

/**
 * The subjects as the page has them: the floor, ours, the peers from the least on, the floor again.
 *
 * @param {import('../harness/results.mjs').Figure} figure
 * @param {string} what - by which of the samples
 */
export function ordered({ subjects }, what) {
  const key = ({ kind, samples }) => [places.indexOf(kind), median(samples[what])];
  return subjects.toSorted((a, b) => {
    const [[placeA, leastA], [placeB, leastB]] = [key(a), key(b)];
    return placeA - placeB || (a.kind === 'peer' ? leastA - leastB : 0);
  });
}

/** Three digits, with the unit that suits. */
export function duration(milliseconds) {
  for (const [unit, size] of [
    ['s', 1_000],
    ['ms', 1],
    ['µs', 1e-3],
  ])
    if (milliseconds >= size) return `${digits(milliseconds / size)} ${unit}`;
  return `${digits(milliseconds * 1e6)} ns`;
}

/** Three digits, never more than two behind the point. */
export function digits(number) {
  const behind = Math.max(0, Math.min(2, 2 - Math.floor(Math.log10(Math.abs(number) || 1))));
  return number.toFixed(behind);
}

/** `1.07`, and between what half of the rounds were. */
export function times({ value, low, high }) {
  return `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

/** A table in Markdown; numbers stand to the right. */
export function table(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = heads.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(heads), line(rule), ...rows.map(line)].join('\n');
}
