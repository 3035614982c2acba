/**
 * The texts of a migration: the plan before it, and the next steps after it. They contain names, and no values.
 */
import { formatTable } from '../terminal/layout.ts';
import { columnsOf, countNames, isTerminal, listNames, printable } from '../terminal/terminal.ts';
import { type MigrationPlan, namesOf, type PlannedAction } from './plan.ts';

const meanings: Readonly<Record<PlannedAction, string>> = {
  create: 'new in the store',
  overwrite: 'replaces another value in the store',
  conflict: 'CONFLICT: the store holds another value',
  keep: 'the store keeps its other value',
  same: 'the store holds it already',
  bootstrap: "stays: one of Keyfall's own settings",
  reference: 'stays: it refers to another store',
  unselected: 'stays: not selected',
};

/** The plan as a table, one name a line, as wide as the terminal. */
export function planTable(plan: MigrationPlan, source: string, target: string): string {
  const rows = plan.names.map(({ name, action }) => [printable(name), meanings[action]]);
  const width = isTerminal(2) ? columnsOf(process.stderr) : undefined;
  const heading = `${printable(`${source} (${countNames(plan.names.length)}) -> ${target}`)}\n`;
  return `${heading}${formatTable(rows, { indent: '  ', width })}`.trimEnd();
}

/** Why there is nothing to do. */
export function nothingToDo(plan: MigrationPlan, target: string): string {
  const kept = namesOf(plan, 'keep');
  const held = `${target} holds all there is to migrate (${countNames(namesOf(plan, 'same').length)})`;
  if (kept.length === 0) return `${held}: nothing changed.`;
  return `${target} holds ${countNames(namesOf(plan, 'same').length)} of it already, and keeps its other ${kept.length === 1 ? 'value' : 'values'} for ${listNames(kept)}: nothing changed.`;
}

/** Why nothing is left to do for selected names that only the store holds. */
export function nothingLeft(names: readonly string[], source: string, target: string): string {
  const [are, them] = names.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return `${listNames(names)} ${are} not in ${source}, and ${target} holds ${them}: nothing is left to migrate.`;
}

/** What a migration did. */
export interface MigrationOutcome {
  readonly written: number;
  readonly label: string;
  /** Whether all names were written at once. */
  readonly isAtomic: boolean;
  /** The command that undoes it. */
  readonly undo: string;
  /** Names whose former value cannot be brought back. */
  readonly lost: readonly string[];
  /** If a file was migrated. */
  readonly file?: {
    readonly label: string;
    readonly backup: string;
    /** The file with `USE_VAULT`, if the store is the Vault of the settings. */
    readonly settings?: {
      readonly label: string;
      /** Whether it is another file: then a program falls back to that one. */
      readonly isElsewhere: boolean;
      /** Whether `USE_VAULT=true` is missing there. */
      readonly needsUseVault: boolean;
      /** Whether `USE_VAULT` of the environment, which wins over it, turns Vault off. */
      readonly isOverruled: boolean;
    };
    /** Whether the migrated values were removed from the file. */
    readonly purged: boolean;
  };
  /** Settings of the store that only the environment has. */
  readonly unsaid: readonly string[];
  /** The command that starts a program with the store's secrets, if the chain asks the store. */
  readonly start: string | undefined;
  /** Whether it is not known that the chain asks the store. */
  readonly isElsewhere: boolean;
}

/** What was done, and what to do next. */
export function summary(outcome: MigrationOutcome): string {
  const { written, label, isAtomic, undo, lost, file, unsaid, start, isElsewhere } = outcome;
  const next: string[] = [];
  const settings = file?.settings;
  if (settings?.needsUseVault)
    next.push(
      `set USE_VAULT=true in ${settings.label}${settings.isElsewhere ? '' : ' (or run this again with --activate)'}`,
    );
  if (settings?.isOverruled)
    next.push(
      `unset USE_VAULT in the environment: it turns Vault off, whatever ${settings.label} says`,
    );
  if (unsaid.length > 0)
    next.push(
      `set ${listNames(unsaid)} wherever the program is started: only this shell has ${unsaid.length === 1 ? 'it' : 'them'}`,
    );
  if (start !== undefined) next.push(`start the program with ${start}`);
  if (isElsewhere) next.push(`make sure that ${label} is in the chain of your keyfall.config`);
  if (file !== undefined) {
    const fallback = settings?.isElsewhere ? settings.label : file.label;
    const still = settings?.isElsewhere
      ? 'still has every value; --purge removes them'
      : 'still answers if the store cannot be asked; --purge removes its plain text';
    next.push(
      `keep ${file.backup} out of git and in a safe place, or delete it: it holds every value in plain text`,
      file.purged
        ? `while ${label} cannot be asked, the program starts with what is left in ${fallback}: name what it needs, keyfall run --only NAMES -- CMD, and it starts with all of that or not at all (exit code 3)`
        : `${file.label} ${still}`,
    );
  }
  next.push(`to undo all of it: ${undo}`);
  if (lost.length > 0)
    next.push(`that does not bring back what ${listNames(lost)} held: the store keeps no versions`);
  const done =
    written === 0
      ? `${label} held every name already, and was read back and compared.`
      : `${countNames(written)} written to ${label} ${isAtomic ? 'in one write' : 'name by name'}, read back and compared.`;
  return [done, 'Next:', ...next.map((step) => `  - ${step}`)].map(printable).join('\n');
}
