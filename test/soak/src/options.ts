/**
 * What a run is asked for.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Rule, rules } from './oracle.ts';
import { type FaultKind, faultKinds } from './schedule.ts';

interface Options {
  /** How long the readers read. Default an hour. */
  readonly minutes: number;
  /** What decides the faults. Default: by chance. */
  readonly seed: number;
  /** The faults that there may be. Default: all. */
  readonly kinds: readonly FaultKind[];
  /** A rule to break on purpose. */
  readonly plant: Rule | undefined;
  /** Where the verdict is written. */
  readonly json: string | undefined;
  /** Whether each event is printed. */
  readonly verbose: boolean;
}

/** @throws an `Error` that says what may be asked for */
export function optionsOf(args: readonly string[]): Options {
  const { values: given } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string' },
      json: { type: 'string' },
      faults: { type: 'string' },
      plant: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(given.minutes);
  const seed = given.seed === undefined ? randomInt(2 ** 32) : Number(given.seed);
  const plant = given.plant as Rule | undefined;
  const kinds = (given.faults?.split(',') ?? faultKinds) as readonly FaultKind[];
  if (
    !(minutes > 0) ||
    !Number.isInteger(seed) ||
    (plant !== undefined && !Object.hasOwn(rules, plant)) ||
    !kinds.every((kind) => faultKinds.includes(kind))
  )
    throw new Error(
      `usage: npm run soak -- [--minutes N] [--seed N] [--faults KIND,…] [--json FILE] [--verbose] [--plant ${Object.keys(rules).join('|')}]`,
    );
  return { minutes, seed, kinds, plant, json: given.json, verbose: given.verbose };
}
