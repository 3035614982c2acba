// What @keyfall/core costs, minified and gzipped, after a build. The limit is for what an application
// that bundles `createSecrets` loads at start: typed loading and watching are chunks of their own,
// which the first `load` or `watch` fetches, and a bundler leaves out the exports that are not used.
// All of it is printed too.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

/** Bytes. */
const limit = 12_000;
const core = fileURLToPath(new URL('../packages/core/dist/index.js', import.meta.url));
const entry = 'entry-of-an-application';

/** Sizes of the chunk that is loaded at start, and of all chunks together. */
async function sizesOf(source) {
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    // a package that core would import must count, so only Node's own modules stay outside
    external: /^node:/,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : id === 'core' ? core : undefined),
        load: (id) => (id === entry ? source : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  const sizes = output.map(({ code }) => gzipSync(code, { level: 9 }).length);
  return { start: sizes[0], all: sizes.reduce((sum, size) => sum + size) };
}

const { start } = await sizesOf("export { createSecrets } from 'core'");
const { all } = await sizesOf("export * from 'core'");
console.log(
  `@keyfall/core: createSecrets ${start} bytes of at most ${limit}; everything ${all} bytes`,
);
if (start > limit) process.exitCode = 1;
