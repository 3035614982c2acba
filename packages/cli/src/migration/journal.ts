/**
 * What a migration did, beside its backup: names and versions, never a value. `migrate --restore`
 * reads it.
 */
import { readFile } from 'node:fs/promises';
import { SecretError } from '@keyfall/core';
import { errnoCode } from '../report-error.ts';
import { replaceFile } from './files.ts';

/** The content of `BACKUP.journal`. */
export interface MigrationJournal {
  /** Version of this format. */
  readonly format: 1;
  /** The file that was migrated, absolute. */
  readonly file: string;
  /** The store that it went to. */
  readonly store: string;
  /** `planned`: the write may or may not have happened. `verified`: it was read back. */
  readonly state: 'planned' | 'verified';
  /** Names that the store did not hold. */
  readonly created: readonly string[];
  /** Names that the store held with another value. */
  readonly overwritten: readonly string[];
  /** The store's version before the write, where it has them. */
  readonly versionBefore?: string;
}

/** The journal's path. */
export function journalPath(backup: string): string {
  return `${backup}.journal`;
}

/** Writes the journal of a backup, in one step. */
export async function writeJournal(backup: string, journal: MigrationJournal): Promise<void> {
  const text = `${JSON.stringify(journal, null, 2)}\n`;
  await replaceFile(journalPath(backup), Buffer.from(text), undefined);
}

/**
 * The journal of a backup.
 * @throws `ERR_SECRET_CONFIG` if there is none; `ERR_SECRET_INVALID` if it is none of ours
 */
export async function readJournal(backup: string): Promise<MigrationJournal> {
  const path = journalPath(backup);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SecretError('ERR_SECRET_CONFIG', `${path} cannot be read (${errnoCode(error)})`, {
      hint: 'Give the path of a backup that `keyfall migrate` made, with its journal beside it.',
    });
  }
  const journal = parse(text);
  if (isJournal(journal)) return journal;
  throw new SecretError('ERR_SECRET_INVALID', `${path} is not a journal of keyfall migrate`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isJournal(value: unknown): value is MigrationJournal {
  if (typeof value !== 'object' || value === null) return false;
  const { format, file, store, created, overwritten } = value as Record<
    keyof MigrationJournal,
    unknown
  >;
  const areNames = (names: unknown) =>
    Array.isArray(names) && names.every((name) => typeof name === 'string');
  return (
    format === 1 &&
    typeof file === 'string' &&
    typeof store === 'string' &&
    areNames(created) &&
    areNames(overwritten)
  );
}
