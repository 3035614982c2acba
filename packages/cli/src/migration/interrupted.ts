/**
 * Migrations that were interrupted. A journal says how far one can have come, and the store what really happened. The
 * next run resumes it, or removes its record if nothing was written.
 */
import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoOf } from '@keyfall/core/provider/files';
import { lockFile } from '@keyfall/core/provider/files/write';
import { unlimited } from '../chain/one-provider.ts';
import { readNamedFile } from '../files/read-input.ts';
import { realPathOf } from '../files/real-path.ts';
import { quoted } from '../terminal/shown-command.ts';
import { notice, printable } from '../terminal/terminal.ts';
import {
  journalPath,
  type MigrationJournal,
  type OverwrittenName,
  readJournal,
  writeJournal,
} from './journal.ts';
import { type MigrationSource, readSource } from './source.ts';
import { isSameStore } from './store-identity.ts';
import type { MigrationTarget } from './target.ts';

/** What a migration leaves on the disk, and what it has written. */
export interface MigrationRecord {
  /** The path of the backup of a file. The journal, also that of a store, has this path with an ending. */
  readonly path: string;
  readonly created: readonly string[];
  readonly overwritten: readonly OverwrittenName[];
}

/** The file that is locked during a migration: the source itself, or a name for all stores in this folder. */
export function subjectOf(source: MigrationSource): string {
  return source.kind === 'file' ? source.path : 'keyfall-migration';
}

/** How the names of a source's records begin. */
export function recordBase(source: MigrationSource): string {
  return source.kind === 'file' ? `${source.path}.backup` : 'keyfall-migration';
}

/** The argument of `--restore` that undoes it. */
export function undoArgument(
  { kind }: MigrationSource,
  { path }: Pick<MigrationRecord, 'path'>,
): string {
  return kind === 'file' ? path : journalPath(path);
}

/** The command that undoes it. */
export function undoCommand(
  source: MigrationSource,
  record: Pick<MigrationRecord, 'path'>,
  ends: readonly string[],
): string {
  return ['keyfall migrate --restore', quoted(undoArgument(source, record)), ...ends].join(' ');
}

interface Interrupted {
  readonly path: string;
  readonly journal: MigrationJournal;
}

/** The migrations of this source that were neither completed nor undone, oldest first. */
export async function findInterrupted(source: MigrationSource): Promise<readonly Interrupted[]> {
  const base = recordBase(source);
  const names = await readdir(dirname(base)).catch(() => []);
  const found: Interrupted[] = [];
  for (const name of names.sort()) {
    if (!name.startsWith(`${basename(base)}.`) || !name.endsWith('.journal')) continue;
    const path = join(dirname(base), name.slice(0, -'.journal'.length));
    const journal = await readJournal(journalPath(path)).catch(() => undefined);
    if (journal === undefined || !['started', 'planned', 'verified'].includes(journal.state))
      continue;
    if (await isSameStore(journal.source, source.place)) found.push({ path, journal });
  }
  return found;
}

/** What this run must know of interrupted migrations. */
interface Settled {
  /** The one that this run resumes: of the same content of the file, or of the same store. */
  readonly resumed: MigrationRecord | undefined;
  /** The records of those of which nothing is in the store yet: their write may arrive until this run has written. */
  readonly open: readonly string[];
}

/**
 * Settles every interrupted migration of the source. The caller must hold it.
 *
 * @param ends - the options that name both ends, for the command that undoes it
 */
export async function settleInterrupted(
  source: MigrationSource,
  target: MigrationTarget,
  ends: readonly string[],
): Promise<Settled> {
  await sweep(source);
  let resumed: MigrationRecord | undefined;
  const open: string[] = [];
  for (const { path, journal } of await findInterrupted(source)) {
    const undo = undoCommand(source, { path }, ends);
    if (journal.state !== 'started' && !(await isSameStore(journal.target, target.place))) {
      notice(
        `a migration to ${printable(journal.shown.target)} was interrupted, and is left as it is: run it again, or undo it with ${undoCommand(source, { path }, [])} and the options that it had.`,
      );
      continue;
    }
    const written = await writtenBy(path, journal, source, target);
    if (written === 'nothing') {
      await discardUnwritten(path, target);
    } else if (written === 'nothing yet') {
      open.push(path);
    } else if (written === 'no backup') {
      await discard(path);
      notice(
        'a migration was interrupted, and its backup is gone: its record was removed, and what it wrote, if anything, stays.',
      );
    } else if (written.isOfThisContent) {
      if (resumed !== undefined) await finish(resumed.path, journal, resumed);
      resumed = { path, ...written };
      const isWritten = written.created.length + written.overwritten.length > 0;
      notice(
        isWritten
          ? 'resuming a migration that was interrupted.'
          : `resuming a migration that was interrupted: nothing of it is in ${target.label} yet.`,
      );
    } else {
      await finish(path, journal, written);
      notice(`a migration was interrupted after it had written: ${undo} undoes it.`);
    }
  }
  return { resumed, open };
}

/**
 * What the store holds by now of an earlier write, of this run or of the one that it resumes: that write may have
 * arrived late, or in part.
 */
