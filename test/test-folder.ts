// What the tests of several packages share: a folder of their own.
import { temporaryFolder } from '@keyfall/testkit';
import { onTestFinished } from 'vitest';

/** Makes an empty folder for the test that runs, also from a `beforeEach`. It is removed when the test has ended. */
export async function testFolder(): Promise<string> {
  const { folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  return folder;
}
