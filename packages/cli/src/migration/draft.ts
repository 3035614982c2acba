/**
 * What a migration would do now: the plan, by what the store holds, and the file's new text. It is made again whenever
 * the store may hold something else.
 */
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { editDotenv } from '@keyfall/provider-dotenv/edit';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import { isYes } from '../chain/settings.ts';
import { notice } from '../terminal/terminal.ts';
import type { Choices } from './choose.ts';
import type { MigrationRecord } from './interrupted.ts';
import { type ConflictPolicy, type MigrationPlan, namesOf, planMigration } from './plan.ts';
import type { MigrationSource } from './source.ts';
import type { MigrationTarget, TargetContent } from './target.ts';

/** What a draft depends on. */
export interface DraftOptions {
  /** Default: ask on a terminal, else `fail`. */
  readonly onConflict?: ConflictPolicy;
  /** Only these names. */
  readonly select?: readonly string[];
  /** Whether a value leads to another store. Default: none does. */
  readonly isReference?: (value: string) => boolean;
  /** Set `USE_VAULT=true` in the file. */
  readonly activate?: boolean;
  /** With `activate`: the reader to write into the file. Default: the file's own stays. */
  readonly remember?: DotenvReader | undefined;
  /** Remove the migrated values from the file. */
  readonly purge?: boolean;
}

/** What would be done. */
export interface Draft {
  readonly plan: MigrationPlan;
  readonly choices: Choices | undefined;
  readonly held: TargetContent;
  /** The file with its new text, if it is to be edited. */
  readonly edit: { readonly path: string; readonly text: string } | undefined;
}

/**
 * Reads the store, and plans.
 *
 * @param choices - what the user chose for single names; they come before `onConflict`
 * @throws what the store answers; what `editDotenv` throws for an edit that no `.env` can hold
 */
export async function draftMigration(
  source: MigrationSource,
  target: MigrationTarget,
  options: DraftOptions,
  choices?: Choices,
): Promise<Draft> {
  const held = await target.read();
  const { onConflict = 'fail', select, isReference } = options;
  const plan = planMigration({
    source: source.values,
    target: held.values,
    onConflict,
    choices,
    bootstrap: bootstrapNames,
    select: select && new Set(select),
    isReference,
  });
  const draft = { plan, choices, held, edit: undefined };
  // the choices decide which values leave the file
  if (hasConflict(draft)) return draft;
  // made with the plan, so that an edit that dotenv cannot write stops the migration before anything is written
  return { ...draft, edit: await editOf(source, plan, options) };
}

const warnings = new Set<string>();

/** Warns once, however often a draft is made. */
function warn(message: string): void {
  if (!warnings.has(message)) notice(`${message}.`);
  warnings.add(message);
}

async function editOf(
  source: MigrationSource,
  plan: MigrationPlan,
  { activate = false, purge = false, remember }: DraftOptions,
): Promise<Draft['edit']> {
  if (source.kind === 'store') return undefined;
  const edits = new Map<string, string | null>();
  if (activate && !turnsVaultOn(source.values.get('USE_VAULT'))) edits.set('USE_VAULT', 'true');
  if (activate && remember !== undefined && source.values.get('KEYFALL_READER') !== remember)
    edits.set('KEYFALL_READER', remember);
  if (purge) for (const name of namesOf(plan, 'create', 'overwrite', 'same')) edits.set(name, null);
  if (edits.size === 0) return undefined;
  const { path, text, reader } = source;
  return { path, text: await editDotenv(text, edits, { reader, variables: process.env, warn }) };
}

/** Whether a value of `USE_VAULT` turns Vault on. One that is neither yes nor no does not. */
export function turnsVaultOn(useVault = ''): boolean {
  return isYes(useVault);
}

/** Whether there is nothing to write and nothing to edit. */
export function isDone({ plan, edit }: Draft): boolean {
  return plan.changes.size === 0 && edit === undefined;
}

/** Whether the user must choose before anything can be done. */
export function hasConflict({ plan }: Draft): boolean {
  return namesOf(plan, 'conflict').length > 0;
}

/** What the store must hold at the end: all that this migration, and the one that it resumes, has written. */
export function expectedAfter(
  { plan, held }: Draft,
  resumed: MigrationRecord | undefined,
): ReadonlyMap<string, string> {
  const before = namesWritten(resumed);
  const same = new Set(namesOf(plan, 'same').filter((name) => before.has(name)));
  return new Map([...[...held.values].filter(([name]) => same.has(name)), ...plan.changes]);
}

/**
 * The names that the store held before and has lost since; and, if the file's values are to be removed, those that had
 * the same value there and have another one now.
 */
export function lostMeanwhile(
  { plan, held }: Draft,
  now: ReadonlyMap<string, string>,
  { purge = false }: DraftOptions,
): string[] {
  const same = new Set(purge ? namesOf(plan, 'same') : []);
  return [...held.values]
    .filter(([name]) => !plan.changes.has(name))
    .filter(([name, value]) => !now.has(name) || (same.has(name) && now.get(name) !== value))
    .map(([name]) => name);
}

const nothing: Omit<MigrationRecord, 'path'> = { created: [], overwritten: [] };

function namesWritten({ created, overwritten } = nothing): ReadonlySet<string> {
  return new Set([...created, ...overwritten.map(({ name }) => name)]);
}

/** All that this migration, and the one that it resumes, has written. */
export function recordFor(
  path: string,
  { plan, held }: Draft,
  resumed: MigrationRecord | undefined,
): MigrationRecord {
  const { created, overwritten } = resumed ?? nothing;
  const known = namesWritten(resumed);
  return {
    path,
    created: [...created, ...namesOf(plan, 'create').filter((name) => !known.has(name))],
    overwritten: [
      ...overwritten,
      ...namesOf(plan, 'overwrite')
        .filter((name) => !known.has(name))
        .map((name) => ({ name, version: held.versions.get(name) })),
    ],
  };
}
