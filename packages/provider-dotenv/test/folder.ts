/**
 * A folder for each test of a file, with the path of a `.env` in it.
 */
import { join } from 'node:path';
import { temporaryFolder } from '@keyfall/testkit';
import { afterEach, beforeEach, onTestFinished } from 'vitest';

/** The folder of the test that runs. */
export let folder: string;
/** `.env` in it; nothing is there at first. */
export let path: string;

/** To be called once in a file: makes the folder before each test, and removes it afterwards. */
export function folderForEachTest(): void {
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    path = join(folder, '.env');
  });
  afterEach(() => remove());
}

/** Another folder, for the test that runs, and removed after it. */
export async function anotherFolder(): Promise<string> {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  return made.folder;
}
