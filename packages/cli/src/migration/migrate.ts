/**
 * A migration from its plan to its summary. Until the one conditional write nothing has changed; the
 * file itself is touched only if asked for, and only after the store was read back and agrees.
 */
import { access, constants, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { editDotenv } from '@keyfall/provider-dotenv';
import { bootstrapNames } from '../bootstrap-settings.ts';
import { confirm } from '../confirm.ts';
import { isTrue } from '../settings.ts';
import {
  canPrompt,
  countNames,
  isQuiet,
  listNames,
  notice,
  report,
  writeLine,
} from '../terminal.ts';
import { type Choices, chooseForConflicts } from './choose.ts';
import { backUp, changedMeanwhile, freePath, holding } from './files.ts';
import { isTrackedByGit, wouldGitAdd } from './git.ts';
import {
  discard,
  findInterrupted,
  type MigrationRecord,
  recordBase,
  settleInterrupted,
  subjectOf,
} from './interrupted.ts';
import { journalPath, type MigrationJournal, writeJournal } from './journal.ts';
import { type ConflictPolicy, type MigrationPlan, namesOf, planMigration } from './plan.ts';
import { type Progress, showProgress } from './progress.ts';
import { nothingToDo, planTable, summary } from './report.ts';
import { type MigrationSource, surprises } from './source.ts';
import { type MigrationTarget, type TargetContent, verify } from './target.ts';

/** How to migrate. */
export interface MigrateOptions {
  /** Do not ask. */
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Default: ask where somebody can be asked, else `fail`. */
  readonly onConflict?: ConflictPolicy;
  /** Only these names. */
  readonly select?: readonly string[];
  /** Set `USE_VAULT=true` in the file. */
  readonly activate?: boolean;
  /** Remove the migrated values from the file. */
  readonly purge?: boolean;
  /** Migrate a file that git tracks. */
  readonly force?: boolean;
  /** Whether the store is the Vault that `USE_VAULT=true` turns on. Default: yes. */
  readonly isSettingsVault?: boolean;
  /** The options that name both ends once more, for who is told how to undo it: `--to sops`. */
  readonly ends?: readonly string[];
}

/** What happened, as `--json` prints it. */
export interface MigrateResult {
  /** The file, or the store, that the values come from. */
  readonly source: string;
  readonly store: string;
  readonly dryRun: boolean;
  readonly names: MigrationPlan['names'];
  /** How many names were written. */
  readonly written: number;
  /** Whether the file was changed. */
  readonly fileChanged: boolean;
  /** What `--restore` takes. */
  readonly backup?: string;
}

/**
 * Migrates `source` to `target`, and tells the user on stderr what it does. Where the target holds
 * another value for a name and nobody chose what to do about it, nothing is changed, and the result's
 * `names` say which: the caller must call {@link assertNoConflict}.
 *
 * @throws `ERR_SECRET_CONFIG` for a file that git tracks; `ERR_SECRET_NOT_FOUND` naming what `select`
 *   names and the source does not hold; `ERR_SECRET_ABORTED` if the user says no; what the store refuses
 */
export async function migrate(
  source: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
): Promise<MigrateResult> {
  const { dryRun = false, yes = false } = options;
  assertSelected(source, options.select);
  let draft = await drawUp(source, target, options);
  for (const surprise of surprises(source)) notice(surprise);
  const isInterrupted = (await findInterrupted(source)).length > 0;
  const result = (facts: Partial<MigrateResult>): MigrateResult => ({
    source: sourceOf(source),
    store: target.store,
    dryRun,
    names: draft.plan.names,
    written: 0,
    fileChanged: false,
    ...facts,
  });
  const isIdle = isDone(draft) && !isInterrupted;
  if ((dryRun || !isIdle || namesOf(draft.plan, 'conflict', 'keep').length > 0) && !isQuiet())
    writeLine(planTable(draft.plan, source.label, target.label));
  if (isIdle && !dryRun && !hasConflict(draft.plan)) {
    report(nothingToDo(draft.plan, target.label));
    return result({});
  }
  await checkGit(source, options);
  await checkRights(draft, source, target, options);
  if (dryRun) {
    if (isInterrupted)
      notice('a migration was interrupted: the next run goes on with it, or clears it away.');
    report('this was a dry run: nothing changed.');
    return result({});
  }
  while (hasConflict(draft.plan)) {
    if (yes || options.onConflict !== undefined || !canPrompt()) return result({});
    const chosen = await chooseForConflicts(namesOf(draft.plan, 'conflict'), target.label);
    const choices = new Map([...(draft.choices ?? []), ...chosen]);
    draft = await drawUp(source, target, options, choices);
  }
  const lost = unrecoverable(recordFor('', draft, undefined), target);
  if (lost.length > 0)
    notice(
      `what ${target.label} holds under ${listNames(lost)} cannot be brought back: it keeps no versions.`,
    );
  if (!yes && !isDone(draft)) await confirm(questionOf(draft, source, target));

  const progress = showProgress(draft.edited === undefined ? 3 : 4);
  let done: Done | undefined;
  try {
    await holding(subjectOf(source), async (bytes) => {
      if (source.kind === 'file' && !bytes?.equals(source.bytes))
        throw changedMeanwhile(source.path);
      const carriedOut = await carryOut(draft, source, target, options, progress);
      draft = carriedOut.draft;
      if (carriedOut.record === undefined) return undefined;
      done = carriedOut;
      if (draft.edited === undefined) return undefined;
      progress.step(`Editing ${source.label}`);
      return Buffer.from(draft.edited);
    });
    if (done !== undefined) await done.journal('done');
  } finally {
    progress.end();
  }
  if (done === undefined) {
    if (!hasConflict(draft.plan)) report(nothingToDo(draft.plan, target.label));
    return result({});
  }
  const written = draft.plan.changes.size;
  if (!isQuiet()) writeLine(summaryOf(done, source, target, options));
  return result({
    written,
    fileChanged: draft.edited !== undefined,
    backup: undoArgument(source, done.record),
  });
}

/** What will be done, by what the store holds now. */
interface Draft {
  readonly plan: MigrationPlan;
  readonly choices: Choices | undefined;
  readonly held: TargetContent;
  /** The file's new text, if it is to be edited. */
  readonly edited: string | undefined;
}

async function drawUp(
  source: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
  choices?: Choices,
): Promise<Draft> {
  const held = await target.read();
  const { onConflict = 'fail', select } = options;
  const plan = planMigration({
    source: source.values,
    target: held.values,
    onConflict,
    choices,
    bootstrap: bootstrapNames,
    select: select && new Set(select),
  });
  // drawn up with the plan, so that an edit dotenv has no way of writing stops it before anything is written
  return { plan, choices, held, edited: await editedFile(source, plan, options) };
}

/** What {@link carryOut} did, by the last draft. */
interface Done {
  readonly draft: Draft;
  readonly record: MigrationRecord;
  journal(state: MigrationJournal['state']): Promise<void>;
}

/** Somebody wrote another value meanwhile, or an earlier run had done it all: nothing was changed. */
interface Unchanged {
  readonly draft: Draft;
  readonly record?: undefined;
}

/**
 * Backup, write, read-back: all but the edit of the file. Each step is in the journal before it
 * happens.
 */
async function carryOut(
  first: Draft,
  source: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
  progress: Progress,
): Promise<Done | Unchanged> {
  let draft = first;
  const resumed = await settleInterrupted(source, target);
  if (isDone(draft) && resumed === undefined) return { draft };
  const path =
    resumed?.path ?? (await freePath(recordBase(source), new Date(), (free) => journalPath(free)));
  const recordOf = (): MigrationRecord => recordFor(path, draft, resumed);
  const journal = (state: MigrationJournal['state']) => {
    const { created, overwritten } = recordOf();
    const facts = { source: source.identity, store: target.store, created, overwritten };
    return writeJournal(journalPath(path), { format: 1, state, ...facts });
  };
  let written: 'no' | 'perhaps' | 'yes' = resumed === undefined ? 'no' : 'yes';
  try {
    if (resumed === undefined) {
      progress.step(`Backing up ${source.label}`);
      await journal('started');
      if (source.kind === 'file') await backUpFile(path, source.bytes, source.path);
    }
    await journal('planned');
    for (let attempt = 1; draft.plan.changes.size > 0; attempt++)
      try {
        progress.step(`Writing ${countNames(draft.plan.changes.size)} to ${target.label}`);
        if (written === 'no') written = 'perhaps';
        await target.write(draft.plan.changes, draft.held.revision);
        written = 'yes';
        break;
      } catch (error) {
        if (written === 'perhaps' && !mayHaveWritten(error)) written = 'no';
        if (attempt > 1 || !isSecretError(error, 'ERR_SECRET_CONFLICT')) throw error;
        // somebody else wrote since the plan was made: once more, on what is there now
        draft = await drawUp(source, target, options, draft.choices);
        if (hasConflict(draft.plan) || (isDone(draft) && resumed === undefined)) {
          if (written === 'no') await discard(path);
          return { draft };
        }
        await journal('planned');
      }
    progress.step('Reading it back and comparing');
    await verify(target, expectedAfter(draft));
    await journal('verified');
    return { draft, record: recordOf(), journal };
  } catch (error) {
    if (written !== 'no')
      notice(
        `it is not certain how far the migration came: run it again, or undo it with keyfall migrate --restore ${undoArgument(source, recordOf())}.`,
      );
    else await discard(path);
    throw error;
  }
}

/** All that this migration, and the one that it goes on with, has written. */
function recordFor(
  path: string,
  { plan, held }: Draft,
  resumed: MigrationRecord | undefined,
): MigrationRecord {
  const { created = [], overwritten = [] } = resumed ?? {};
  const known = new Set([...created, ...overwritten.map(({ name }) => name)]);
  return {
    path,
    created: [...created, ...namesOf(plan, 'create').filter((name) => !known.has(name))],
    overwritten: [
      ...overwritten,
      ...namesOf(plan, 'overwrite')
        .filter((name) => !known.has(name))
        .map((name) => {
          const version = held.versions.get(name);
          return { name, ...(version !== undefined && { version }) };
        }),
    ],
  };
}

async function backUpFile(path: string, bytes: Buffer, file: string): Promise<void> {
  await backUp(path, bytes);
  if (await wouldGitAdd(path))
    notice(
      `git does not ignore ${path}, which holds every value: add ${basename(file)}.backup.* to .gitignore.`,
    );
}

/** The store at the end: all that it held, with the changes. Nothing may be lost by them. */
function expectedAfter({ plan, held }: Draft): ReadonlyMap<string, string> {
  return new Map([...held.values, ...plan.changes]);
}

function assertSelected({ label, values }: MigrationSource, select: readonly string[] = []): void {
  const missing = select.filter((name) => !values.has(name));
  if (missing.length > 0)
    throw new SecretError('ERR_SECRET_NOT_FOUND', `${label} does not hold ${listNames(missing)}`, {
      hint: 'Check what --select names.',
    });
}

/** Whether there is nothing to write and nothing to edit. */
function isDone({ plan, edited }: Draft): boolean {
  return plan.changes.size === 0 && edited === undefined;
}

function hasConflict(plan: MigrationPlan): boolean {
  return namesOf(plan, 'conflict').length > 0;
}

/** A file whose values are in a repository's history is not made safe by moving them. */
async function checkGit(source: MigrationSource, options: MigrateOptions): Promise<void> {
  const { force = false, dryRun = false } = options;
  if (source.kind === 'store' || force || !(await isTrackedByGit(await realpath(source.path))))
    return;
  const { path } = source;
  const why = `git tracks ${path}, so its values are in the history of the repository`;
  if (dryRun) notice(`${why}: without --force it is not migrated.`);
  else
    throw new SecretError('ERR_SECRET_CONFIG', why, {
      hint: `Run git rm --cached ${path}, put it into .gitignore and change the values; --force migrates it all the same.`,
    });
}

/** Whether both ends would take what is to be written, before any of it is. */
async function checkRights(
  { plan, edited }: Draft,
  source: MigrationSource,
  target: MigrationTarget,
  { dryRun = false }: MigrateOptions,
): Promise<void> {
  try {
    if (plan.changes.size > 0) await target.assertWritable();
  } catch (error) {
    if (!dryRun || !isSecretError(error)) throw error;
    notice(error.message);
  }
  if (edited === undefined || source.kind === 'store') return;
  await access(source.path, constants.W_OK).catch(() => {
    throw new SecretError('ERR_SECRET_DENIED', `${source.path} may not be written`, {
      hint: 'Give this user write access to it, or leave out --activate and --purge.',
    });
  });
}

function questionOf(
  { plan, edited }: Draft,
  { label }: MigrationSource,
  target: MigrationTarget,
): string {
  const { size } = plan.changes;
  if (size === 0) return `${target.label} holds all of it. Edit ${label}?`;
  return `Write ${countNames(size)} to ${target.label}${edited === undefined ? '' : `, and edit ${label}`}?`;
}

/**
 * Makes sure that a result is no refusal.
 * @throws `ERR_SECRET_CONFLICT` naming what the target holds with another value
 */
export function assertNoConflict(
  result: Pick<MigrateResult, 'names'>,
  target: MigrationTarget,
): void {
  const conflicts = namesOf(result, 'conflict');
  if (conflicts.length > 0)
    throw new SecretError(
      'ERR_SECRET_CONFLICT',
      `${target.label} holds other values for ${listNames(conflicts)}, and nothing was changed`,
      { hint: 'Choose with --on-conflict keep (the store stays) or --on-conflict overwrite.' },
    );
}

/** The file's new text, or `undefined` if it stays as it is. */
async function editedFile(
  source: MigrationSource,
  plan: MigrationPlan,
  { activate = false, purge = false }: MigrateOptions,
): Promise<string | undefined> {
  if (source.kind === 'store') return undefined;
  const edits = new Map<string, string | null>();
  if (activate && !isActivated(source)) edits.set('USE_VAULT', 'true');
  if (purge) for (const name of namesOf(plan, 'create', 'overwrite', 'same')) edits.set(name, null);
  return edits.size === 0 ? undefined : editDotenv(source.text, edits);
}

function isActivated({ values }: MigrationSource): boolean {
  return isTrue('USE_VAULT', values.get('USE_VAULT') ?? 'false');
}

function sourceOf(source: MigrationSource): string {
  return source.kind === 'file' ? source.path : source.identity;
}

function undoArgument(source: MigrationSource, { path }: Pick<MigrationRecord, 'path'>): string {
  return source.kind === 'file' ? path : journalPath(path);
}

function summaryOf(
  { draft, record }: Done,
  source: MigrationSource,
  target: MigrationTarget,
  { activate = false, purge = false, isSettingsVault = true, ends = [] }: MigrateOptions,
): string {
  return summary({
    written: draft.plan.changes.size,
    label: target.label,
    undo: [undoArgument(source, record), ...ends].join(' '),
    lost: unrecoverable(record, target),
    isElsewhere: !isSettingsVault,
    ...(source.kind === 'file' && {
      file: {
        path: source.path,
        backup: record.path,
        needsUseVault: isSettingsVault && !activate && !isActivated(source),
        purged: purge,
      },
    }),
  });
}

/** Names whose other value nobody keeps. */
function unrecoverable(
  { overwritten }: Pick<MigrationRecord, 'overwritten'>,
  { keepsVersions }: MigrationTarget,
): string[] {
  return overwritten
    .filter(({ version }) => !keepsVersions || version === undefined)
    .map(({ name }) => name);
}

/** Whether a failed write may have happened all the same: its answer was lost. */
function mayHaveWritten(error: unknown): boolean {
  return (
    !isSecretError(error) ||
    error.code === 'ERR_SECRET_UNAVAILABLE' ||
    error.code === 'ERR_SECRET_ABORTED' ||
    error.code === 'ERR_SECRET_INVALID'
  );
}
