// Core's own tests, in whichever runtime runs vitest.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { replacingFiles, testsWith } from '../../vitest.shared.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const files = [
  'packages/core/test/**/*.test.ts',
  'packages/testkit/test/core/**/*.test.ts',
  'packages/testkit/test/core-conformance.test.ts',
];

/** Modes, links and pipes of POSIX, and its shells. */
const ofPosix = [
  'packages/core/test/files/!(places).test.ts',
  'packages/core/test/redaction/writings.test.ts',
];
const left = process.platform === 'win32' ? ofPosix : [];

/** Those that replace modules have a process each, as in `npm test`; the others share a few. */
const replacing = replacingFiles
  .map((file) => relative(root, file).replaceAll('\\', '/'))
  .filter((file) => /^packages\/(?:core\/test\/|testkit\/test\/core[/-])/.test(file));

function project(name, { isolate, include, exclude }) {
  const { test, ...shared } = testsWith({ isolate, include, exclude: [] });
  return {
    ...shared,
    root,
    test: {
      ...test,
      name,
      include,
      exclude,
      // Bun says that a module's namespace has `__esModule`, so that vitest would take one that is exported
      // as `default` (zod's) for CommonJS that was compiled. No dependency of these tests is CommonJS.
      deps: { interopDefault: false },
      setupFiles: ['scripts/runtimes/right-runtime.mjs'],
    },
  };
}

export default defineConfig({
  root,
  test: {
    projects: [
      project('core', { isolate: false, include: files, exclude: [...replacing, ...left] }),
      project('replacing', { isolate: true, include: replacing, exclude: left }),
    ],
  },
});
