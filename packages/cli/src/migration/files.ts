/**
 * The file side of a migration: read once, backed up byte for byte, and replaced in one step or not
 * at all.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { errnoCode } from '../report-error.ts';

/**
 * Writes `bytes` to `FILE.backup.TIMESTAMP` beside the file, mode 0600, on the disk before it
 * returns. Never overwrites: a name that is taken gets a number.
 *
 * @returns the backup's path
 * @throws `ERR_SECRET_CONFIG` if the folder cannot be written to
 */
export async function backUp(file: string, bytes: Uint8Array, now: Date): Promise<string> {
  const timestamp = now.toISOString().replace(/[-:]/g, '').replace('.', '');
  for (let count = 1; ; count++) {
    const backup = `${file}.backup.${timestamp}${count === 1 ? '' : `-${count}`}`;
    if (await writeNew(backup, bytes, 0o600)) {
      await syncFolder(dirname(backup));
      return backup;
    }
  }
}

/**
 * Replaces the file's content in one step: whoever reads it sees the old bytes or the new ones. Mode
 * and, where we may, owner stay; a link stays a link.
 *
 * @param expected - the content that the change was made from
 * @throws `ERR_SECRET_CONFLICT` if the file holds something else by now; `ERR_SECRET_CONFIG` if the
 *   folder cannot be written to
 */
export async function replaceFile(
  file: string,
  bytes: Uint8Array,
  expected: Uint8Array | undefined,
): Promise<void> {
  const path = await realpath(file).catch(() => file);
  const before = await stat(path).catch(() => undefined);
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  if (!(await writeNew(temporary, bytes, before ? before.mode & 0o7777 : 0o600, before)))
    throw cannotWrite(temporary, 'EEXIST');
  try {
    if (expected !== undefined && !(await readFile(path)).equals(expected))
      throw new SecretError('ERR_SECRET_CONFLICT', `${file} was changed in the meantime`, {
        hint: 'Run the command again.',
      });
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error instanceof SecretError ? error : cannotWrite(file, errnoCode(error));
  }
  await syncFolder(dirname(path));
}

/** Creates the file, on the disk before it returns; `false` if there is one of that name. */
async function writeNew(
  path: string,
  bytes: Uint8Array,
  mode: number,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    // never more open than 0600 while the content is being written
    handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    await handle.writeFile(bytes);
    // only root may give a file away; anybody else keeps it
    if (owner) await handle.chown(owner.uid, owner.gid).catch(() => {});
    await handle.chmod(mode);
    await handle.sync();
    return true;
  } catch (error) {
    if (handle === undefined && errnoCode(error) === 'EEXIST') return false;
    if (handle !== undefined) await unlink(path).catch(() => {});
    throw cannotWrite(path, errnoCode(error));
  } finally {
    await handle?.close();
  }
}

/** Makes a new name in the folder survive a power cut, where the system lets a folder be synced. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows cannot; the content itself is synced
  }
}

function cannotWrite(path: string, code: string | undefined): SecretError {
  const why = code === undefined ? '' : ` (${code})`;
  return new SecretError('ERR_SECRET_CONFIG', `${path} cannot be written${why}`, {
    hint: 'Make its folder writable for this user, with space left.',
  });
}
