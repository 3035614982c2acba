/**
 * A migration from its plan to its summary. Nothing changes before the one conditional write. The file is edited only
 * on request, and only after the store was read back and agrees.
 */
import { SecretError } from '@keyfall/core';
import { confirm } from '../terminal/questions.ts';
import {
  canPrompt,
  countNames,
  isQuiet,
  listNames,
  notice,
  printable,
  report,
  writeLine,
} from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type CarryOutOptions, carryOut, type Done, noticeWritten } from './carry-out.ts';
import { chooseForConflicts } from './choose.ts';
import {
  type Draft,
  type DraftOptions,
  draftMigration,
  hasConflict,
  isDone,
  recordFor,
  turnsVaultOn,
} from './draft.ts';
import { assertEditable, changedMeanwhile, holding } from './files.ts';
import {
  clearLeftovers,
  findInterrupted,
  type MigrationRecord,
  subjectOf,
  undoArgument,
  undoCommand,
} from './interrupted.ts';
import { type MigrationPlan, namesOf } from './plan.ts';
import {
  assertNameFits,
  assertSelected,
  checkGit,
  checkRights,
  type PreflightOptions,
  warnOfHardLinks,
} from './preflight.ts';
import { showProgress } from './progress.ts';
import { nothingLeft, nothingToDo, planTable, summary } from './report.ts';
import { type FileSource, type MigrationSource, surprises } from './source.ts';
import type { MigrationTarget } from './target.ts';

/** How to migrate. */
export interface MigrateOptions extends DraftOptions, PreflightOptions, CarryOutOptions {
  /** Do not ask. */
  readonly yes?: boolean;
  /** Whether the store is the Vault that `USE_VAULT=true` turns on. Default: yes. */
  readonly isSettingsVault?: boolean;
  /** The file with the settings, where it is not the file that is migrated. */
  readonly settings?: SettingsFile;
  /** The command that starts a program with the store's secrets, if the chain asks the store. */
  readonly start?: string;
}

/** A file of settings. */
type SettingsFile = Pick<FileSource, 'label' | 'values'>;

/** The result, as `--json` prints it. */
export interface MigrateResult {
  /** The file, or the store, that the values come from. */
  readonly source: string;
  readonly store: string;
  readonly dryRun: boolean;
  readonly names: MigrationPlan['names'];
  /** How many names were written. */
  readonly written: number;
  /** Whether the file was changed. */
  readonly fileChanged: boolean;
  /** What `--restore` takes. */
  readonly backup?: string;
}

/**
 * Migrates `source` to `target`, and reports on stderr. If the target holds other values and neither the options nor
 * the user say what to do with them, nothing is changed, and the result's `names` say which they are: the caller must
 * call {@link assertNoConflict}.
 *
 * @throws `ERR_SECRET_CONFIG` for a file that git tracks; `ERR_SECRET_NOT_FOUND` with the selected names that neither
 *   source nor target holds; `ERR_SECRET_ABORTED` if the user says no; what the store refuses
 */
