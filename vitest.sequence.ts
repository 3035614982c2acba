// In which order the test files start. vitest goes through the projects by their names, so that the one file that takes as
// long as half a suite would start when all the others are over, and run alone.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes: they start first, and the others run beside them. */
const longest = ['site/test/site.provisioned.test.ts'];

const isLong = ({ moduleId }: TestSpecification): boolean =>
  longest.some((file) => moduleId.endsWith(`/${file}`));

/** vitest's own order, but for the files that take minutes. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
