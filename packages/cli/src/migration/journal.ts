/**
 * The journal of a migration: what it does and how far it has come, in names and versions, never a value. Each state is
 * on the disk before the step that it announces, so that after any interruption the next run knows what may have
 * happened. `migrate --restore` reads it too.
 */
import { dirname, relative, resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import type { StorePlace } from '@keyfall/core/provider';
import { type DotenvReader, isDotenvReader } from '@keyfall/provider-dotenv';
import { readNamedFile } from '../files/read-input.ts';
import { printable } from '../terminal/terminal.ts';
import { replaceFile } from './files.ts';

/** A name whose value in the store is replaced. */
export interface OverwrittenName {
  readonly name: string;
  /** The store's version with the former value, where it has versions. */
  readonly version?: string | undefined;
}

/** The content of a `*.journal`. */
export interface MigrationJournal {
  /** Version of this format. */
  readonly format: 1;
  /** Where the values came from, and where they went. Files are absolute here, and relative in the file. */
  readonly source: StorePlace;
  readonly target: StorePlace;
  /** The same two for people. */
  readonly shown: { readonly source: string; readonly target: string };
  /**
   * `started`: nothing was written. `planned`: the write may have happened. `verified`: it was read back, and the
   * file may have been edited. `done`. `restored`: it was undone.
   */
  readonly state: 'started' | 'planned' | 'verified' | 'done' | 'restored';
  /** Names that the store did not hold. */
  readonly created: readonly string[];
  readonly overwritten: readonly OverwrittenName[];
  /**
   * The store's revision that the write is conditional on, where it has revisions: once the store is at another one, a
   * write that is still on its way is refused.
   */
  readonly revision?: string | undefined;
  /** The reader whose values were migrated. Default: npm's. */
  readonly reader?: DotenvReader | undefined;
}

/** The path of a backup's journal. */
export function journalPath(backup: string): string {
  return `${backup}.journal`;
}

/** Writes a journal, in one step. Files stand in it as seen from its folder, which may be moved with them. */
export async function writeJournal(path: string, journal: MigrationJournal): Promise<void> {
  const content = withFiles(journal, (file) => relative(dirname(path), file));
  await replaceFile(path, Buffer.from(`${JSON.stringify(content, null, 2)}\n`));
}

/**
 * Reads a journal.
 * @throws `ERR_SECRET_CONFIG` if it does not exist; `ERR_SECRET_INVALID` if it is not a journal; as
 *   {@link readNamedFile}
 */
export async function readJournal(path: string): Promise<MigrationJournal> {
  const bytes = await readNamedFile(path);
  if (bytes === undefined)
    throw new SecretError('ERR_SECRET_CONFIG', `${printable(path)} does not exist`, {
      hint: 'Give the path of a backup that `keyfall migrate` has made, with its journal beside it.',
    });
  const journal = parse(bytes.toString());
  if (isJournal(journal)) return withFiles(journal, (file) => resolve(dirname(path), file));
  throw new SecretError(
    'ERR_SECRET_INVALID',
    `${printable(path)} is not a journal of keyfall migrate`,
  );
}

function withFiles(journal: MigrationJournal, written: (file: string) => string): MigrationJournal {
  const { source, target } = journal;
  const place = ({ files, ...others }: StorePlace): StorePlace => ({
    ...others,
    ...(files && { files: files.map(written) }),
  });
  return { ...journal, source: place(source), target: place(target) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isJournal(value: unknown): value is MigrationJournal {
  const { format, source, target, shown, state, created, overwritten, revision, reader } = Object(
    value,
  ) as Record<keyof MigrationJournal, unknown>;
  const texts = Object(shown) as Record<keyof MigrationJournal['shown'], unknown>;
  return (
    format === 1 &&
    isPlace(source) &&
    isPlace(target) &&
    typeof texts.source === 'string' &&
    typeof texts.target === 'string' &&
    ['started', 'planned', 'verified', 'done', 'restored'].includes(String(state)) &&
    isListOfTexts(created) &&
    Array.isArray(overwritten) &&
    overwritten.every(isOverwrittenName) &&
    isTextOrNone(revision) &&
    (reader === undefined || isDotenvReader(reader))
  );
}

function isPlace(value: unknown): value is StorePlace {
  const {
    kind,
    address,
    paths = [],
    files = [],
  } = Object(value) as Record<keyof StorePlace, unknown>;
  return (
    typeof kind === 'string' &&
    isTextOrNone(address) &&
    isListOfTexts(paths) &&
    isListOfTexts(files)
  );
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isOverwrittenName(value: unknown): value is OverwrittenName {
  const { name, version } = Object(value) as Record<keyof OverwrittenName, unknown>;
  return typeof name === 'string' && isTextOrNone(version);
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
