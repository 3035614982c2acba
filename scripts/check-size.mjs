// What @keyfall/core costs, minified and gzipped, after a build. The limit is for what an application
// that bundles `createSecrets` loads at start: typed loading, watching, writing, explaining and what is asked of
// the whole chain are chunks of their own, which the first `load`, `watch`, `set`, `explain` or `getAll` fetches,
// and a bundler leaves out the exports that are not used.
// All of it is printed too.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

/** 17 kB, in bytes. */
const limit = 17 * 1024;
const core = new URL('../packages/core/dist/esm/index.js', import.meta.url);
const entry = 'entry-of-an-application';

/**
 * Sizes of what is loaded at start, and of all. What is loaded at start is one chunk, also where a later
 * chunk needs some of it: rollup leaves it there by itself, and rolldown is told to.
 *
 * @param source - the application
 * @param used - the file of core that has what it uses: what the main entry exports besides is left out by a bundler
 */
async function sizesOf(source, used) {
  const atStart = new Set();
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    preserveEntrySignatures: 'allow-extension',
    // a package that core would import must count, so only Node's own modules stay outside
    external: /^node:/,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : id === 'core' ? fileURLToPath(core) : undefined),
        load: (id) => (id === entry ? source : undefined),
        buildEnd() {
          const add = (id) => {
            if (atStart.has(id)) return;
            atStart.add(id);
            for (const imported of this.getModuleInfo(id)?.importedIds ?? []) add(imported);
          };
          add(used);
          atStart.add(entry);
        },
      },
    ],
  });
  const { output } = await bundle.generate({
    format: 'esm',
    minify: true,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: 'start', test: (id) => atStart.has(id) }],
    },
  });
  await bundle.close();
  const sizeOf = (chunks) =>
    chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
  const [first] = output;
  const others = output.slice(1);
  // nothing may be loaded with it unseen
  const shared = others.filter(({ fileName }) => first.imports.includes(fileName));
  return { start: sizeOf([first, ...shared]), all: sizeOf(output) };
}

const chain = fileURLToPath(new URL('chunks/main.js', core));
const { start } = await sizesOf("export { createSecrets } from 'core'", chain);
const { all } = await sizesOf("export * from 'core'", fileURLToPath(core));
console.log(
  `@keyfall/core: createSecrets ${start} bytes of at most ${limit}; everything ${all} bytes`,
);
if (start > limit) process.exitCode = 1;
