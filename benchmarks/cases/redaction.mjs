/** Masking values in log lines: how long a megabyte takes with 50 and with 10,000 values, and in the worst of texts. */
import { createHash } from 'node:crypto';
import { measureOperations } from '../harness/clients.mjs';
import { figure } from '../harness/results.mjs';

const ours = new URL('../ours/redaction.mjs', import.meta.url).href;
const peers = new URL('../peers/redaction.mjs', import.meta.url).href;

const subjects = [
  { name: 'copying the bytes', kind: 'floor', start: [peers, 'copying'] },
  { name: 'Keyfall, in chunks', kind: 'ours', start: [ours, 'chunks'] },
  { name: 'Keyfall, a web stream', kind: 'ours', start: [ours, 'stream'] },
  {
    name: 'split and join',
    kind: 'peer',
    start: [peers, 'splitAndJoin'],
    note: 'each value as it is, and none that a chunk cuts',
  },
];

const worst = [
  {
    name: 'Keyfall, 2 MB',
    kind: 'floor',
    start: [ours, 'worstText'],
    note: '50 values of 201 to 250 characters, and a text of nothing but their beginnings',
  },
  { name: 'Keyfall, 4 MB', kind: 'ours', start: [ours, 'worstTextTwice'] },
];

/** Values of 32 characters, the same each time. */
const valuesOf = (count) =>
  Array.from({ length: count }, (_, index) =>
    createHash('sha256').update(`value ${index}`).digest('base64').slice(0, 32),
  );

export async function measure({ quick }) {
  const how = { rounds: quick ? 3 : 7, generations: quick ? 1 : 2, slice: 150 };
  const of = async (all, values) =>
    figure('µs/MB', (await measureOperations(all, { values }, how)).get(1));
  return {
    figures: {
      'values-50': await of(subjects, valuesOf(50)),
      'values-10000': await of(subjects, valuesOf(10_000)),
      worst: await of(worst, []),
    },
  };
}
