/**
 * `keyfall diff A B`: the names that two providers or profiles do not agree on. Values are compared,
 * and never shown.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import type { CliChain } from '../cli-chain.ts';
import { formatTable } from '../layout.ts';
import { openAlone } from '../one-provider.ts';
import { resolveSelection } from '../selection.ts';
import { openConfiguredChain, profilesOf, type SettingsOptions } from '../settings.ts';
import {
  countNames,
  listNames,
  printable,
  printData,
  printJson,
  report,
  waitingFor,
} from '../terminal.ts';

/** Options of `keyfall diff`. */
export interface DiffOptions extends SettingsOptions {
  readonly json?: boolean;
}

/** How two sets of secrets differ, by name. */
export interface Difference {
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
  /** Both hold these, with other values. */
  readonly different: readonly string[];
  readonly same: number;
}

type Values = ReadonlyMap<string, string>;

/** Compares two sides and prints what is different: 0 if nothing is, 1 if something is. */
export async function diffCommand(a: string, b: string, options: DiffOptions): Promise<number> {
  const [inA, inB] = await waitingFor('reading both', () =>
    inTurn([a, b], (side) => readSide(side, options)),
  );
  const difference = differenceOf(inA ?? new Map(), inB ?? new Map());
  const { onlyInA, onlyInB, different, same } = difference;
  if (options.json) await printJson({ a, b, ...difference });
  else {
    const lines = [
      ...onlyInA.map((name) => [name, `only in ${a}`] as const),
      ...onlyInB.map((name) => [name, `only in ${b}`] as const),
      ...different.map((name) => [name, 'another value'] as const),
    ].sort(([one], [other]) => (one < other ? -1 : 1));
    await printData(formatTable(lines.map((line) => line.map(printable))));
    report(`${countNames(lines.length)} differ, ${same} the same.`);
  }
  return onlyInA.length + onlyInB.length + different.length === 0 ? 0 : 1;
}

/** How two sets of secrets differ. Names are sorted. */
export function differenceOf(a: Values, b: Values): Difference {
  const names = [...a.keys()].sort();
  return {
    onlyInA: names.filter((name) => !b.has(name)),
    onlyInB: [...b.keys()].filter((name) => !a.has(name)).sort(),
    different: names.filter((name) => b.has(name) && b.get(name) !== a.get(name)),
    same: names.filter((name) => b.has(name) && b.get(name) === a.get(name)).length,
  };
}

// one after the other: a configuration's folder is the process's own while it is read
async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

/** What a provider of the chain, or the chain of a profile, holds. */
async function readSide(side: string, options: SettingsOptions): Promise<Values> {
  const here = await chainHere(options);
  try {
    const provider = here?.providers.find(({ name }) => name === side);
    if (here !== undefined && provider !== undefined) return await readOne(here, side);
  } finally {
    await here?.secrets.close();
  }
  const profiles = await profilesOf(options);
  if (profiles !== 'any' && !profiles.includes(side)) {
    const providers = here?.providers.map(({ name }) => name) ?? [];
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${printable(side)} is neither a provider nor a profile`,
      {
        hint: `The providers are ${listNames(providers)}, the profiles ${listNames(profiles)}.`,
      },
    );
  }
  const chain = await openConfiguredChain({ ...options, profile: side });
  try {
    return valuesOf((await resolveSelection({ ...chain, names: [] }, undefined)).secrets);
  } finally {
    await chain.secrets.close();
  }
}

/** The chain that providers are named of; none where a configuration has one in its profiles alone. */
async function chainHere(options: SettingsOptions): Promise<CliChain | undefined> {
  try {
    return await openConfiguredChain(options);
  } catch (error) {
    if (isSecretError(error, 'ERR_SECRET_CONFIG') && options.profile === undefined) {
      const profiles = await profilesOf(options);
      if (profiles === 'any' || profiles.length > 0) return undefined;
    }
    throw error;
  }
}

async function readOne(chain: CliChain, name: string): Promise<Values> {
  const provider = chain.ofName(name);
  const secrets = openAlone(provider);
  secrets.on('fallback', ({ detail }) => report(`${chain.label(name)} ${detail}.`));
  try {
    const { entries } = await secrets.read('all', {
      signal: new AbortController().signal,
      timeLeft: () => Number.POSITIVE_INFINITY,
      warn: () => {},
    });
    const values = new Map<string, string>();
    for (const [each, record] of entries) {
      if (isSecretError(record)) throw record;
      values.set(each, record.value);
    }
    return values;
  } finally {
    await secrets.close();
  }
}

function valuesOf(secrets: ReadonlyMap<string, { readonly value: string }>): Values {
  return new Map([...secrets].map(([name, { value }]) => [name, value]));
}
