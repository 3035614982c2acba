/**
 * The steps of a migration: backup, one conditional write, read-back. The file is edited by the caller, who holds it.
 */
import { basename } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { countNames, listNames, notice, printable } from '../terminal/terminal.ts';
import {
  type Draft,
  type DraftOptions,
  draftMigration,
  expectedAfter,
  hasConflict,
  isDone,
  lostMeanwhile,
  recordFor,
} from './draft.ts';
import { backUp, freePath } from './files.ts';
import { wouldGitAdd } from './git.ts';
import {
  discard,
  discardUnwritten,
  type MigrationRecord,
  recordBase,
  settleInterrupted,
  undoCommand,
  writtenSoFar,
} from './interrupted.ts';
import { journalPath, type MigrationJournal, writeJournal } from './journal.ts';
import type { Progress } from './progress.ts';
import type { MigrationSource } from './source.ts';
import { type MigrationTarget, mayHaveWritten, verify } from './target.ts';

/** How it is carried out. */
export interface CarryOutOptions {
  /** The options that name both ends again, for the command that undoes it: `--to sops`. */
  readonly ends?: readonly string[];
  /** Stops it before its next step; a step that has begun is stopped by the target's own signal. */
  readonly signal?: AbortSignal;
}

/** What was done, by its last draft. */
export interface Done {
  readonly draft: Draft;
  readonly record: MigrationRecord;
  journal(state: MigrationJournal['state']): Promise<void>;
}

/** Nothing was changed: another writer came first, or an earlier run had done everything. */
interface Unchanged {
  readonly draft: Draft;
  readonly record?: undefined;
}

/**
 * Carries out a draft. The caller must hold its source. Each step is in the journal before it happens.
 *
 * @throws what the store refuses; `ERR_SECRET_INVALID` if afterwards it holds something else than was written;
 *   `ERR_SECRET_CONFLICT` if it has lost another name. If the store may have been changed by then, also by an abort,
 *   backup and journal stay, and a notice says how to undo the migration
 */
export async function carryOut(
  first: Draft,
  source: MigrationSource,
  target: MigrationTarget,
  options: DraftOptions & CarryOutOptions,
  progress: Progress,
): Promise<Done | Unchanged> {
  let draft = first;
  const { ends = [], signal } = options;
  const settled = await settleInterrupted(source, target, ends);
  let { resumed } = settled;
  if (isDone(draft) && resumed === undefined) {
    if (settled.open.length > 0)
      notice(
        `a migration was interrupted, and nothing of it is in ${target.label} yet: its backup is kept.`,
      );
    return { draft };
  }
  const path = resumed?.path ?? (await freePath(recordBase(source), new Date(), journalPath));
  const recordOf = (): MigrationRecord => recordFor(path, draft, resumed);
  const journal = (state: MigrationJournal['state']) => {
    const { created, overwritten } = recordOf();
    return writeJournal(journalPath(path), {
      format: 1,
      state,
      source: source.place,
      target: target.place,
      shown: { source: source.kind === 'file' ? source.path : source.store, target: target.store },
      created,
      overwritten,
      revision: draft.held.revision,
      reader: source.reader,
    });
  };
  let mayBeWritten = resumed !== undefined;
  let isVerified = false;
  try {
    if (resumed === undefined) {
      progress.step(`Backing up ${source.label}`);
      await journal('started');
      if (source.kind === 'file') await backUpFile(path, source.bytes, source.path);
    }
    await journal('planned');
    for (let attempt = 1; draft.plan.changes.size > 0; attempt++) {
      progress.step(`Writing ${countNames(draft.plan.changes.size)} to ${target.label}`);
      signal?.throwIfAborted();
      try {
        await target.write(draft.plan.changes, draft.held.revision);
        mayBeWritten = true;
        break;
      } catch (error) {
        // stays set if an earlier attempt may have written
        if (mayHaveWritten(error)) mayBeWritten = true;
        if (attempt > 1 || !isSecretError(error, 'ERR_SECRET_CONFLICT')) throw error;
        // another writer came first: once more, with what the store holds now
        draft = await draftMigration(source, target, options, draft.choices);
        if (mayBeWritten) resumed = await writtenSoFar(path, source, target);
        else if (hasConflict(draft) || isDone(draft)) {
          await discard(path);
          return { draft };
        }
        if (hasConflict(draft)) throw error;
        await journal('planned');
      }
    }
    progress.step('Reading it back and comparing');
    const now = await verify(target, expectedAfter(draft, resumed));
    await journal('verified');
    isVerified = true;
    // a write of these that was still on its way now comes too late
    if (draft.plan.changes.size > 0)
      for (const open of settled.open) await discardUnwritten(open, target);
    assertNothingIsLost(lostMeanwhile(draft, now, options), target);
    return { draft, record: recordOf(), journal };
  } catch (error) {
    const undo = undoCommand(source, recordOf(), ends);
    if (isVerified) noticeWritten(target, undo);
    else if (mayBeWritten)
      notice(
        `it is not certain how far the migration came: run it again, or undo it with ${undo}.`,
      );
    else {
      await discard(path);
      if (isSecretError(error, 'ERR_SECRET_ABORTED'))
        throw new SecretError('ERR_SECRET_ABORTED', 'nothing was changed');
    }
    throw error;
  }
}

/** Says how to go on after a failure, when the store already holds everything. */
export function noticeWritten({ label }: MigrationTarget, undo: string): void {
  notice(
    `everything was written to ${label}, read back and compared: run this again to go on, or undo it with ${undo}.`,
  );
}

async function backUpFile(path: string, bytes: Buffer, file: string): Promise<void> {
  await backUp(path, bytes);
  if (await wouldGitAdd(path))
    notice(
      `git does not ignore ${printable(path)}, which holds every value: add ${printable(basename(file))}.backup.* to .gitignore.`,
    );
}

function assertNothingIsLost(lost: readonly string[], { label }: MigrationTarget): void {
  if (lost.length > 0)
    throw new SecretError(
      'ERR_SECRET_CONFLICT',
      `${label} no longer holds ${listNames(lost)} as it did before`,
      { hint: 'Check which other program writes there, and run the command again.' },
    );
}
