// What every package's vitest.config.ts shares: tests run against src/, not dist/, so no build is
// needed and coverage maps to sources.
import { defineConfig } from 'vitest/config';

// `npm test` needs only what npm and PyPI give. `.ci/run` adds the two suites that need more: servers
// and tools from Debian or Go (scripts/provision), and drills that break real servers.
const suites: Readonly<Record<string, string>> = {
  provisioned: 'test/**/*.provisioned.test.ts',
  drills: 'test/**/*.drill.test.ts',
};
const own = suites[process.env['KEYFALL_SUITE'] ?? ''];

export default defineConfig({
  resolve: { conditions: ['@keyfall/source'] },
  ssr: { resolve: { conditions: ['@keyfall/source'] } },
  test: {
    include: [own ?? 'test/**/*.test.ts'],
    exclude: own === undefined ? Object.values(suites) : [],
    // the longest take 8 s on an idle machine, and 30 s on one with ten others at work
    testTimeout: 90_000,
    hookTimeout: 180_000,
  },
});
