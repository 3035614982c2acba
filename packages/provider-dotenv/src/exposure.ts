/**
 * Who else sees a `.env` file: those who can read it, and those who have the repository.
 */
import { access, constants, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '@keyfall/core/files';
import { isTracked } from './git-index.ts';

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
    const real = await realpath(path);
    const { mode } = await stat(real);
    return {
      path: real,
      mode: mode & 0o7777,
      toAll: await isOpen(real, mode),
      tracked: await isTracked(real),
    };
  } catch {
    return undefined; // reading it tells what is the matter
  }
}

async function isOpen(path: string, mode: number): Promise<boolean> {
  if (process.platform === 'win32' || (mode & 0o004) === 0) return false;
  for (let at = path; at !== dirname(at); at = dirname(at))
    if (((await stat(dirname(at))).mode & 0o001) === 0) return false;
  // A read-only mount is what a container was given: the mode there is the runtime's.
  return access(path, constants.W_OK).then(
    () => true,
    (error: unknown) => errnoOf(error) !== 'EROFS',
  );
}
