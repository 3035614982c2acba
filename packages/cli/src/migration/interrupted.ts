/**
 * Migrations that something ended half-way. Their journals say how far they can have come; what really
 * happened, the store tells. The next run takes one up where it stopped, or clears it away if nothing
 * was written.
 */
import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { lockFile } from '@keyfall/core/provider/files';
import { unlimited } from '../chain/one-provider.ts';
import { errnoCode } from '../files/errno-code.ts';
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

/** A migration's place on the disk, and what it has written. */
export interface MigrationRecord {
  /** A file's backup has this path; its journal, and that of a store, is beside it. */
  readonly path: string;
  readonly created: readonly string[];
  readonly overwritten: readonly OverwrittenName[];
}

/** What is held while a source is migrated: the file itself, or a name that stands for the folder. */
export function subjectOf(source: MigrationSource): string {
  return source.kind === 'file' ? source.path : 'keyfall-migration';
}

/** What the records of a source are called, before the time. */
export function recordBase(source: MigrationSource): string {
  return source.kind === 'file' ? `${source.path}.backup` : 'keyfall-migration';
}

/** What `--restore` takes to undo it. */
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

/** The migrations of this source that were neither finished nor undone, oldest first. */
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

/** What is left of migrations that were interrupted. */
interface Settled {
  /** The one that this run goes on with: of the same file's content, or of the same store. */
  readonly resumed: MigrationRecord | undefined;
  /** Those of which nothing is there, and something may come until this run has written. */
  readonly open: readonly string[];
}

/**
 * Brings every interrupted migration of the source to an end, which the caller must hold.
 *
 * @param ends - the options that name both ends, for who is told how to undo it
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
        `a migration to ${printable(journal.shown.target)} was interrupted, and is left as it is: run it again, or undo it with ${undoCommand(source, { path }, [])} and the options that it was given.`,
      );
      continue;
    }
    const written = await writtenBy(path, journal, source, target);
    if (written === 'nothing') {
      await clearAway(path, target);
    } else if (written === 'nothing yet') {
      open.push(path);
    } else if (written === 'no backup') {
      await discard(path);
      notice(
        'a migration that was interrupted has no backup any more to undo it by, and was cleared away: what it wrote, if anything, stays.',
      );
    } else if (written.isOfThisContent) {
      if (resumed !== undefined) await finish(resumed.path, journal, resumed);
      resumed = { path, ...written };
      const isThere = written.created.length + written.overwritten.length > 0;
      notice(
        isThere
          ? 'going on with a migration that was interrupted.'
          : `going on with a migration that was interrupted: nothing of it is in ${target.label} so far.`,
      );
    } else {
      await finish(path, journal, written);
      notice(`a migration that was interrupted has been written: ${undo} undoes it.`);
    }
  }
  return { resumed, open };
}

/**
 * What of a migration that wrote before, in this run or in the one that it goes on with, is there by now: that
 * write may have been on its way, or be there in part.
 */
export async function lookAgain(
  path: string,
  source: MigrationSource,
  target: MigrationTarget,
): Promise<MigrationRecord> {
  const written = await writtenBy(path, await readJournal(journalPath(path)), source, target);
  return typeof written === 'string'
    ? { path, created: [], overwritten: [] }
    : { path, ...written };
}

/** Removes the record of a migration of which nothing is there, and says so. */
export async function clearAway(path: string, { label }: MigrationTarget): Promise<void> {
  await discard(path);
  notice(`a migration was interrupted, and nothing of it is in ${label}: it was cleared away.`);
}

/** Removes a record and what belongs to it. */
export async function discard(path: string): Promise<void> {
  // the journal last, and only once the backup is gone: by it the next run knows of the backup
  for (const each of [path, journalPath(path)])
    try {
      await rm(each, { force: true });
    } catch (error) {
      notice(`${printable(each)} could not be removed (${errnoCode(error)}): remove it yourself.`);
      return;
    }
}

type Written = Omit<MigrationRecord, 'path'> & {
  /** Whether the source is still what was migrated then. */
  readonly isOfThisContent: boolean;
};

/**
 * What it wrote: all that was planned, where it read that back; else what of it the store holds by now. A
 * file's backup tells that. What came from a store may be another there by now, so each value counts that may
 * be the migration's.
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
    // whoever removed the backup wants no undoing
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
    // the names of the same content come with the write of this run, or with the one that is on its way
    if (!isOfThisContent) return 'nothing yet';
  }
  return { ...written, isOfThisContent };
}

/** Marks a record as done, with what it wrote. */
async function finish(
  path: string,
  journal: MigrationJournal,
  { created, overwritten }: Omit<MigrationRecord, 'path'>,
): Promise<void> {
  await writeJournal(journalPath(path), { ...journal, state: 'done', created, overwritten });
}

/** Removes what a killed writer left behind: of who holds the source, it is nobody's. */
async function sweep(source: MigrationSource): Promise<void> {
  // what cannot be removed stops whoever needs its place, and nobody else
  for (const path of await leftovers(source)) await rm(path).catch(() => {});
}

/** The locks and half files beside a source, but for its own lock. */
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
 * Removes what a run that was killed left beside a source, where this one has nothing else to do there: a lock,
 * or a half-written file. What is somebody's who is at work there stays.
 */
export async function clearLeftovers(source: MigrationSource): Promise<void> {
  const shown = subjectOf(source);
  const real = await realPathOf(shown);
  const left = [`${real}.keyfall-lock`, ...(await leftovers(source))];
  if (!(await Promise.all(left.map(isThere))).includes(true)) return;
  const file = { path: resolve(shown), shown, provider: 'keyfall' };
  const atOnce = { ...unlimited(), timeLeft: () => 0 };
  // to take a lock is what breaks the one of a dead process
  const unlock = await lockFile(file, real, atOnce).catch(() => undefined);
  if (unlock === undefined) return;
  await sweep(source).finally(unlock);
}

function isThere(path: string): Promise<boolean> {
  // a lock is a link to nowhere
  return lstat(path).then(
    () => true,
    () => false,
  );
}
