/**
 * Who else can read a `.env` file: users of the machine, and everyone who has the repository.
 */
import { access, constants, lstat, realpath, stat } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '@keyfall/core/provider/files';
import { isTracked } from './git-index.ts';

// of `node:fs`, for the reason that core's `store-file.ts` gives
const realPathOf = promisify(realpath.native);
const statPath = promisify(stat);
const statLink = promisify(lstat);
const tryAccess = promisify(access);

/** Who can read a file. */
export interface Exposure {
  /** Its real path. */
  readonly path: string;
  /** Whether it is a link to that: then its mode is that of a file which may not be the user's to change. */
  readonly isLink: boolean;
  /** Permission bits. */
  readonly mode: number;
  /** Every user of the machine can read it: its mode and the folders above allow it. */
  readonly readableByAll: boolean;
  /** Whether git tracks it; `undefined` if that is unknown. */
  readonly tracked: boolean | undefined;
}

/** Who can read the file at `path`, or `undefined` if it does not exist. Never throws. */
export async function exposureOf(path: string): Promise<Exposure | undefined> {
  try {
    const real = await realPathOf(path);
    const [{ mode }, link, tracked] = await Promise.all([
      statPath(real),
      statLink(path),
      isTracked(real),
    ]);
    const readableByAll = await isOpen(real, mode);
    const isLink = link.isSymbolicLink();
    return { path: real, isLink, mode: mode & 0o7777, readableByAll, tracked };
  } catch {
    return undefined; // reading the file reports what is wrong
  }
}

async function isOpen(path: string, mode: number): Promise<boolean> {
  if (process.platform === 'win32' || (mode & 0o004) === 0) return false;
  for (let at = path; at !== dirname(at); at = dirname(at))
    if (((await statPath(dirname(at))).mode & 0o001) === 0) return false;
  // On a read-only mount of a container the runtime sets the mode.
  return tryAccess(path, constants.W_OK).then(
    () => true,
    (error: unknown) => errnoOf(error) !== 'EROFS',
  );
}
