// Core's own tests, in whichever runtime runs vitest.
import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import { testsWith } from '../../vitest.shared.ts';

const shared = testsWith({ isolate: true, exclude: [] });
const { include: _, ...test } = shared.test;
export default mergeConfig(
  { ...shared, test },
  defineConfig({
    root: fileURLToPath(new URL('../..', import.meta.url)),
    test: {
      include: [
        'packages/core/test/**/*.test.ts',
        'packages/testkit/test/core/**/*.test.ts',
        'packages/testkit/test/core-conformance.test.ts',
      ],
      // Bun says that a module's namespace has `__esModule`, so that vitest would take one that is exported
      // as `default` (zod's) for CommonJS that was compiled. No dependency of these tests is CommonJS.
      deps: { interopDefault: false },
      setupFiles: ['scripts/runtimes/right-runtime.mjs'],
    },
  }),
);
