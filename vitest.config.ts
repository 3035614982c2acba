import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // vitest leaves one core free, which on two is half; tests wait for servers much of their time
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: ['packages/*', 'examples/*', 'docs'],
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
