/**
 * A migration in words: the plan before, what to do next after. Names only.
 */
import { countNames, printable } from '../terminal.ts';
import type { MigrationPlan, PlannedAction } from './plan.ts';

const meanings: Readonly<Record<PlannedAction, string>> = {
  create: 'new in the store',
  overwrite: 'replaces another value in the store',
  conflict: 'CONFLICT: the store holds another value',
  keep: 'the store keeps its other value',
  same: 'the store holds it already',
  bootstrap: "stays: one of Keyfall's own settings",
  unselected: 'stays: not selected',
};

/** The plan as a table, one name a line. */
export function planTable(plan: MigrationPlan, file: string, target: string): string {
  const width = Math.max(0, ...plan.names.map(({ name }) => printable(name).length));
  const rows = plan.names.map(
    ({ name, action }) => `  ${printable(name).padEnd(width)}  ${meanings[action]}`,
  );
  return [`${file} (${countNames(plan.names.length)}) -> ${target}`, ...rows].join('\n');
}

/** What a migration did. */
export interface MigrationOutcome {
  readonly written: number;
  readonly label: string;
  readonly backup: string;
  readonly file: string;
  /** Whether the file says `USE_VAULT=true` by now. */
  readonly useVault: boolean;
  /** Whether the migrated values are out of the file. */
  readonly purged: boolean;
}

/** What was done, and what to do next. */
export function summary(outcome: MigrationOutcome): string {
  const { written, label, backup, file, useVault, purged } = outcome;
  const next = [
    ...(useVault ? [] : [`set USE_VAULT=true in ${file} (or run this again with --activate)`]),
    `keep ${backup} out of git and in a safe place, or delete it: it holds every value in plain text`,
    ...(purged
      ? [
          `without ${label} the program would start with what is left in ${file}: name what it cannot do without, keyfall run --only NAMES -- CMD, and it starts with that or not at all (exit code 3)`,
        ]
      : [`${file} still answers if the store cannot be asked; --purge removes its plain text`]),
    `to undo all of it: keyfall migrate --restore ${backup}`,
  ];
  const done =
    written === 0
      ? `${label} held every name already, and was read back and compared.`
      : `${countNames(written)} written to ${label} in one write, read back and compared.`;
  return [done, 'Next:', ...next.map((step) => `  - ${step}`)].join('\n');
}
