/**
 * Files that another program has open. Windows does not let such a file be replaced or created meanwhile, and virus
 * scanners open each file there as soon as it is written.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { errnoOf } from './store-file.ts';

/** What Windows answers for one. */
const errors: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** Pauses between the attempts, in milliseconds: some two seconds together. A scanner is done in less. */
const pauses = [10, 20, 50, 100, 200, 300, 400, 400, 500];

/** Whether a file operation may have failed since another program has the file open, which only Windows minds. */
export function isInUse(thrown: unknown): boolean {
  return process.platform === 'win32' && errors.has(errnoOf(thrown));
}

/**
 * Does a file operation, and does it again for some two seconds while the file is in use.
 *
 * @throws what the operation throws
 */
export async function unlessInUse<Result>(operation: () => Promise<Result>): Promise<Result> {
  for (const pause of pauses) {
    try {
      return await operation();
    } catch (error) {
      if (!isInUse(error)) throw error;
      await wait(pause);
    }
  }
  return operation();
}
