// Core's own tests, in whichever runtime runs vitest.
import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import { testsWith } from '../../vitest.shared.ts';

/** Modes, links and pipes of POSIX, and its shells. */
const ofPosix = [
  'packages/core/test/files/!(places).test.ts',
  'packages/core/test/redaction/writings.test.ts',
];

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
      exclude: process.platform === 'win32' ? ofPosix : [],
      // Bun says that a module's namespace has `__esModule`, so that vitest would take one that is exported
      // as `default` (zod's) for CommonJS that was compiled. No dependency of these tests is CommonJS.
      deps: { interopDefault: false },
      setupFiles: ['scripts/runtimes/right-runtime.mjs'],
    },
  }),
);
