/** The samples of a figure as a table for a terminal. */
import { median, paired } from './statistics.mjs';

const shown = (number) => (number >= 100 ? number.toFixed(0) : number.toPrecision(3));

/** @param {import('./results.mjs').Figure} figure */
export function tableOf(id, { unit, subjects }) {
  const floor = subjects.find(({ kind }) => kind === 'floor');
  const lines = subjects.map(({ name, samples }) => {
    const columns = Object.entries(samples).map(([what, numbers]) => {
      const time = `${what} ${shown(median(numbers))} ${unit}`;
      const least = floor?.samples[what];
      if (least === undefined) return time;
      const { value, low, high } = paired(numbers, least);
      return `${time.padEnd(17)} ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
    });
    return `  ${name.padEnd(30)} ${columns.map((column) => column.padEnd(38)).join(' ')}`;
  });
  return `${id}: median${floor === undefined ? '' : `, and the ratio to ${floor.name} in the same round (half of the rounds)`}\n${lines.join('\n')}`;
}
