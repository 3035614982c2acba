// How Stryker runs the tests of an area: in a copy of the repository, where a package must mean the
// mutated source beside it. The links in `node_modules` lead back to what was copied, which has no mutants.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { testsWith } from '../../vitest.shared.ts';

interface Area {
  readonly tests: string[];
  readonly slow?: string[];
  readonly patience?: number;
}
const {
  tests,
  slow = [],
  patience = 120_000,
}: Area = JSON.parse(process.env['KEYFALL_MUTANTS_AREA'] ?? '{"tests":[]}');
const packages = join(process.cwd(), 'packages');
const alias = readdirSync(packages).flatMap((folder) => {
  const text = readFileSync(join(packages, folder, 'package.json'), 'utf8');
  const { name, exports = {} } = JSON.parse(text) as {
    name: string;
    exports?: Record<string, Record<string, string>>;
  };
  return Object.entries(exports).flatMap(([subpath, { '@keyfall/source': source }]) =>
    source === undefined
      ? []
      : [
          {
            find: new RegExp(`^${name}${subpath.slice(1)}$`),
            replacement: join(packages, folder, source),
          },
        ],
  );
});
/** First the quick ones: the first failure is enough. */
class QuickOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const slowness = ({ moduleId }: TestSpecification) =>
      slow.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
    return files.toSorted((one, other) => slowness(one) - slowness(other));
  }
}

const startsServers = join(packages, 'testkit/src/index.ts');
const oneServer = join(process.cwd(), 'scripts/mutants/one-server.ts');

export default mergeConfig(
  testsWith({ isolate: true, exclude: [] }),
  defineConfig({
    root: process.cwd(),
    resolve: {
      // the tests of a mutant take a second or two, and a server of their own would take as long
      alias: alias.map((one) =>
        one.replacement === startsServers ? { ...one, replacement: oneServer } : one,
      ),
    },
    test: {
      include: tests,
      sequence: { sequencer: QuickOnesFirst },
      // instrumented, and beside whatever else the machine does
      testTimeout: patience,
    },
  }),
);
