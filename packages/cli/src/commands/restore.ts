/**
 * `keyfall migrate --restore BACKUP`: the file gets its old bytes back, and the store loses the names
 * that the migration created, as a new version of its own.
 */
import { resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { confirm } from '../confirm.ts';
import { exitCodes } from '../exit-code.ts';
import { replaceFile } from '../migration/files.ts';
import { readJournal } from '../migration/journal.ts';
import { readSource } from '../migration/source.ts';
import { openTarget, verify } from '../migration/target.ts';
import { configuredVault, type SettingsOptions } from '../settings.ts';
import { countNames, listNames, notice, printJson } from '../terminal.ts';

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
  const { bytes, values } = await readSource(backup);
  const target = openTarget(await configuredVault({ ...options, dotenv: backup }));
  try {
    if (target.store !== journal.store)
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `the settings name ${target.store}, and the migration went to ${journal.store}`,
        { hint: 'Unset the VAULT_* variables of the environment that differ.' },
      );
    const { values: held, revision } = await target.read();
    const written = (name: string) => held.get(name) === values.get(name);
    const removed = journal.created.filter((name) => held.has(name) && written(name));
    const changed = journal.created.filter((name) => held.has(name) && !written(name));
    const overwritten = journal.overwritten.filter(written);
    if (!options.yes)
      await confirm(
        `Restore ${journal.file} and remove ${countNames(removed.length)} from ${target.label}?`,
      );

    const changes = new Map(removed.map((name) => [name, null] as const));
    if (changes.size > 0) {
      await target.write(changes, revision);
      await verify(target, changes);
    }
    await replaceFile(journal.file, bytes, undefined);
    notice(
      `restored ${journal.file} and removed ${countNames(removed.length)} from ${target.label}.`,
    );
    if (changed.length > 0)
      notice(`${listNames(changed)} changed in the store since then, and was left alone.`);
    if (overwritten.length > 0)
      notice(
        `${listNames(overwritten)} held another value before: version ${journal.revisionBefore ?? 'before the migration'} of ${target.label} has it.`,
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