export async function migrate(
  source: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
): Promise<MigrateResult> {
  const { dryRun = false, yes = false, ends = [], signal } = options;
  let draft = await waitingFor(`reading ${target.label}`, () =>
    draftMigration(source, target, options),
  );
  const gone = assertSelected(source, target.label, draft.held.values, options.select);
  if (gone.length > 0) report(nothingLeft(gone, source.label, target.label));
  for (const surprise of surprises(source)) notice(surprise);
  const isInterrupted = (await findInterrupted(source)).length > 0;
  const result = (facts: Partial<MigrateResult>): MigrateResult => ({
    source: sourceOf(source),
    store: target.store,
    dryRun,
    names: draft.plan.names,
    written: 0,
    fileChanged: false,
    ...facts,
  });
  const isIdle = isDone(draft) && !isInterrupted;
  if ((dryRun || !isIdle || namesOf(draft.plan, 'conflict', 'keep').length > 0) && !isQuiet())
    writeLine(planTable(draft.plan, source.label, target.label));
  if (isIdle && !dryRun && !hasConflict(draft)) {
    await clearLeftovers(source);
    if (gone.length === 0 || gone.length < new Set(options.select).size)
      report(nothingToDo(draft.plan, target.label));
    const settings = settingsOf(source, options);
    if (settings && !turnsVaultOn(process.env['USE_VAULT'] ?? settings.values.get('USE_VAULT')))
      report(
        `Vault is not asked yet: set USE_VAULT=true in ${settings.label}${settings === source ? ', or run this with --activate' : ''}.`,
      );
    return result({});
  }
  assertNameFits(source);
  await checkGit(source, options);
  await warnOfHardLinks(draft, source, options);
  await waitingFor('asking what may be written', () => checkRights(draft, source, target, options));
  if (dryRun) {
    if (isInterrupted)
      notice('a migration was interrupted: the next run resumes it, or removes its record.');
    report('this was a dry run: nothing changed.');
    return result({});
  }
  while (hasConflict(draft)) {
    if (yes || options.onConflict !== undefined || !canPrompt()) {
      if (isInterrupted)
        notice(
          'a migration was interrupted, and may have written what the store holds: after your choice the next run resumes it.',
        );
      return result({});
    }
    const names = namesOf(draft.plan, 'conflict');
    const chosen = await chooseForConflicts(names, target.label, signal);
    const choices = new Map([...(draft.choices ?? []), ...chosen]);
    draft = await draftMigration(source, target, options, choices);
    await checkRights(draft, source, target, options);
  }
  const lost = unrecoverable(recordFor('', draft, undefined), target);
  if (lost.length > 0)
    notice(
      `what ${target.label} holds under ${listNames(lost)} cannot be brought back: the store keeps no versions.`,
    );
  if (draft.plan.changes.size > 0 && draft.held.revision === undefined)
    notice(
      `${target.label} has no conditional writes: a change that another program makes there at the same time may be lost.`,
    );
  if (!yes && !isDone(draft)) await confirm(questionOf(draft, source, target, options), signal);

  const progress = showProgress(draft.edit === undefined ? 3 : 4);
  let done: Done | undefined;
  try {
    await holding(
      subjectOf(source),
      async (bytes) => {
        if (source.kind === 'file' && !bytes?.equals(source.bytes))
          throw changedMeanwhile(source.path);
        if (draft.edit !== undefined)
          await assertEditable(
            draft.edit.path,
            Buffer.from(draft.edit.text),
            'Or leave out --activate and --purge.',
          );
        const carriedOut = await carryOut(draft, source, target, options, progress);
        draft = carriedOut.draft;
        if (carriedOut.record === undefined) return undefined;
        done = carriedOut;
        if (draft.edit === undefined) return undefined;
        signal?.throwIfAborted();
        progress.step(`Editing ${source.label}`);
        return Buffer.from(draft.edit.text);
      },
      // before the file is released: another run would take a journal that is not done for an interrupted migration
      async () => done?.journal('done'),
      signal,
    );
  } catch (error) {
    // the store holds everything, but the file was not edited
    if (done !== undefined) noticeWritten(target, undoCommand(source, done.record, ends));
    throw error;
  } finally {
    progress.end();
  }
  if (done === undefined) {
    if (!hasConflict(draft)) report(nothingToDo(draft.plan, target.label));
    return result({});
  }
  const written = draft.plan.changes.size;
  if (!isQuiet()) writeLine(summaryOf(done, source, target, options));
  return result({
    written,
    fileChanged: draft.edit !== undefined,
    backup: undoArgument(source, done.record),
  });
}

