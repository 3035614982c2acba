/**
 * The file side of a migration: read once, backed up byte for byte, and replaced in one step or not
 * at all.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SecretError } from '@keyfall/core';
import { editDotenvFile } from '@keyfall/provider-dotenv';
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
    if (await writeNew(backup, bytes)) {
      await syncFolder(dirname(backup));
      return backup;
    }
  }
}

/**
 * Replaces the file's content in one step, in turn with every other writer of Keyfall: whoever reads
 * it sees the old bytes or the new ones. Mode and owner stay; a link stays a link.
 *
 * @param expected - the content that the change was made from
 * @throws `ERR_SECRET_CONFLICT` if the file holds something else by now; as `editDotenvFile` if it, or
 *   its folder, cannot be written to
 */
export async function replaceFile(
  file: string,
  bytes: Uint8Array,
  expected: Uint8Array | undefined,
): Promise<void> {
  await editDotenvFile(file, (now) => {
    if (expected !== undefined && !now?.equals(expected))
      throw new SecretError('ERR_SECRET_CONFLICT', `${file} was changed in the meantime`, {
        hint: 'Run the command again.',
      });
    return bytes;
  });
}

/** Creates the file for its owner alone, on the disk before it returns; `false` if there is one of that name. */
async function writeNew(path: string, bytes: Uint8Array): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    await handle.writeFile(bytes);
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
