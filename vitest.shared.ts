// What every package's vitest.config.ts shares: tests run against src/, not dist/, so no build is
// needed and coverage maps to sources.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@keyfall/source'] },
  ssr: { resolve: { conditions: ['@keyfall/source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 180_000,
  },
});