function questionOf(
  { plan, edit: toEdit }: Draft,
  { label }: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
): string {
  const { size } = plan.changes;
  const edit = toEdit === undefined ? '' : editOf(plan, label, options);
  if (size === 0)
    return `${target.label} holds all of it. ${edit.charAt(0).toUpperCase()}${edit.slice(1)}?`;
  return `Write ${countNames(size)} to ${target.label}${edit && `, and ${edit}`}?`;
}

/** What happens to the file: how many values are removed, and which stay. */
function editOf(plan: MigrationPlan, label: string, { purge, activate }: MigrateOptions): string {
  const on = activate ? `set USE_VAULT=true in ${label}` : '';
  if (!purge) return on;
  const gone = namesOf(plan, 'create', 'overwrite', 'same');
  const kept = namesOf(plan, 'keep', 'unselected');
  const values = gone.length === 1 ? '1 value' : `${gone.length} values`;
  const stays = kept.length === 1 ? 'stays' : 'stay';
  const rest = kept.length === 0 ? 'no other stays' : `${listNames(kept)} ${stays}`;
  return `${on && `${on} and `}remove ${values} from ${on ? 'it' : label} (${rest})`;
}

/** @throws `ERR_SECRET_CONFLICT` if nothing was changed because the target holds other values */
export function assertNoConflict(
  result: Pick<MigrateResult, 'names'>,
  target: MigrationTarget,
): void {
  const conflicts = namesOf(result, 'conflict');
  if (conflicts.length > 0)
    throw new SecretError(
      'ERR_SECRET_CONFLICT',
      `${target.label} holds other values for ${listNames(conflicts)}, and nothing was changed`,
      { hint: 'Choose with --on-conflict keep (the store stays) or --on-conflict overwrite.' },
    );
}

function sourceOf(source: MigrationSource): string {
  return source.kind === 'file' ? source.path : source.store;
}

function summaryOf(
  { draft, record }: Done,
  source: MigrationSource,
  target: MigrationTarget,
  options: MigrateOptions,
): string {
  const { activate = false, purge = false, isSettingsVault = true, start, ends = [] } = options;
  const settings = settingsOf(source, options);
  const useVault = process.env['USE_VAULT'];
  return summary({
    written: draft.plan.changes.size,
    label: target.label,
    isAtomic: target.isAtomic,
    undo: undoCommand(source, record, ends),
    lost: unrecoverable(record, target),
    unsaid: settings ? unsaid(settings) : [],
    start,
    isElsewhere: !isSettingsVault && start === undefined,
    ...(source.kind === 'file' && {
      file: {
        label: source.label,
        backup: printable(record.path),
        purged: purge,
        ...(settings && {
          settings: {
            label: settings.label,
            isElsewhere: settings !== source,
            needsUseVault: !activate && !turnsVaultOn(settings.values.get('USE_VAULT')),
            isOverruled: useVault !== undefined && !turnsVaultOn(useVault),
          },
        }),
      },
    }),
  });
}

/** The file with `USE_VAULT`, if a file is migrated to the Vault of the settings. */
function settingsOf(
  source: MigrationSource,
  { isSettingsVault = true, settings }: MigrateOptions,
): SettingsFile | undefined {
  return isSettingsVault && source.kind === 'file' ? (settings ?? source) : undefined;
}

/** The settings of a Vault that the environment has, and the file has not, or with another value. */
function unsaid({ values }: SettingsFile): readonly string[] {
  return ['ADDR', 'TOKEN', 'MOUNT_POINT', 'SECRET_PATH', 'NAMESPACE']
    .flatMap((setting) => [`BAO_${setting}`, `VAULT_${setting}`])
    .filter((name) => process.env[name] && process.env[name] !== values.get(name));
}

/** The replaced names whose former value cannot be brought back. */
function unrecoverable(
  { overwritten }: Pick<MigrationRecord, 'overwritten'>,
  { keepsVersions }: MigrationTarget,
): string[] {
  return overwritten
    .filter(({ version }) => !keepsVersions || version === undefined)
    .map(({ name }) => name);
}
