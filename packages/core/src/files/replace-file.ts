/**
 * Puts new content in the place of a file at one instant: whoever reads sees the old or the new,
 * whole, also if the machine stops in between.
 */
import { access, constants, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SecretError, type SecretErrorCode, withApplied } from '../secret-error.ts';
import { keepAccess } from './keep-access.ts';
import { errnoOf, errnoProblem, type StoreFile } from './store-file.ts';

const room = 'Make room there, and do it again.';

const refusals: ReadonlyMap<string, readonly [SecretErrorCode, reason: string, hint?: string]> =
  new Map([
    ['EACCES', ['ERR_SECRET_DENIED', 'may not be written', 'Its folder must be writable too.']],
    ['EPERM', ['ERR_SECRET_DENIED', 'may not be written', 'Its folder must be writable too.']],
    ['ELOOP', ['ERR_SECRET_INVALID', 'is a link that leads in a circle']],
    ['EROFS', ['ERR_SECRET_DENIED', 'is on a read-only file system']],
    ['ENOENT', ['ERR_SECRET_CONFIG', 'is in a folder that does not exist', 'Create the folder.']],
    ['ENOTDIR', ['ERR_SECRET_CONFIG', 'lies below something that is not a folder']],
    ['ENAMETOOLONG', ['ERR_SECRET_CONFIG', 'is a longer path than the system allows']],
    ['ENOSPC', ['ERR_SECRET_UNAVAILABLE', 'could not be written: the disk is full', room]],
    ['EDQUOT', ['ERR_SECRET_UNAVAILABLE', 'could not be written: the quota is used up', room]],
    [
      'EBUSY',
      [
        'ERR_SECRET_UNSUPPORTED',
        'is a mount of its own, and cannot be replaced',
        'Mount its folder instead of the file.',
      ],
    ],
  ]);

/** The `SecretError` for what `node:fs` threw while a file was written. */
export function writeProblem(file: StoreFile, thrown: unknown): SecretError {
  return errnoProblem(file, thrown, refusals, 'could not be written');
}

/**
 * Where the file really is: a link is followed, so that what it points to is replaced and not the
 * link. A file that is not there has its folder's real path.
 */
export async function realPathOf(file: StoreFile): Promise<string> {
  try {
    return await realpath(file.path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw writeProblem(file, error);
  }
  try {
    return join(await realpath(dirname(file.path)), basename(file.path));
  } catch (error) {
    throw writeProblem(file, error);
  }
}

/**
 * Replaces the file at `real`, whose lock the caller must hold. Its mode, owner and access control list
 * stay; a new file gets mode 0600. Until then the new content is in a file beside it that only this user can read,
 * named so that a `.gitignore` rule for `.env*` covers it too.
 *
 * @param unchanged - asked last, before the rename; nothing is replaced if it answers `false`
 * @returns whether the file was replaced
 * @throws as {@link writeProblem}, saying in `applied` what became of it; `ERR_SECRET_DENIED` also if the file itself is read-only, or its
 *   owner could not be kept; `ERR_SECRET_UNSUPPORTED` if its access control list could not
 */
export async function replaceFile(
  file: StoreFile,
  real: string,
  content: Uint8Array,
  unchanged: () => Promise<boolean>,
): Promise<boolean> {
  const temporary = `${real}.keyfall-tmp`;
  let waiting = false;
  try {
    const old = await statOf(real);
    // A rename asks the folder only; but a file somebody made read-only is not to be changed.
    if (old !== undefined) await access(real, constants.W_OK);
    // One left behind by a writer that was killed; under the lock it is nobody's.
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    waiting = true;
    try {
      await handle.writeFile(content);
      if (old !== undefined) await keepAccess({ file, real, old, temporary, handle });
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!(await unchanged())) return false;
    try {
      await rename(temporary, real);
    } catch (error) {
      // over a network the answer may be lost, and the repeated request finds that there is nothing to rename
      const isThere = (await statOf(temporary).catch(() => undefined)) !== undefined;
      throw withApplied(writeProblem(file, error), isThere ? 'no' : 'unknown');
    }
    waiting = false;
    await syncFolder(dirname(real));
    return true;
  } catch (error) {
    throw withApplied(error instanceof SecretError ? error : writeProblem(file, error), 'no');
  } finally {
    if (waiting) await rm(temporary, { force: true });
  }
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  // Not every system can sync a folder. The content is replaced by now; only how soon a crash
  // cannot undo it depends on this.
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close().catch(() => undefined);
}
