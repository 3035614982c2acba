/**
 * What must hold before anything is written.
 */
import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { quoted } from '../terminal/shown-command.ts';
import { listNames, notice } from '../terminal/terminal.ts';
import type { Draft, DraftOptions } from './draft.ts';
import { changedMeanwhile } from './files.ts';
import { isTrackedByGit } from './git.ts';
import type { MigrationSource } from './source.ts';
import type { MigrationTarget } from './target.ts';

/** What is looked at. */
export interface PreflightOptions {
  /** Only tell what would be refused. */
  readonly dryRun?: boolean;
  /** Migrate a file that git tracks. */
  readonly force?: boolean;
}

/**
 * Makes sure that each name that was selected is somewhere: in the source, or in the store already, as it is after a
 * migration that took it out of the file.
 *
 * @param held - the names that the store holds
 * @returns those that the store alone holds: nothing is left to migrate of them
 * @throws `ERR_SECRET_NOT_FOUND` naming those that neither holds
 */
export function assertSelected(
  { label, values }: MigrationSource,
  target: string,
  held: ReadonlyMap<string, unknown>,
  select: readonly string[] = [],
): readonly string[] {
  const gone = [...new Set(select)].filter((name) => !values.has(name));
  const missing = gone.filter((name) => !held.has(name));
  if (missing.length > 0)
    throw new SecretError(
      'ERR_SECRET_NOT_FOUND',
      `${label} does not hold ${listNames(missing)}, and neither does ${target}`,
      { hint: 'Check what --select names.' },
    );
  return gone;
}

/** The longest name that most file systems allow. Bytes. */
const longestName = 255;

/** The longest of the names that are made beside a file from its own. */
const longestEnd = '.backup.20260102T030405678Z-10.journal.keyfall-lock.break';

/**
 * Makes sure that the file's backup, and what else is needed beside it, can have their names.
 * @throws `ERR_SECRET_CONFIG` if the file's own is too long for that
 */
export function assertNameFits(source: MigrationSource): void {
  if (source.kind === 'store') return;
  const most = longestName - longestEnd.length;
  if (Buffer.byteLength(basename(source.path)) > most)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${source.label} has too long a name: that of its backup would be longer than the system allows`,
      { hint: `Give it a name of at most ${most} bytes.` },
    );
}

/**
 * Makes sure that git does not track the file: one whose values are in a repository's history is not
 * made safe by moving them.
 * @throws `ERR_SECRET_CONFIG` if it does
 */
export async function checkGit(
  source: MigrationSource,
  { force = false, dryRun = false }: PreflightOptions,
): Promise<void> {
  if (source.kind === 'store' || force) return;
  const real = await realpath(source.path).catch(() => {
    throw changedMeanwhile(source.path);
  });
  if (!(await isTrackedByGit(real))) return;
  const { path, label } = source;
  const why = `git tracks ${label}, so its values are in the history of the repository`;
  if (dryRun) notice(`${why}: without --force it is not migrated.`);
  else
    throw new SecretError('ERR_SECRET_CONFIG', why, {
      hint: `Run git rm --cached ${quoted(path)}, put it into .gitignore and change the values; --force migrates it all the same.`,
    });
}

/**
 * Says before what `--purge` cannot do: a file that has another name on the disk gets a new content under
 * this one alone.
 */
export async function tellOtherNames(
  { edit }: Draft,
  { label }: MigrationSource,
  { purge = false }: DraftOptions,
): Promise<void> {
  if (!purge || edit === undefined) return;
  const { nlink } = await stat(edit.path).catch(() => {
    throw changedMeanwhile(edit.path);
  });
  if (nlink > 1)
    notice(
      `${label} has ${nlink === 2 ? 'another name' : `${nlink - 1} other names`} on this disk (${nlink === 2 ? 'a hard link' : 'hard links'}): every value stays readable there, since --purge removes them under this name alone.`,
    );
}

/**
 * Makes sure that both ends would take what is to be written. A dry run tells of a refusal by the store,
 * and goes on.
 * @throws `ERR_SECRET_DENIED` or `ERR_SECRET_UNSUPPORTED` if one would not; what a store answers that
 *   cannot be asked
 */
export async function checkRights(
  { plan, edit }: Draft,
  { label }: MigrationSource,
  target: MigrationTarget,
  { dryRun = false }: PreflightOptions,
): Promise<void> {
  try {
    if (plan.changes.size > 0) await target.assertWritable();
  } catch (error) {
    if (!dryRun || !isSecretError(error, 'ERR_SECRET_DENIED')) throw error;
    notice(error.message);
  }
  if (edit === undefined) return;
  await access(edit.path, constants.W_OK).catch(() => {
    throw new SecretError('ERR_SECRET_DENIED', `${label} may not be written`, {
      hint: 'Give this user write access to it, or leave out --activate and --purge.',
    });
  });
}
