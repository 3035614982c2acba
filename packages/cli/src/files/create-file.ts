/**
 * A new file that is written as a whole or not at all: a half-written one would later be taken for the file.
 */
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { errnoOf } from '@keyfall/core/provider/files';
import { writeProblem } from '@keyfall/core/provider/files/write';

/**
 * Writes a new file, and syncs it to the disk. Never overwrites.
 *
 * @param mode - its permissions, before the umask
 * @throws `ERR_SECRET_CONFLICT` if the file exists; as `writeProblem` of core if it cannot be written, and then nothing of
 *   it is left
 */
export async function createFile(
  path: string,
  content: Uint8Array | string,
  mode = 0o666,
): Promise<void> {
  const file = { path: resolve(path), shown: path, provider: 'keyfall' };
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const handle = await open(path, flags, mode).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw writeProblem(file, error);
    throw new SecretError('ERR_SECRET_CONFLICT', `${path} exists already`, {
      hint: 'Remove it first, or name another file.',
    });
  });
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw writeProblem(file, error);
  } finally {
    await handle.close();
  }
}
