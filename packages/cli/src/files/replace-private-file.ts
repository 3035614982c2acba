import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { unlessInUse } from '@keyfall/core/provider/files/write';

/**
 * Writes a file that this user alone may read, as a whole or not at all. What was there is replaced, whatever its permissions
 * were; of a link the link itself.
 *
 * @throws what the system throws; nothing is left of it then, and what was there stays
 */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await unlessInUse(() => rename(temporary, path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}
