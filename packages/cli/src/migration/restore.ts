/**
 * `keyfall migrate --restore BACKUP`: the file gets its former bytes back, and the store its former values, as a new
 * version.
 */
import { basename, dirname, resolve } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import type { StorePlace } from '@keyfall/core/provider';
import type { SettingsOptions } from '../chain/settings.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { exitCodes } from '../terminal/exit-code.ts';
import { confirm } from '../terminal/questions.ts';
import { quoted } from '../terminal/shown-command.ts';
import {
  countNames,
  listNames,
  notice,
  printable,
  printJson,
  report,
} from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { isDotenv, isSameFile, resolveDestination, resolveStoreSource } from './endpoints.ts';
import { assertEditable, backUp, freePath, holding } from './files.ts';
import { journalPath, type MigrationJournal, readJournal, writeJournal } from './journal.ts';
import { type FileSource, readSource } from './source.ts';
import { isSameStore } from './store-identity.ts';
import { type MigrationTarget, mayHaveWritten, openTarget, verify } from './target.ts';

/** Options of a restore. */
export interface RestoreOptions extends SettingsOptions {
  readonly from?: string;
  readonly to?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/**
 * Undoes a migration, also an interrupted one. A name that was changed in the store since then is left alone, and so is
 * one whose former value the store does not keep: then the exit code is 1. It is 130 or 143 if a signal stops the work.
 *
 * @param path - a file's backup, or the journal of a migration between stores
 * @throws `ERR_SECRET_CONFIG` without a journal, or if the settings name another store now; `ERR_SECRET_CONFLICT` if
 *   the migration had written nothing
 */
export async function restoreCommand(path: string, options: RestoreOptions): Promise<number> {
  const isOfStores = path.endsWith('.journal');
  const journalFile = isOfStores ? path : journalPath(path);
  const journal = await readJournal(journalFile);
  if (isOfStores) assertIsOfStores(path, journal);
  else if (options.from !== undefined && !isDotenv(options.from))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${printable(path)} is the backup of a file, and --from names a store`,
      { hint: 'Leave --from out.' },
    );
  if (journal.state === 'started')
    throw new SecretError(
      'ERR_SECRET_CONFLICT',
      `the migration of ${printable(path)} ended before anything was written, and this may be half of a backup`,
      { hint: 'There is nothing to undo: the next keyfall migrate removes it.' },
    );
  const source = isOfStores ? journal.shown.source : fileOf(journal, path);
  const backup = isOfStores
    ? undefined
    : await readSource(path, { reader: journal.reader ?? 'npm' });
  const { values } = backup ?? (await resolveStoreSource(options, journal));
  const { dotenv, ...others } = options;
  // the file that is restored may no longer exist, or have lost its settings: the backup has them
  const isItself = dotenv !== undefined && backup && (await isSameFile(dotenv, source));
  const provider = await resolveDestination(
    { ...(isItself ? others : options), ...(backup && { file: path }) },
    journal.source,
  );
  return untilStopped(async (signal) => {
    const target = openTarget(provider, { signal });
    try {
      return await restore({ path, journal, journalFile, source, backup, values }, target, {
        ...options,
        signal,
      });
    } finally {
      await target.close();
    }
  });
}

/** The migration to undo. */
interface Undone {
  /** The command's argument. */
  readonly path: string;
  readonly journal: MigrationJournal;
  readonly journalFile: string;
  /** The file, or the store, that the values came from. */
  readonly source: string;
  readonly backup: FileSource | undefined;
  readonly values: ReadonlyMap<string, string>;
}

async function restore(
  { path, journal, journalFile, source, backup, values }: Undone,
  target: MigrationTarget,
  { yes, json, signal }: RestoreOptions & { readonly signal: AbortSignal },
): Promise<number> {
  if (!(await isSameStore(target.place, journal.target)))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `the settings name ${printable(target.store)}, but the migration went to ${printable(journal.shown.target)}`,
      {
        hint: 'Give the same --to and configuration, and unset the VAULT_* variables that differ.',
      },
    );
  const file = backup && printable(source);
  const undoing = await waitingFor(`reading ${target.label}`, () =>
    planUndoing(journal, values, target),
  );
  if (!yes) await confirm(questionOf(undoing, file, target), signal);
  let hasBegun = false;
  // what an error says of a write is about the file, where it is not about the store's
  let mayStoreBeChanged = false;
  try {
    await holding(
      backup === undefined ? 'keyfall-migration' : source,
      async (now) => {
        if (backup !== undefined && !now?.equals(backup.bytes))
          await assertEditable(source, backup.bytes, '');
        hasBegun = true;
        await waitingFor('undoing', () =>
          undo(target, undoing, () => {
            mayStoreBeChanged = true;
          }),
        );
        if (backup === undefined) return undefined;
        // edits since the migration are kept in another backup
        if (now !== undefined && !now.equals(backup.bytes)) {
          const later = await freePath(`${source}.backup`, new Date(), journalPath);
          await backUp(later, now);
          notice(`the former content of ${file} is in ${printable(later)}.`);
        }
        return backup.bytes;
      },
      () => writeJournal(journalFile, { ...journal, state: 'restored' }),
      signal,
    );
  } catch (error) {
    if (hasBegun && (mayStoreBeChanged || mayHaveWritten(error)))
      notice('it is not certain how far this came: run the same command again to complete it.');
    throw error;
  }
  reportUndone(undoing, file, target);
  const { removed, broughtBack, changed, lost } = undoing;
  if (json)
    await printJson({
      source,
      store: journal.shown.target,
      ...(backup && { backup: resolve(path) }),
      removed,
      broughtBack: [...broughtBack.keys()],
      changed,
      lost,
    });
  return changed.length + lost.length === 0 ? 0 : exitCodes.ERR_SECRET_CONFLICT;
}

/** A file is restored from its backup: the journal has no values. */
function assertIsOfStores(path: string, { source }: MigrationJournal): void {
  if (fileBeside(path, source) === undefined) return;
  const backup = path.slice(0, -'.journal'.length);
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `${printable(path)} is the journal of a migration, and not its backup`,
    { hint: `Give the backup: keyfall migrate --restore ${quoted(backup)}` },
  );
}

/** What happens to each name. */
interface Undoing {
  /** Created by the migration. */
  readonly removed: readonly string[];
  /** The former values of names that it replaced. */
  readonly broughtBack: ReadonlyMap<string, string>;
  /** Changed since the migration. */
  readonly changed: readonly string[];
  /** Their former value cannot be read any more. */
  readonly lost: readonly string[];
  readonly revision: string | undefined;
}

async function planUndoing(
  { created, overwritten }: MigrationJournal,
  values: ReadonlyMap<string, string>,
  target: MigrationTarget,
): Promise<Undoing> {
  const { values: held, revision } = await target.read();
  const isOurs = (name: string) => held.has(name) && held.get(name) === values.get(name);
  const removed = created.filter(isOurs);
  const changed = created.filter((name) => held.has(name) && !isOurs(name));
  const broughtBack = new Map<string, string>();
  const lost: string[] = [];
  for (const { name, version } of overwritten) {
    const before = version === undefined ? undefined : await formerValue(target, name, version);
    if (before !== undefined && held.get(name) === before) continue; // an earlier restore has done it
    if (!isOurs(name)) changed.push(name);
    else if (before === undefined) lost.push(name);
    else broughtBack.set(name, before);
  }
  return { removed, broughtBack, changed, lost, revision };
}

/** What a version held; `undefined` if the store does not keep it. */
async function formerValue(
  target: MigrationTarget,
  name: string,
  version: string,
): Promise<string | undefined> {
  try {
    return await target.readVersion(name, version);
  } catch (error) {
    const isGone =
      isSecretError(error, 'ERR_SECRET_UNSUPPORTED') || isSecretError(error, 'ERR_SECRET_INVALID');
    if (isGone) return undefined;
    throw error;
  }
}

/** @param mayBeChanged - is called unless it is certain that the store is as it was */
async function undo(
  target: MigrationTarget,
  { removed, broughtBack, revision }: Undoing,
  mayBeChanged: () => void,
): Promise<void> {
  const changes = new Map<string, string | null>([
    ...removed.map((name) => [name, null] as const),
    ...broughtBack,
  ]);
  if (changes.size === 0) return;
  try {
    await target.write(changes, revision);
  } catch (error) {
    if (mayHaveWritten(error)) mayBeChanged();
    throw error;
  }
  mayBeChanged();
  await verify(target, changes);
}

function questionOf(
  { removed, broughtBack }: Undoing,
  file: string | undefined,
  { label }: MigrationTarget,
): string {
  const what = [
    ...(file === undefined ? [] : [`restore ${file}`]),
    `remove ${countNames(removed.length)} from ${label}`,
    ...(broughtBack.size === 0 ? [] : [`bring back ${countNames(broughtBack.size)} there`]),
  ].join(', ');
  return `${what[0]?.toUpperCase()}${what.slice(1)}?`;
}

function reportUndone(
  { removed, broughtBack, changed, lost }: Undoing,
  file: string | undefined,
  { label }: MigrationTarget,
): void {
  const done = [
    ...(file === undefined ? [] : [`restored ${file}`]),
    `removed ${countNames(removed.length)} from ${label}`,
    ...(broughtBack.size === 0
      ? []
      : [`brought back what it held under ${listNames([...broughtBack.keys()])}`]),
  ];
  const last = done.pop();
  report(`${done.length === 0 ? last : `${done.join(', ')} and ${last}`}.`);
  if (changed.length > 0)
    notice(
      `${listNames(changed)} ${changed.length === 1 ? 'was' : 'were'} changed in the store since the migration, and left alone.`,
    );
  if (lost.length > 0)
    notice(
      `the store keeps no version of what ${listNames(lost)} held before: ${lost.length === 1 ? 'it was' : 'they were'} left alone.`,
    );
}

/** The file that a backup is of. A journal may be a stranger's: it must not choose what is overwritten. */
function fileOf({ source }: MigrationJournal, backup: string): string {
  const file = fileBeside(backup, source);
  if (file !== undefined) return file;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `the journal of ${printable(backup)} is about another file`,
    { hint: 'Restore a backup in the folder of its file, and under its own name.' },
  );
}

/** The source's file, if `record` is named as a backup of it, or the journal of one, and lies beside it. */
function fileBeside(record: string, { files: [file] = [] }: StorePlace): string | undefined {
  if (file === undefined || dirname(file) !== dirname(resolve(record))) return undefined;
  return basename(record).startsWith(`${basename(file)}.backup.`) ? file : undefined;
}
