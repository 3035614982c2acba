/**
 * The results of a case, as they are committed: every sample, so that the page can be made again from them, and the
 * machine and the versions that they belong to.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { versionsOfPeers } from '../peers/install.mjs';

const folder = new URL('../results/', import.meta.url);

/**
 * @typedef {object} SubjectResult
 * @property {string} name
 * @property {'floor' | 'again' | 'ours' | 'peer'} kind
 * @property {string} [note]
 * @property {Record<string, number[]>} samples - one a round, by what was measured
 *
 * @typedef {object} Figure
 * @property {string} unit - of the samples
 * @property {SubjectResult[]} subjects
 *
 * @typedef {object} Results
 * @property {string} date
 * @property {object} machine
 * @property {Record<string, string>} versions
 * @property {Record<string, Figure>} figures
 */

/**
 * @param {string} unit
 * @param {Map<{ name: string, kind: string, note?: string }, Record<string, number[]>>} samples
 * @returns {Figure}
 */
export function figure(unit, samples) {
  const subjects = [...samples].map(([{ name, kind, note }, of]) => ({
    name,
    kind,
    note,
    samples: Object.fromEntries(
      Object.entries(of)
        .filter(([, numbers]) => numbers.length > 0)
        .map(([what, numbers]) => [what, numbers.map((number) => Number(number.toPrecision(4)))]),
    ),
  }));
  return { unit, subjects };
}

/** Milliseconds of processors that were busy, since the machine started, and all that went by. */
function processorTime() {
  const times = cpus().map((cpu) => cpu.times);
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const all = sum(times.map((time) => sum(Object.values(time))));
  return { all, busy: all - sum(times.map(({ idle }) => idle)) };
}

/** How many processors other programs keep busy: for five seconds this one does nothing. */
async function busyProcessors() {
  const before = processorTime();
  await wait(5_000);
  const after = processorTime();
  return ((after.busy - before.busy) / (after.all - before.all)) * cpus().length;
}

/** What the results of this moment belong to. `load`: what else the machine did, in busy processors. */
export async function environment() {
  const saidBy = (...words) =>
    execFileSync(words[0], words.slice(1), { encoding: 'utf8', cwd: import.meta.dirname }).trim();
  const changed = saidBy('git', 'status', '--porcelain', '--', '../../packages') !== '';
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      processors: `${cpus().length} x ${cpus()[0].model.trim()}`,
      memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
      system: `${type()} ${release().match(/^\d+\.\d+/)?.[0]} ${arch()}`,
      load: Number((await busyProcessors()).toFixed(2)),
    },
    versions: {
      keyfall: `${saidBy('git', 'rev-parse', '--short=10', 'HEAD')}${changed ? ' and changes' : ''}`,
      node: process.versions.node,
      python: saidBy('python3', '--version').split(' ')[1],
      ...versionsOfPeers(),
    },
  };
}

const fileOf = (name) => fileURLToPath(new URL(`${name}.json`, folder));

/**
 * @returns {Results} what is committed of a case
 * @throws an `Error` if nothing is
 */
export function readResults(name) {
  if (!existsSync(fileOf(name)))
    throw new Error(`There are no results of ${name}. Run "npm run bench -- ${name}".`);
  return JSON.parse(readFileSync(fileOf(name), 'utf8'));
}

/** @param {Results} results */
export function writeResults(name, results) {
  // the samples of a subject stay on one line
  const text = JSON.stringify(results, null, 2).replace(
    /\[\s+([-\d.e,\s]+?)\s+\]/g,
    (_, numbers) => `[${numbers.replace(/\s+/g, ' ')}]`,
  );
  writeFileSync(fileOf(name), `${text}\n`);
}
