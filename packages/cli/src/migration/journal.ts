/**
 * What a migration did and how far it came: names and versions, never a value. It stands on the disk
 * before the step that it tells of, so that whatever ends the process, the next run knows what may
 * have happened. `migrate --restore` reads it, too.
 */
import { dirname, relative, resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import type { StorePlace } from '@keyfall/core/provider';
import { type DotenvReader, isDotenvReader } from '@keyfall/provider-dotenv';
import { readNamedFile } from '../files/read-input.ts';
import { printable } from '../terminal/terminal.ts';
import { replaceFile } from './files.ts';

/** A name that the store held with another value. */
export interface OverwrittenName {
  readonly name: string;
  /** The store's version that has the other value, where it has versions. */
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
   * `started`: nothing was written. `planned`: the write may or may not have happened. `verified`: it
   * was read back; the file may or may not have been edited. `done`; `restored`: it was undone.
   */
  readonly state: 'started' | 'planned' | 'verified' | 'done' | 'restored';
  /** Names that the store did not hold. */
  readonly created: readonly string[];
  readonly overwritten: readonly OverwrittenName[];
  /**
   * The state of the store that the write is made from, where it has such: once the store is at another one,
   * a write that is still on its way comes too late.
   */
  readonly revision?: string | undefined;
  /** Whose reading of the file was migrated. Default: npm's. */
  readonly reader?: DotenvReader | undefined;
}

/** The path of a backup's journal. */
export function journalPath(backup: string): string {
  return `${backup}.journal`;
}

/** Writes a journal, in one step. Files stand in it as seen from its folder, which may be moved with them. */
export async function writeJournal(path: string, journal: MigrationJournal): Promise<void> {
  const content = withFiles(journal, (file) => relative(dirname(resolve(path)), file));
  await replaceFile(path, Buffer.from(`${JSON.stringify(content, null, 2)}\n`));
}

/**
 * Reads a journal.
 * @throws `ERR_SECRET_CONFIG` if there is none; `ERR_SECRET_INVALID` if it is none of ours; as
 *   {@link readNamedFile}
 */
export async function readJournal(path: string): Promise<MigrationJournal> {
  const bytes = await readNamedFile(path);
  if (bytes === undefined)
    throw new SecretError('ERR_SECRET_CONFIG', `${printable(path)} does not exist`, {
      hint: 'Give the path of a backup that `keyfall migrate` made, with its journal beside it.',
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
