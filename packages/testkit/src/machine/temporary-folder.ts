/**
 * A place for the files of one test.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder, and what removes it with all that is in it. */
export interface TemporaryFolder {
  /** An absolute path. */
  readonly folder: string;
  remove(): Promise<void>;
}

/**
 * Makes an empty folder for one test, in the system's folder for temporary files.
 *
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { join } from 'node:path';
 * import { temporaryFolder } from '@keyfall/testkit';
 *
 * const { folder, remove } = await temporaryFolder();
 * await writeFile(join(folder, '.env'), 'TOKEN=value');
 * await remove();
 * ```
 */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-test-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
