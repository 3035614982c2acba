// What every package's vitest.config.ts shares: tests run against src/, not dist/, so no build is
// needed and coverage maps to sources.
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

/** How the tests of a package run. */
export interface TestOptions {
  /**
   * Its tests replace modules (`vi.mock`), so each file has a process of its own. Other files run one after the
   * other in one process: to load the modules anew for each is half of the time of most.
   */
  readonly replacesModules?: boolean;
  /** The files of it. Default: all. */
  readonly include?: string;
  /** Files that are left out. */
  readonly exclude?: readonly string[];
}

/** The configuration of a package's tests. */
export function testsWith({
  replacesModules = false,
  include = 'test/**/*.test.ts',
  exclude = [],
}: TestOptions = {}): ViteUserConfig {
  return defineConfig({
    resolve: { conditions: ['@keyfall/source'] },
    ssr: { resolve: { conditions: ['@keyfall/source'] } },
    test: {
      include: [own ?? include],
      exclude: own === undefined ? [...Object.values(suites), ...exclude, ...leftOut] : [],
      // drills and what takes the whole machine share nothing
      isolate: replacesModules || own !== undefined,
      // the longest take 8 s on an idle machine, and 30 s on one with ten others at work
      testTimeout: 90_000,
      hookTimeout: 180_000,
    },
  });
}

export default testsWith();
