/**
 * What goes wrong when, by a seed: the same seed has the same faults in the same order. How long the machine takes
 * for them is not part of it.
 */

/** A fault, with all that chance has to do with it. Times in milliseconds. */
export type Fault =
  | { readonly kind: 'kill' | 'seal' | 'pause-server' | 'deny'; readonly lasts: number }
  | {
      readonly kind: 'cut';
      readonly lasts: number;
      readonly after: number;
      readonly how: 'fin' | 'reset';
    }
  | {
      readonly kind: 'drop-answers';
      readonly lasts: number;
      readonly how: 'fin' | 'reset' | 'hang';
    }
  | { readonly kind: 'dark'; readonly lasts: number }
  | { readonly kind: 'trickle'; readonly lasts: number; readonly every: number }
  | { readonly kind: 'pause-reader'; readonly lasts: number; readonly reader: number }
  | { readonly kind: 'clock'; readonly lasts: number; readonly by: number }
  | { readonly kind: 'revoke' | 'files'; readonly lasts: number };

/** The name of a fault. */
export type FaultKind = Fault['kind'];

/** A part of the run: some faults one after another under load, then all is well until everybody has caught up. */
export interface Round {
  readonly faults: readonly Fault[];
}

/** A source of chance that a seed decides. */
export interface Chance {
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  oneOf<Choice>(choices: readonly Choice[]): Choice;
  shuffled<Item>(items: readonly Item[]): Item[];
}

/** A source of chance (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    between,
    oneOf: (choices) => choices[between(0, choices.length - 1)] as (typeof choices)[number],
    shuffled(items) {
      const rest = [...items];
      return items.map(
        () => rest.splice(between(0, rest.length - 1), 1)[0] as (typeof items)[number],
      );
    },
  };
}

const minute = 60_000;
const hour = 60 * minute;

const makers: Readonly<Record<FaultKind, (chance: Chance, readers: number) => Fault>> = {
  kill: (chance) => ({ kind: 'kill', lasts: lasting(chance) }),
  seal: (chance) => ({ kind: 'seal', lasts: lasting(chance) }),
  'pause-server': (chance) => ({ kind: 'pause-server', lasts: lasting(chance) }),
  deny: (chance) => ({ kind: 'deny', lasts: lasting(chance) }),
  cut: (chance) => ({
    kind: 'cut',
    lasts: lasting(chance),
    after: chance.oneOf([0, 1, 100, 500]),
    how: chance.oneOf(['fin', 'reset']),
  }),
  'drop-answers': (chance) => ({
    kind: 'drop-answers',
    lasts: lasting(chance),
    how: chance.oneOf(['fin', 'reset', 'hang']),
  }),
  dark: (chance) => ({ kind: 'dark', lasts: lasting(chance) }),
  trickle: (chance) => ({
    kind: 'trickle',
    lasts: lasting(chance),
    every: chance.oneOf([2, 20, 200]),
  }),
  'pause-reader': (chance, readers) => ({
    kind: 'pause-reader',
    lasts: lasting(chance),
    reader: chance.between(0, readers - 1),
  }),
  clock: (chance) => ({
    kind: 'clock',
    lasts: chance.between(500, 2_000),
    by: chance.oneOf([-1, 1]) * chance.oneOf([1_000, minute, hour, 24 * hour]),
  }),
  revoke: (chance) => ({ kind: 'revoke', lasts: chance.between(500, 2_000) }),
  files: (chance) => ({ kind: 'files', lasts: chance.between(500, 2_000) }),
};

/** The kinds of faults. */
export const faultKinds = Object.keys(makers) as readonly FaultKind[];

/** From shorter than a repeat takes to longer than a last good value counts. */
function lasting(chance: Chance): number {
  return chance.oneOf([
    chance.between(100, 1_000),
    chance.between(1_000, 3_000),
    chance.between(3_000, 7_000),
  ]);
}

/** The rounds of a run. Each kind of fault comes before one comes again. */
export function* roundsOf(
  seed: number,
  readers: number,
  wanted: readonly FaultKind[] = faultKinds,
): Generator<Round, never> {
  const chance = chanceOf(seed);
  let kinds: FaultKind[] = [];
  for (;;) {
    const faults: Fault[] = [];
    for (let left = chance.between(1, 2); left > 0; left -= 1) {
      if (kinds.length === 0) kinds = chance.shuffled(wanted);
      faults.push(makers[kinds.pop() as FaultKind](chance, readers));
    }
    yield { faults };
  }
}
