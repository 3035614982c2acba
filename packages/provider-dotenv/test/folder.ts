/**
 * A folder for each test of a file, with the path of a `.env` in it.
 */
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';

/** The folder of the test that runs. */
export let folder: string;
/** `.env` in it; nothing is there at first. */
export let path: string;

/** To be called once in a file: makes the folder before each test, and removes it afterwards. */
export function folderForEachTest(): void {
  beforeEach(async () => {
    folder = await testFolder();
    path = join(folder, '.env');
  });
}
