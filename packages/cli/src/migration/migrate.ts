/**
 * A migration from its plan to its summary. Until the one conditional write nothing has changed; the
 * file itself is touched only if asked for, and only after the store was read back and agrees.
 */
import { realpath, unlink } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { editDotenv } from '@keyfall/provider-dotenv';
import { bootstrapNames } from '../bootstrap-settings.ts';
import { confirm } from '../confirm.ts';
import { isTrue } from '../settings.ts';
import { countNames, listNames, notice, showStep, writeLine } from '../terminal.ts';
import { backUp, replaceFile } from './files.ts';
import { isTrackedByGit, wouldGitAdd } from './git.ts';
import { journalPath, type MigrationJournal, writeJournal } from './journal.ts';
import { type ConflictPolicy, type MigrationPlan, namesOf, planMigration } from './plan.ts';
import { planTable, summary } from './report.ts';
import { type MigrationSource, surprises } from './source.ts';
import { type MigrationTarget, verify } from './target.ts';

/** How to migrate. */
export interface MigrateOptions {
  /** Do not ask. */
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly onConflict: ConflictPolicy;
  /** Only these names. */
  readonly select?: readonly string[];
  /** Set `USE_VAULT=true` in the file. */
  readonly activate?: boolean;
  /** Remove the migrated values from the file. */
  readonly purge?: boolean;
  /** Migrate a file that git tracks. */
  readonly force?: boolean;
}

/** What happened, as `--json` prints it. */
export interface MigrateResult {
  readonly file: string;
  readonly store: string;
  readonly dryRun: boolean;
  readonly names: MigrationPlan['names'];
  /** How many names were written. */
  readonly written: number;
  /** Whether the file was changed. */
  readonly fileChanged: boolean;
  readonly backup?: string;
}

/**
 * Migrates `source` to `target`, and tells the user on stderr what it does. Where the target holds
 * another value for a name and `onConflict` is `fail`, nothing is changed, and the result's `names`
 * say which: the caller must call {@link assertNoConflict}.
 *
 * @throws `ERR_SECRET_CONFIG` for a file that git tracks; `ERR_SECRET_NOT_FOUND` naming what `select` names and the source does not hold;
 *   `ERR_SECRET_ABORTED` if the user says no; what the store refuses
 */
export async function migrate(
  source: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
): Promise<MigrateResult> {
  const { dryRun = false } = options;
  assertSelected(source, options.select);
  let draft = await drawUp(source, target, options);
  // before anything is written, so that an edit dotenv has no way of writing stops it here
  let edited = await editedFile(source, draft.plan, options);
  for (const surprise of surprises(source)) notice(surprise);
  const isDone = draft.plan.changes.size === 0 && edited === undefined;
  if (dryRun || !isDone || namesOf(draft.plan, 'conflict', 'keep').length > 0)
    writeLine(planTable(draft.plan, source.path, target.label));
  const result = (facts: Partial<MigrateResult>): MigrateResult => ({
    file: source.path,
    store: target.store,
    dryRun,
    names: draft.plan.names,
    written: 0,
    fileChanged: false,
    ...facts,
  });
  if (hasConflict(draft.plan)) return result({});
  if (dryRun) {
    await checkGit(source, options);
    notice('this was a dry run: nothing changed.');
    return result({});
  }
  if (isDone) {
    const held = countNames(namesOf(draft.plan, 'same').length);
    notice(`${target.label} holds all there is to migrate (${held}): nothing changed.`);
    return result({});
  }
  await checkGit(source, options);
  if (!options.yes)
    await confirm(`Write ${countNames(draft.plan.changes.size)} to ${target.label}?`);

  await showStep(`Backing up ${source.path}`);
  const backup = await backUp(source.path, source.bytes, new Date());
  if (await wouldGitAdd(backup))
    notice(
      `git does not ignore ${backup}, which holds every value: add ${basename(source.path)}.backup.* to .gitignore.`,
    );
  const discard = async () => {
    for (const path of [backup, journalPath(backup)]) await unlink(path).catch(() => {});
  };
  const journal = (state: MigrationJournal['state']) =>
    writeJournal(backup, {
      format: 1,
      file: resolve(source.path),
      store: target.store,
      state,
      created: namesOf(draft.plan, 'create'),
      overwritten: namesOf(draft.plan, 'overwrite'),
      ...(draft.version !== undefined && { versionBefore: draft.version }),
    });
  try {
    await journal('planned');
    for (let attempt = 1; draft.plan.changes.size > 0; attempt++)
      try {
        await showStep(`Writing ${countNames(draft.plan.changes.size)} to ${target.label}`);
        await target.write(draft.plan.changes, draft.revision);
        break;
      } catch (error) {
        if (attempt > 1 || !isSecretError(error, 'ERR_SECRET_CONFLICT')) throw error;
        // somebody else wrote since the plan was made: once more, on what is there now
        draft = await drawUp(source, target, options);
        if (hasConflict(draft.plan)) {
          await discard();
          return result({});
        }
        edited = await editedFile(source, draft.plan, options);
        await journal('planned');
      }
  } catch (error) {
    if (mayHaveWritten(error)) notice(`the backup is ${backup}.`);
    else await discard();
    throw error;
  }
  await showStep('Reading it back and comparing');
  await verify(target, migratedValues(source, draft.plan));
  await journal('verified');
  if (edited !== undefined) {
    await showStep(`Editing ${source.path}`);
    await replaceFile(source.path, Buffer.from(edited), source.bytes);
  }
  const written = draft.plan.changes.size;
  const useVault = activated(source) || options.activate === true;
  writeLine(
    summary({
      written,
      label: target.label,
      backup,
      file: source.path,
      useVault,
      purged: options.purge === true,
    }),
  );
  return result({ written, fileChanged: edited !== undefined, backup });
}

