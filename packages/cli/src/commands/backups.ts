/**
 * `keyfall migrate --list-backups` and `--clean`: the copies in plain text that migrations have left beside a file.
 */

import { type Backup, backupsOf } from '../migration/backups.ts';
import { holding } from '../migration/files.ts';
import { discard } from '../migration/interrupted.ts';
import { formatTable } from '../terminal/layout.ts';
import { confirm } from '../terminal/questions.ts';
import { notice, printable, printData, printJson, report } from '../terminal/terminal.ts';

/** Options of both. */
export interface BackupsOptions {
  /** The file that they are copies of. Default: that of `--dotenv`. */
  readonly file?: string | undefined;
  readonly dotenv?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const uses: Readonly<Record<Backup['use'], string>> = {
  needed: 'stays: a migration that was interrupted needs it',
  undoes: 'undoes its migration (keyfall migrate --restore)',
  nothing: 'nothing needs it',
};

/** Prints them, and returns 0. */
export async function listBackups(options: BackupsOptions): Promise<number> {
  const path = pathOf(options);
  const backups = await backupsOf(path);
  if (options.json) await printJson(backups);
  else await printData(formatTable(backups.map(rowOf)));
  if (backups.length === 0) report(`there are no copies of ${path}.`);
  return 0;
}

/**
 * Removes those that no interrupted migration needs, after a question that names them.
 *
 * @throws `ERR_SECRET_ABORTED` if the user says no; `ERR_SECRET_CONFIG` where there is no terminal to ask on
 */
export async function cleanBackups(options: BackupsOptions): Promise<number> {
  const path = pathOf(options);
  const removable = (await backupsOf(path)).filter(({ use }) => use !== 'needed');
  if (removable.length === 0) {
    report(`there is no copy of ${path} to remove.`);
    if (options.json) await printJson({ removed: [] });
    return 0;
  }
  if (!options.yes) {
    notice(`to be removed: ${removable.map((backup) => printable(backup.path)).join(', ')}.`);
    await confirm(questionOf(removable));
  }
  let removed: readonly Backup[] = [];
  // a migration that runs at this moment has a copy that nothing says anything of yet
  await holding(
    path,
    async () => {
      const asked = new Set(removable.map((backup) => backup.path));
      removed = (await backupsOf(path)).filter(
        (backup) => asked.has(backup.path) && backup.use !== 'needed',
      );
      for (const backup of removed) await discard(backup.path);
      return undefined;
    },
    async () => {},
    undefined,
  );
  report(`removed ${countCopies(removed.length)} of ${path}.`);
  if (options.json) await printJson({ removed: removed.map((backup) => backup.path) });
  return 0;
}

function pathOf({ file, dotenv = '.env' }: BackupsOptions): string {
  return file ?? dotenv;
}

function rowOf({ path, use }: Backup): readonly string[] {
  return [printable(path), uses[use]];
}

function questionOf(removable: readonly Backup[]): string {
  const undoing = removable.filter(({ use }) => use === 'undoes').length;
  const lost =
    undoing === 0
      ? ''
      : undoing === 1
        ? ' One migration can then not be undone any more.'
        : ` ${undoing} migrations can then not be undone any more.`;
  return `Remove ${countCopies(removable.length)} in plain text?${lost}`;
}

function countCopies(count: number): string {
  return count === 1 ? '1 copy' : `${count} copies`;
}