export async function writtenSoFar(
  path: string,
  source: MigrationSource,
  target: MigrationTarget,
): Promise<MigrationRecord> {
  const written = await writtenBy(path, await readJournal(journalPath(path)), source, target);
  return typeof written === 'string'
    ? { path, created: [], overwritten: [] }
    : { path, ...written };
}

/** Removes the record of a migration that has written nothing, and says so. */
export async function discardUnwritten(path: string, { label }: MigrationTarget): Promise<void> {
  await discard(path);
  notice(`a migration was interrupted, and nothing of it is in ${label}: its record was removed.`);
}

/** Removes a backup and its journal. */
export async function discard(path: string): Promise<void> {
  // the journal last, and only after the backup: by the journal the next run knows of the backup
  for (const each of [path, journalPath(path)])
    try {
      await rm(each, { force: true });
    } catch (error) {
      notice(`${printable(each)} could not be removed (${errnoOf(error)}): remove it yourself.`);
      return;
    }
}

type Written = Omit<MigrationRecord, 'path'> & {
  /** Whether the source still has the content that was migrated. */
  readonly isOfThisContent: boolean;
};

/**
 * What an interrupted migration has written: everything that it planned, if it has read that back; else what the store
 * holds of it. For a file the backup has the values to compare with. A store may hold other values by now, so that each
 * value counts that may come from the migration.
 */
async function writtenBy(
  path: string,
  journal: MigrationJournal,
  source: MigrationSource,
  target: MigrationTarget,
): Promise<Written | 'nothing' | 'nothing yet' | 'no backup'> {
  const { state, created, overwritten } = journal;
  if (state === 'started') return 'nothing';
  let values: ReadonlyMap<string, string> | undefined;
  let isOfThisContent = true;
  if (source.kind === 'file') {
    const bytes = await readNamedFile(path);
    // a user who removes the backup does not want to undo it
    if (bytes === undefined) return 'no backup';
    const { reader = 'npm' } = journal;
    ({ values } = await readSource(path, { reader }));
    isOfThisContent = bytes.equals(source.bytes) && reader === source.reader;
  }
  if (state === 'verified') return { created, overwritten, isOfThisContent };
  const held = await target.read();
  const isWritten = (name: string, before?: string): boolean => {
    const value = held.values.get(name);
    if (value === undefined) return false;
    if (values !== undefined) return values.get(name) === value;
    return before === undefined || held.versions.get(name) !== before;
  };
  const written = {
    created: created.filter((name) => isWritten(name)),
    overwritten: overwritten.filter(({ name, version }) => isWritten(name, version)),
  };
  if (written.created.length + written.overwritten.length === 0) {
    if (journal.revision !== undefined && held.revision !== journal.revision) return 'nothing';
    // names of the same content are written by this run, if not by a write that is still on its way
    if (!isOfThisContent) return 'nothing yet';
  }
  return { ...written, isOfThisContent };
}

/** Marks a migration as done, with what it has written. */
async function finish(
  path: string,
  journal: MigrationJournal,
  { created, overwritten }: Omit<MigrationRecord, 'path'>,
): Promise<void> {
  await writeJournal(journalPath(path), { ...journal, state: 'done', created, overwritten });
}

/** Removes what a killed process has left behind. The caller must hold the source, so that nothing of it is in use. */
async function sweep(source: MigrationSource): Promise<void> {
  // a file that cannot be removed fails later, if its name is needed
  for (const path of await leftovers(source)) await rm(path).catch(() => {});
}

/** The locks and half-written files beside a source, without its own lock. */
async function leftovers(source: MigrationSource): Promise<readonly string[]> {
  const base = recordBase(source);
  const names = await readdir(dirname(base)).catch(() => []);
  const beside = names.filter(
    (name) =>
      name.startsWith(`${basename(base)}.`) && /\.journal\.keyfall-(tmp|lock)(\.|$)/.test(name),
  );
  const real = await realPathOf(subjectOf(source));
  return [
    ...beside.map((name) => join(dirname(base), name)),
    `${real}.keyfall-lock.break`,
    `${real}.keyfall-tmp`,
  ];
}

/**
 * Removes locks and half-written files that a killed run has left beside a source, for a run that has nothing else to do
 * there. What belongs to a live process stays.
 */
export async function clearLeftovers(source: MigrationSource): Promise<void> {
  const shown = subjectOf(source);
  const real = await realPathOf(shown);
  const left = [`${real}.keyfall-lock`, ...(await leftovers(source))];
  if (!(await Promise.all(left.map(isThere))).includes(true)) return;
  const file = { path: resolve(shown), shown, provider: 'keyfall' };
  const withoutWaiting = { ...unlimited(), remainingTimeout: () => 0 };
  // taking the lock breaks that of a dead process
  const unlock = await lockFile(file, real, withoutWaiting).catch(() => undefined);
  if (unlock === undefined) return;
  await sweep(source).finally(unlock);
}

function isThere(path: string): Promise<boolean> {
  // a lock is a dangling link
  return lstat(path).then(
    () => true,
    () => false,
  );
}