/** A plan on what the store holds now. */
async function drawUp(
  source: MigrationSource,
  target: MigrationTarget,
  { onConflict, select }: MigrateOptions,
): Promise<{
  readonly plan: MigrationPlan;
  readonly revision?: string;
  readonly version?: string;
}> {
  const { values, ...state } = await target.read();
  const plan = planMigration({
    source: source.values,
    target: values,
    onConflict,
    bootstrap: bootstrapNames,
    select: select && new Set(select),
  });
  return { plan, ...state };
}

function assertSelected({ path, values }: MigrationSource, select: readonly string[] = []): void {
  const missing = select.filter((name) => !values.has(name));
  if (missing.length > 0)
    throw new SecretError('ERR_SECRET_NOT_FOUND', `${path} does not hold ${listNames(missing)}`, {
      hint: 'Check what --select names.',
    });
}

function hasConflict(plan: MigrationPlan): boolean {
  return namesOf(plan, 'conflict').length > 0;
}

/** A file whose values are in a repository's history is not made safe by moving them. */
async function checkGit({ path }: MigrationSource, options: MigrateOptions): Promise<void> {
  const { force = false, dryRun = false } = options;
  if (force || !(await isTrackedByGit(await realpath(path)))) return;
  const why = `git tracks ${path}, so its values are in the history of the repository`;
  if (dryRun) notice(`${why}: without --force it is not migrated.`);
  else
    throw new SecretError('ERR_SECRET_CONFIG', why, {
      hint: `Run git rm --cached ${path}, put it into .gitignore and change the values; --force migrates it all the same.`,
    });
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

/** The values that the store must hold at the end. */
function migratedValues(source: MigrationSource, plan: MigrationPlan): ReadonlyMap<string, string> {
  const names = namesOf(plan, 'create', 'overwrite', 'same');
  return new Map(names.map((name) => [name, source.values.get(name) ?? '']));
}

/** The file's new text, or `undefined` if it stays as it is. */
async function editedFile(
  source: MigrationSource,
  plan: MigrationPlan,
  { activate = false, purge = false }: MigrateOptions,
): Promise<string | undefined> {
  const edits = new Map<string, string | null>();
  if (activate && !activated(source)) edits.set('USE_VAULT', 'true');
  if (purge) for (const name of migratedValues(source, plan).keys()) edits.set(name, null);
  return edits.size === 0 ? undefined : editDotenv(source.text, edits);
}

function activated({ values }: MigrationSource): boolean {
  return isTrue('USE_VAULT', values.get('USE_VAULT') ?? 'false');
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
