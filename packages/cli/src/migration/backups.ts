/**
 * The copies of a file that migrations have left beside it, each with every value in plain text, and what still
 * needs them.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import { journalPath, type MigrationJournal, readJournal } from './journal.ts';

/** A copy. */
export interface Backup {
  readonly path: string;
  /** When it was made, as its name says: `20261124T090000000Z`. */
  readonly made: string;
  /**
   * `needed`: a migration that was interrupted goes on by it, or by its journal, which cannot be read. `undoes`: a
   * migration that is done can be undone by it. `nothing` needs it: its migration was undone, or it is a copy
   * that `--restore` made of later edits.
   */
  readonly use: 'needed' | 'undoes' | 'nothing';
}

/** What stands in the name of a copy behind that of the file: a time, and a number where there are several. */
const timestamp = /^\d{8}T\d{9}Z(?:-\d+)?$/;

/** The copies of the file at `path` that Keyfall has made, oldest first. What is called otherwise is somebody's own. */
export async function backupsOf(path: string): Promise<readonly Backup[]> {
  const start = `${basename(path)}.backup.`;
  const names = await readdir(dirname(path)).catch(() => []);
  const found = names
    .filter((name) => name.startsWith(start) && timestamp.test(name.slice(start.length)))
    .sort();
  return Promise.all(
    found.map(async (name) => {
      const backup = join(dirname(path), name);
      const use = useOf(await stateOf(journalPath(backup)));
      return { path: backup, made: name.slice(start.length), use };
    }),
  );
}

async function stateOf(journal: string): Promise<MigrationJournal['state'] | 'none' | undefined> {
  try {
    return (await readJournal(journal)).state;
  } catch (error) {
    // that there is none is told as a setting that is wrong
    return isSecretError(error, 'ERR_SECRET_CONFIG') ? 'none' : undefined;
  }
}

function useOf(state: Awaited<ReturnType<typeof stateOf>>): Backup['use'] {
  if (state === 'done') return 'undoes';
  return state === 'restored' || state === 'none' ? 'nothing' : 'needed';
}
