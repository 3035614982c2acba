/**
 * Replaces a file atomically: a reader sees the whole old or the whole new content, even if the machine stops in
 * between.
 */
import { access, constants, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SecretError, type SecretErrorCode } from '../contract/secret-error.ts';
import { withApplied } from '../contract/with-applied.ts';
import { isInUse, unlessInUse } from './in-use.ts';
import { keepAccess } from './keep-access.ts';
import { errnoOf, errnoProblem, problem, type StoreFile } from './store-file.ts';

const room = 'Make room there, and do it again.';

type Refusal = readonly [SecretErrorCode, reason: string, hint?: string];

const mountRefusal: Refusal = [
  'ERR_SECRET_UNSUPPORTED',
  'is a mount of its own, and cannot be replaced',
  'Mount its folder instead of the file.',
];

const refusals: ReadonlyMap<string, Refusal> = new Map<string, Refusal>([
  ['EACCES', ['ERR_SECRET_DENIED', 'may not be written', 'Its folder must be writable too.']],
  ['EPERM', ['ERR_SECRET_DENIED', 'may not be written', 'Its folder must be writable too.']],
  [
    'ERR_ACCESS_DENIED',
    [
      'ERR_SECRET_DENIED',
      'may not be written by this process',
      'Start it with the permission for its folder: --allow-fs-write of Node, --allow-write of Deno.',
    ],
  ],
  ['ELOOP', ['ERR_SECRET_INVALID', 'is a link that leads in a circle']],
  ['EROFS', ['ERR_SECRET_DENIED', 'is on a read-only file system']],
  ['ENOENT', ['ERR_SECRET_CONFIG', 'is in a folder that does not exist', 'Create the folder.']],
  ['ENOTDIR', ['ERR_SECRET_CONFIG', 'lies below something that is not a folder']],
  [
    'ENAMETOOLONG',
    [
      'ERR_SECRET_CONFIG',
      'has too long a name: the files that are needed beside it have longer ones',
      'Give it a shorter name.',
    ],
  ],
  ['ENOSPC', ['ERR_SECRET_UNAVAILABLE', 'could not be written: the disk is full', room]],
  ['EDQUOT', ['ERR_SECRET_UNAVAILABLE', 'could not be written: the quota is used up', room]],
  ['EBUSY', mountRefusal],
]);

/** The `SecretError` for what `node:fs` threw while a file was written. */
export function writeProblem(file: StoreFile, thrown: unknown): SecretError {
  return errnoProblem(file, thrown, refusals, 'could not be written');
}

/**
 * The real path of the file: a link is followed, so that its target is replaced and not the link. A missing file is
 * resolved by the real path of its folder.
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
    // A rename needs rights on the folder only, but a read-only file must not be changed.
    if (old !== undefined) await access(real, constants.W_OK);
    // Left behind by a killed writer; under the lock it belongs to no other one.
    await rm(temporary, { force: true }).catch((error: unknown) => {
      throw errnoOf(error) === 'ERR_FS_EISDIR' ? inTheWay(file, temporary) : error;
    });
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
      await unlessInUse(() => rename(temporary, real));
    } catch (error) {
      // over a network the answer may be lost, and the repeated request finds that there is nothing to rename
      const isThere = (await statOf(temporary).catch(() => undefined)) !== undefined;
      const what = isInUse(error) ? inUse(file) : writeProblem(file, error);
      throw withApplied(what, isThere ? 'no' : 'unknown');
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

/**
 * Makes sure that {@link replaceFile} would succeed, as far as that can be known: everything happens except the last
 * step. For callers that first change something else, which they would have to undo. The caller must hold the lock.
 *
 * @throws as {@link replaceFile}
 */
export async function assertReplaceable(
  file: StoreFile,
  real: string,
  content: Uint8Array,
): Promise<void> {
  if (await isMount(real)) throw problem(file, ...mountRefusal);
  await replaceFile(file, real, content, async () => false);
}

/** Whether the path itself is a mount, which otherwise only the rename would show: proc_pid_mountinfo(5). */
async function isMount(real: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const octal = (character: string) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
  const path = real.replace(/[ \t\n\\]/g, octal);
  return mounts.split('\n').some((line) => line.split(' ', 5)[4] === path);
}

function inTheWay(file: StoreFile, folder: string): SecretError {
  return problem(
    file,
    'ERR_SECRET_CONFIG',
    `could not be written: ${folder} is a folder, and stands where the new content has to be first`,
    'Remove it or give it another name.',
  );
}

function inUse(file: StoreFile): SecretError {
  return problem(
    file,
    'ERR_SECRET_UNAVAILABLE',
    'could not be written: another program has it open',
    'Close it there, and do it again.',
  );
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a new name in the folder survive a power cut, if the system can sync a folder. */
export async function syncFolder(path: string): Promise<void> {
  // The content is written by now; this only decides how soon a crash can no longer undo it.
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close().catch(() => undefined);
}
