/**
 * `keyfall migrate --restore BACKUP`: the file gets its old bytes back, and the store loses the names
 * that the migration created, as a new version of its own.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { confirm } from '../confirm.ts';
import { exitCodes } from '../exit-code.ts';
import { backUp, replaceFile } from '../migration/files.ts';
import { readJournal } from '../migration/journal.ts';
import { readSource } from '../migration/source.ts';
import { openTarget, verify } from '../migration/target.ts';
import { configuredVault, type SettingsOptions } from '../settings.ts';
import { countNames, listNames, notice, printable, printJson } from '../terminal.ts';

/** Options of a restore. */
export interface RestoreOptions extends SettingsOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/**
 * Undoes a migration. A name that somebody changed in the store since then is left alone, and so is
 * one that held another value before: the store's own history has it. 1 if there is any.
 *
 * @throws `ERR_SECRET_CONFIG` without a journal, or if the settings name another store by now
 */
export async function restoreCommand(backup: string, options: RestoreOptions): Promise<number> {
  const journal = await readJournal(backup);
  assertBelongsTo(journal.file, backup);
  const file = printable(journal.file);
  const { bytes, values } = await readSource(backup);
  const target = openTarget(await configuredVault({ ...options, dotenv: backup }));
  try {
    if (target.store !== journal.store)
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `the settings name ${target.store}, and the migration went to ${printable(journal.store)}`,
        { hint: 'Unset the VAULT_* variables of the environment that differ.' },
      );
    const { values: held, revision } = await target.read();
    const written = (name: string) => held.get(name) === values.get(name);
    const removed = journal.created.filter((name) => held.has(name) && written(name));
    const changed = journal.created.filter((name) => held.has(name) && !written(name));
    const overwritten = journal.overwritten.filter(written);
    if (!options.yes)
      await confirm(
        `Restore ${file} and remove ${countNames(removed.length)} from ${target.label}?`,
      );

    const changes = new Map(removed.map((name) => [name, null] as const));
    if (changes.size > 0) {
      await target.write(changes, revision);
      await verify(target, changes);
    }
    const later = await keepLaterEdits(journal.file, bytes);
    if (later !== undefined) notice(`what ${file} held until now is in ${later}.`);
    await replaceFile(journal.file, bytes, undefined);
    notice(`restored ${file} and removed ${countNames(removed.length)} from ${target.label}.`);
    if (changed.length > 0)
      notice(`${listNames(changed)} changed in the store since then, and was left alone.`);
    if (overwritten.length > 0)
      notice(
        `${listNames(overwritten)} held another value before: version ${journal.versionBefore ?? 'before the migration'} of ${target.label} has it.`,
      );
    if (options.json)
      await printJson({
        file: journal.file,
        backup: resolve(backup),
        removed,
        changed,
        overwritten,
      });
    return changed.length + overwritten.length === 0 ? 0 : exitCodes.ERR_SECRET_CONFLICT;
  } finally {
    await target.close();
  }
}

/** A journal is a file like any other, perhaps a stranger's: it must not choose what is overwritten. */
function assertBelongsTo(file: string, backup: string): void {
  const path = resolve(backup);
  if (dirname(file) === dirname(path) && basename(path).startsWith(`${basename(file)}.backup.`))
    return;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `the journal of ${printable(backup)} is about another file than this backup's`,
    { hint: 'Restore a backup beside the file that it was made of, under its own name.' },
  );
}

/** Backs up what the file holds now, unless that is what is restored: edits since then are not lost. */
async function keepLaterEdits(file: string, restored: Buffer): Promise<string | undefined> {
  const now = await readFile(file).catch(() => undefined);
  if (now === undefined || now.equals(restored)) return undefined;
  return backUp(file, now, new Date());
}
