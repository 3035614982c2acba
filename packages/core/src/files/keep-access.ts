/**
 * Gives the replacement of a file the same access as the original, and no more. If a file has an access control list
 * (POSIX.1e draft 17), the group bits of its mode limit every entry of the list, and a folder's default list adds
 * entries to each new file. Node can read neither: GNU's cp copies the list, or removes the inherited one.
 */
import type { Stats } from 'node:fs';
import { access, constants, type FileHandle } from 'node:fs/promises';
import type { SecretError } from '../contract/secret-error.ts';
import { errnoOf, problem, type StoreFile } from './store-file.ts';

/** The folders of the system's own cp; one that PATH finds might come from a repository. */
const places = ['/usr/bin/cp', '/bin/cp', '/run/current-system/sw/bin/cp'];

/** A file under its real path, and its replacement. */
export interface Replacement {
  readonly file: StoreFile;
  readonly real: string;
  readonly old: Stats;
  /** Just created, with mode 0600, and its handle. */
  readonly temporary: string;
  readonly handle: FileHandle;
}

/**
 * Gives the temporary file the owner, mode and access control list of the other one.
 *
 * @param programs - where cp may be
 * @throws `ERR_SECRET_UNSUPPORTED` if a list might be lost, so that the group of the file could read what only
 *   the users in the list may; `ERR_SECRET_DENIED` for the file of another user; what `node:fs` throws
 */
export async function keepAccess(
  { file, real, old, temporary, handle }: Replacement,
  programs: readonly string[] = places,
): Promise<void> {
  const made = await handle.stat();
  if (made.uid !== old.uid || made.gid !== old.gid)
    await handle.chown(old.uid, old.gid).catch((error: unknown) => {
      throw errnoOf(error) === 'EPERM' ? notOurs(file) : error;
    });
  const mode = old.mode & 0o7777;
  // the group bits limit every entry of a list
  const group = (mode >> 3) & 7;
  if (process.platform !== 'linux' || group === 0) return handle.chmod(mode);
  if (await copyAccess(real, temporary, programs))
    if (((await handle.stat()).mode & 0o7777) === mode) return;
  // what all users may do, its group may do anyway
  if ((group & ~mode) === 0) return handle.chmod(mode);
  throw problem(
    file,
    'ERR_SECRET_UNSUPPORTED',
    'lets its group in, and whether an access control list narrows that is unknown without cp of GNU',
    `Install coreutils, or take the access away (chmod g= ${file.shown}), and do it again.`,
  );
}

function notOurs(file: StoreFile): SecretError {
  return problem(
    file,
    'ERR_SECRET_DENIED',
    'belongs to another user, and cannot be replaced by a file that does',
    'Let its owner write it, or make it your own.',
  );
}

async function copyAccess(from: string, to: string, programs: readonly string[]): Promise<boolean> {
  const { execFile } = await import('node:child_process');
  for (const program of programs) {
    if (!(await isProgram(program))) continue;
    // another cp does not know --attributes-only, and ends with an error before it does anything
    const args = ['--attributes-only', '--preserve=mode', '--', from, to];
    return new Promise((resolve) => {
      execFile(program, args, { env: {}, timeout: 10_000 }, (error) => resolve(error === null));
    });
  }
  return false;
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
