/**
 * What a run came to: one entry for each rule, and the figures behind it.
 */
import type { ReaderState } from './messages.ts';
import { type Oracle, type Rule, rules } from './oracle.ts';
import { hasGrown, type Sample, type Trend, trendOf } from './trend.ts';

type Figure = 'heap' | 'handles' | 'listeners';

/**
 * By how much a figure of one process may grow from the end of the warm-up to the end of the run. In the first minutes
 * code is compiled, and the last values of each name add up.
 */
const allowed = (minutes: number): Readonly<Record<Figure, number>> => ({
  heap: minutes < 5 ? 2_000_000 : 1_000_000,
  handles: 5,
  listeners: 5,
});

/** How the figures of a process went. */
export type Trends = Readonly<Record<Figure, Trend>>;

/** Adds to the ledger what has grown, and returns how all figures of a process went. */
export function judgeStates(
  oracle: Oracle,
  reader: string,
  states: readonly ({ readonly at: number } & ReaderState)[],
  minutes: number,
): Trends {
  const figures: Readonly<Record<Figure, (state: ReaderState) => number>> = {
    heap: ({ heap }) => heap,
    handles: ({ handles }) => Object.values(handles).reduce((sum, count) => sum + count, 0),
    listeners: ({ listeners }) => listeners,
  };
  const trend = (figure: Figure): Trend => {
    const samples = states.map((state): Sample => [state.at, figures[figure](state)]);
    const found = trendOf(samples);
    if (hasGrown(found, allowed(minutes)[figure])) {
      const { first, last, growth, error } = found;
      const grown = `${Math.round(growth)} (± ${Math.round(error)}), from ${first} to ${last}`;
      oracle.violated(figure, reader, `${figure} grew by ${grown}`, states.at(-1)?.at ?? 0);
    }
    return found;
  };
  return { heap: trend('heap'), handles: trend('handles'), listeners: trend('listeners') };
}

/** Adds to the ledger what there was too little of, in a run of so many minutes on however busy a machine. */
export function judgeExtent(
  oracle: Oracle,
  counts: { readonly answers: number; readonly faults: number },
  minutes: number,
): void {
  const least = { answers: 100 * minutes, rotations: 4 * minutes, faults: Math.floor(minutes / 2) };
  for (const [what, count] of Object.entries({ ...counts, rotations: oracle.rotations })) {
    const wanted = least[what as keyof typeof least];
    if (count < wanted)
      oracle.violated('enough', 'all', `${count} ${what}, less than ${wanted}`, 0);
  }
}

/** What is written as JSON. The numbers of tests are those of rules. */
export interface Verdict {
  readonly numPassedTests: number;
  readonly numTotalTests: number;
  readonly rules: readonly {
    readonly rule: Rule;
    readonly holds: string;
    readonly violations: number;
  }[];
  readonly violations: Oracle['violations'];
  readonly [fact: string]: unknown;
}

/** The verdict on a run, with these facts of it. */
export function verdictOf(oracle: Oracle, facts: Readonly<Record<string, unknown>>): Verdict {
  const { violations, judged, fallbacks, rotations } = oracle;
  const held = Object.entries(rules).map(([rule, holds]) => ({
    rule: rule as Rule,
    holds,
    violations: violations.filter((violation) => violation.rule === rule).length,
  }));
  return {
    numPassedTests: held.filter((entry) => entry.violations === 0).length,
    numTotalTests: held.length,
    ...facts,
    judged,
    fallbacks,
    rotations,
    rules: held,
    violations: violations.slice(0, 50),
  };
}
