/**
 * Who else sees a `.env` file: those who can read it, and those who have the repository.
 */
import { access, constants, realpath, stat } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '@keyfall/core/provider/files';
import { isTracked } from './git-index.ts';

// of `node:fs` alone, as the reading itself (core's `store-file.ts` says why)
const realPathOf = promisify(realpath.native);
const statPath = promisify(stat);
const tryAccess = promisify(access);

/** What is known of a file's readers. */
export interface Exposure {
  /** Its real path. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Every user of the machine can read it: its mode and the folders above allow it. */
  readonly toAll: boolean;
  /** Whether git tracks it; `undefined` where that cannot be told. */
  readonly tracked: boolean | undefined;
}

/** Who sees the file at `path`, or `undefined` if it is not there. Never throws. */
export async function exposureOf(path: string): Promise<Exposure | undefined> {
  try {
    const real = await realPathOf(path);
    const [{ mode }, tracked] = await Promise.all([statPath(real), isTracked(real)]);
    return { path: real, mode: mode & 0o7777, toAll: await isOpen(real, mode), tracked };
  } catch {
    return undefined; // reading it tells what is the matter
  }
}

async function isOpen(path: string, mode: number): Promise<boolean> {
  if (process.platform === 'win32' || (mode & 0o004) === 0) return false;
  for (let at = path; at !== dirname(at); at = dirname(at))
    if (((await statPath(dirname(at))).mode & 0o001) === 0) return false;
  // A read-only mount is what a container was given: the mode there is the runtime's.
  return tryAccess(path, constants.W_OK).then(
    () => true,
    (error: unknown) => errnoOf(error) !== 'EROFS',
  );
}
