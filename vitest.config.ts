import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './vitest.sequence.ts';

export default defineConfig({
  test: {
    // one more than there are cores: tests wait for servers much of their time
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      'packages/*',
      'examples/*',
      'docs',
      'test/soak',
      'benchmarks',
      'site',
      ...(process.env['KEYFALL_SUITE']
        ? []
        : ['packages/cli/vitest.e2e.config.ts', 'vitest.replacing.config.ts']),
    ],
    // .ci/run takes its closing line from the reports, one a suite
    reporters: process.env['CI']
      ? [
          'default',
          [
            'json',
            {
              outputFile: `node_modules/.cache/keyfall/reports/${process.env['KEYFALL_SUITE'] ?? 'unit'}.json`,
            },
          ],
        ]
      : ['default'],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**'],
      reporter: ['text', 'json-summary'],
    },
  },
});
