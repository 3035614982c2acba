/**
 * The backups of a file that migrations have left beside it, each with every value in plain text, and what they are
 * still needed for.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import { journalPath, type MigrationJournal, readJournal } from './journal.ts';

/** A backup. */
export interface Backup {
  readonly path: string;
  /** When it was made, as its name says: `20261124T090000000Z`. */
  readonly made: string;
  /**
   * `needed`: an interrupted migration is resumed with it, or its journal cannot be read. `undoes`: a completed
   * migration can be undone with it. `nothing`: its migration was undone, or `--restore` made it of later edits.
   */
  readonly use: 'needed' | 'undoes' | 'nothing';
}

/** The end of a backup's name: a time, and a number if there are several of that time. */
const timestamp = /^\d{8}T\d{9}Z(?:-\d+)?$/;

/** The backups that Keyfall has made of the file at `path`, oldest first. A file with another name is the user's own. */
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
    // a journal that does not exist is a wrong path to `readJournal`
    return isSecretError(error, 'ERR_SECRET_CONFIG') ? 'none' : undefined;
  }
}

function useOf(state: Awaited<ReturnType<typeof stateOf>>): Backup['use'] {
  if (state === 'done') return 'undoes';
  return state === 'restored' || state === 'none' ? 'nothing' : 'needed';
}
