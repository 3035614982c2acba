/**
 * The steps of a migration: backup, one conditional write, read-back. All but the edit of the file, which
 * is for who holds it.
 */
import { basename } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { countNames, listNames, notice, printable } from '../terminal/terminal.ts';
import {
  type Draft,
  type DraftOptions,
  drawUp,
  expectedAfter,
  hasConflict,
  isDone,
  lostMeanwhile,
  recordFor,
} from './draft.ts';
import { backUp, freePath } from './files.ts';
import { wouldGitAdd } from './git.ts';
import {
  clearAway,
  discard,
  lookAgain,
  type MigrationRecord,
  recordBase,
  settleInterrupted,
  undoCommand,
} from './interrupted.ts';
import { journalPath, type MigrationJournal, writeJournal } from './journal.ts';
import type { Progress } from './progress.ts';
import type { MigrationSource } from './source.ts';
import { type MigrationTarget, verify } from './target.ts';

/** How it is carried out. */
export interface CarryOutOptions {
  /** The options that name both ends once more, for who is told how to undo it: `--to sops`. */
  readonly ends?: readonly string[];
  /** Ends it before its next step; what the target does by then, the target's own signal ends. */
  readonly signal?: AbortSignal;
}

/** What was done, by the last draft. */
export interface Done {
  readonly draft: Draft;
  readonly record: MigrationRecord;
  journal(state: MigrationJournal['state']): Promise<void>;
}

/** Somebody wrote another value meanwhile, or an earlier run had done it all: nothing was changed. */
interface Unchanged {
  readonly draft: Draft;
  readonly record?: undefined;
}

/**
 * Carries out a draft, whose source the caller must hold. Each step is in the journal before it happens.
 *
 * @throws what the store refuses; `ERR_SECRET_INVALID` if it holds something else afterwards than was
 *   written, `ERR_SECRET_CONFLICT` if it has lost something else. Where the store may have been changed by
 *   then, backup and journal stay, and the user is told how to undo it; so where the signal ended it
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
        `a migration was interrupted, and nothing of it is in ${target.label} so far: its backup is kept.`,
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
        // what an earlier attempt may have written stays possible
        if (!isSecretError(error) || error.applied !== 'no') mayBeWritten = true;
        if (attempt > 1 || !isSecretError(error, 'ERR_SECRET_CONFLICT')) throw error;
        // somebody else wrote since the plan was made: once more, on what is there now
        draft = await drawUp(source, target, options, draft.choices);
        if (mayBeWritten) resumed = await lookAgain(path, source, target);
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
    // what was on its way by then comes too late
    if (draft.plan.changes.size > 0) for (const open of settled.open) await clearAway(open, target);
    assertNothingIsLost(lostMeanwhile(draft, now, options), target);
    return { draft, record: recordOf(), journal };
  } catch (error) {
    const undo = undoCommand(source, recordOf(), ends);
    if (isVerified) tellWritten(target, undo);
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

/** Tells who ended up with a migration that has all been written, and nothing else. */
export function tellWritten({ label }: MigrationTarget, undo: string): void {
  notice(
    `what was to be written is in ${label}, read back and compared: run this again to go on, or undo it with ${undo}.`,
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
      `${label} does not hold ${listNames(lost)} any more as it did before`,
      { hint: 'Look who else writes there, and run the command again.' },
    );
}
