// What every package's vitest.config.ts shares: tests run against src/, not dist/, so no build is
// needed and coverage maps to sources.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

// `npm test` needs only what npm and PyPI give. `.ci/run` adds the two suites that need more: servers
// and tools from Debian or Go (scripts/provision), and drills that break real servers.
const suites: Readonly<Record<string, string>> = {
  provisioned: 'test/**/*.provisioned.test.ts',
  drills: 'test/**/*.drill.test.ts',
};
const own = suites[process.env['KEYFALL_SUITE'] ?? ''];

/** Files that `npm run check:quick` leaves out; vitest does not pass its option --exclude on to projects. */
const leftOut = process.env['KEYFALL_TESTS_LEFT_OUT']?.split(' ') ?? [];

const packages = join(import.meta.dirname, 'packages');

/**
 * Test files that replace modules (`vi.mock`), which are replaced for all files of their process. So each of them has a
 * process of its own, in a project that they make up together.
 */
export const replacingFiles: readonly string[] = readdirSync(packages).flatMap((name) => {
  const folder = join(packages, name, 'test');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!provisioned|drill)\.test\.ts$/.test(file))
    .map((file) => join(folder, file))
    .filter((file) => /^\s*vi\.(?:mock|doMock|resetModules)\(/m.test(readFileSync(file, 'utf8')));
});

/** How the tests of a project run. */
export interface TestOptions {
  /**
   * Whether each file has a process of its own. Default: the files run one after the other in as many processes as run
   * at once, and share the modules there.
   */
  readonly isolate?: boolean;
  /** The files of it. Default: all of the package. */
  readonly include?: readonly string[];
  /** Files that are left out. Default: those that replace modules. */
  readonly exclude?: readonly string[];
}

/** The configuration of a project. */
export function testsWith({
  isolate = false,
  include = ['test/**/*.test.ts'],
  exclude = replacingFiles,
}: TestOptions = {}): ViteUserConfig {
  return defineConfig({
    resolve: { conditions: ['@keyfall/source'] },
    ssr: { resolve: { conditions: ['@keyfall/source'] } },
    test: {
      include: own === undefined ? [...include] : [own],
      exclude: own === undefined ? [...Object.values(suites), ...exclude, ...leftOut] : [],
      // drills and what takes the whole machine share nothing
      isolate: isolate || own !== undefined,
      // the longest take 8 s on an idle machine, and 30 s on one with ten others at work
      testTimeout: 90_000,
      hookTimeout: 180_000,
    },
  });
}

export default testsWith();
