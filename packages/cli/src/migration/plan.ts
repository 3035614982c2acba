/**
 * What a migration would do, name by name: a pure function of the source and the store.
 */

/**
 * `create`: the store does not hold it. `same`: it holds this value. `conflict`: it holds another
 * value. `keep`: another value, which stays. `overwrite`: another value, which is replaced.
 * `bootstrap`: one of Keyfall's own settings. `reference`: leads to another store. `unselected`: left out by `--select`.
 */
export type PlannedAction =
  | 'create'
  | 'same'
  | 'conflict'
  | 'keep'
  | 'overwrite'
  | 'bootstrap'
  | 'reference'
  | 'unselected';

/** What to do with a name that the store holds with another value. */
export type ConflictPolicy = 'fail' | 'keep' | 'overwrite';

/** One name of a plan. No value. */
interface PlannedName {
  readonly name: string;
  readonly action: PlannedAction;
}

/** What a migration would do. */
export interface MigrationPlan {
  /** Every name of the source, in its order. */
  readonly names: readonly PlannedName[];
  /** The values to write. */
  readonly changes: ReadonlyMap<string, string>;
}

/** Options of {@link planMigration}. */
export interface MigrationPlanOptions {
  readonly source: ReadonlyMap<string, string>;
  /** What the store holds now. */
  readonly target: ReadonlyMap<string, string>;
  readonly onConflict: ConflictPolicy;
  /** What the user chose for single names, before `onConflict`. */
  readonly choices?: ReadonlyMap<string, Exclude<ConflictPolicy, 'fail'>> | undefined;
  /** Names that never leave the source. */
  readonly bootstrap: ReadonlySet<string>;
  /** Only these names. Default: all. */
  readonly select?: ReadonlySet<string> | undefined;
  /** Whether a value leads to another store: it stays, as that is where the secret is. Default: none does. */
  readonly isReference?: ((value: string) => boolean) | undefined;
}

/** Decides what to do with each name of the source. */
export function planMigration(options: MigrationPlanOptions): MigrationPlan {
  const {
    source,
    target,
    onConflict,
    choices,
    bootstrap,
    select,
    isReference = () => false,
  } = options;
  const decide = (name: string, value: string): PlannedAction => {
    if (bootstrap.has(name)) return 'bootstrap';
    if (isReference(value)) return 'reference';
    if (select !== undefined && !select.has(name)) return 'unselected';
    const held = target.get(name);
    if (held === undefined) return 'create';
    if (held === value) return 'same';
    const policy = choices?.get(name) ?? onConflict;
    return policy === 'fail' ? 'conflict' : policy;
  };
  const names = [...source].map(([name, value]) => ({ name, action: decide(name, value) }));
  const written = new Set(namesOf({ names }, 'create', 'overwrite'));
  return { names, changes: new Map([...source].filter(([name]) => written.has(name))) };
}

/** The plan's names with one of these actions. */
export function namesOf(plan: Pick<MigrationPlan, 'names'>, ...actions: PlannedAction[]): string[] {
  return plan.names.filter(({ action }) => actions.includes(action)).map(({ name }) => name);
}
