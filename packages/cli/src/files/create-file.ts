/**
 * A new file, whole or not there: what a full disk or a kill leaves half-written would be taken for it later.
 */
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { errnoOf, writeProblem } from '@keyfall/core/provider/files';

/**
 * Writes a file that is not there yet; it is on the disk before this returns. Never overwrites.
 *
 * @param mode - its permissions, less what the umask takes
 * @throws `ERR_SECRET_CONFLICT` if a file of that name is there; as `writeProblem` of core if it cannot be
 *   written, when nothing of it is left
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
    throw new SecretError('ERR_SECRET_CONFLICT', `${path} is there already`, {
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
