/**
 * The checks before anything is written.
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

/** Options of the checks. */
export interface PreflightOptions {
  /** Only say what would be refused. */
  readonly dryRun?: boolean;
  /** Migrate a file that git tracks. */
  readonly force?: boolean;
}

/**
 * Makes sure that each selected name exists: in the source, or only in the store, where an earlier migration has left it
 * after its removal from the file.
 *
 * @param held - the names that the store holds
 * @returns those that only the store holds, so that nothing is left to migrate
 * @throws `ERR_SECRET_NOT_FOUND` with those that neither holds
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
      { hint: 'Check the names in --select.' },
    );
  return gone;
}

/** The longest name that most file systems allow. Bytes. */
const longestName = 255;

/** The longest ending of a file that is made beside the migrated one. */
const longestEnd = '.backup.20260102T030405678Z-10.journal.keyfall-lock.break';

/** @throws `ERR_SECRET_CONFIG` if the file's name is too long for its backup, or another file beside it, to get one */
export function assertNameFits(source: MigrationSource): void {
  if (source.kind === 'store') return;
  const most = longestName - longestEnd.length;
  if (Buffer.byteLength(basename(source.path)) > most)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `the name of ${source.label} is too long: that of its backup would be longer than the system allows`,
      { hint: `Rename it to at most ${most} bytes.` },
    );
}

/** @throws `ERR_SECRET_CONFIG` if git tracks the file: moving values does not take them out of the history */
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
  if (dryRun) notice(`${why}: it is not migrated without --force.`);
  else
    throw new SecretError('ERR_SECRET_CONFIG', why, {
      hint: `Run git rm --cached ${quoted(path)}, add the file to .gitignore and change the values, or pass --force to migrate it as it is.`,
    });
}

/** Warns of what `--purge` cannot do: the file's other hard links keep the old content. */
export async function warnOfHardLinks(
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
      `${label} has ${nlink === 2 ? 'another hard link' : `${nlink - 1} other hard links`} on this disk: every value stays readable there, since --purge edits only the file of this name.`,
    );
}

/**
 * Makes sure that both ends would accept what is to be written. A dry run only reports that the store would not.
 * @throws `ERR_SECRET_DENIED` or `ERR_SECRET_UNSUPPORTED` if one would not; what the store answers
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
    throw new SecretError('ERR_SECRET_DENIED', `this user may not write ${label}`, {
      hint: 'Give the user write access to it, or leave out --activate and --purge.',
    });
  });
}
