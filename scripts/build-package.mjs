/**
 * Builds what a package publishes, from its folder: `dist/esm` for `import`, `dist/cjs` for `require`. Each entry of
 * `exports` is a file in both, what several share is another, and what an entry loads at its first use is a file of its
 * own: opening the thirty files that an entry is written in takes longer than all that they do.
 *
 * In Node `require` gets the modules of `dist/esm`, too (the condition `module-sync`), so that a process has one copy of
 * the package. `dist/cjs` is for what does not know that condition: Jest, some bundlers, TypeScript's older resolutions.
 *
 * The types are of tsc, a file for each source file, so that an editor goes to the source.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { licencesIn } from './licences.mjs';
import { tsc } from './tsc.mjs';

const {
  dependencies = {},
  peerDependencies = {},
  exports,
} = JSON.parse(readFileSync('package.json', 'utf8'));

/** What is installed beside the package. */
const installed = Object.keys({ ...dependencies, ...peerDependencies });

/** Whether an installed package has ES modules alone, which CommonJS cannot load everywhere. */
function isModulesOnly(name) {
  const { type, exports: its = {} } = JSON.parse(
    readFileSync(`node_modules/${name}/package.json`, 'utf8'),
  );
  return type === 'module' && !JSON.stringify(its).includes('"require"');
}

/** What stays an import: Node's own modules, and of what is installed that which the format can load. */
function isExternalIn(format) {
  const kept = installed.filter((name) => format === 'esm' || !isModulesOnly(name));
  return (id) =>
    id.startsWith('node:') || kept.some((name) => id === name || id.startsWith(`${name}/`));
}

/** The name of each entry in `dist/esm`, and its source. */
const entries = Object.fromEntries(
  Object.values(exports)
    .filter((target) => typeof target !== 'string')
    .map(({ '@keyfall/source': source }) => [source.slice('./src/'.length, -'.ts'.length), source]),
);

/** A package whose entry waits (a top-level await) cannot be required: it has a file of its own that says so. */
const isRequired = Object.values(exports).some((target) =>
  target.require?.default.startsWith('./dist/cjs/'),
);

/**
 * Keeps together what is loaded with the first entry: else each file of it that something else needs, too, is a chunk. An
 * entry itself stays apart, so that it exports what it says and no more.
 */
function loadedAtOnce() {
  const modules = new Set();
  const sources = new Set(Object.values(entries).map((source) => resolve(source)));
  return {
    group: { name: 'main', test: (id) => modules.has(id) && !sources.has(id) },
    plugin: {
      name: 'loaded-at-once',
      buildEnd() {
        const add = (id) => {
          if (modules.has(id)) return;
          modules.add(id);
          this.getModuleInfo(id)?.importedIds.forEach(add);
        };
        add(resolve(Object.values(entries)[0]));
      },
    },
  };
}

/**
 * Takes Node's modules from the process. An import of `node:http` costs 35 ms on Node 24, since it reads every export of
 * it and so loads Node's `fetch`; this does not. Nor does a bundler have to know what a package that is built in requires.
 */
const builtinsOfProcess = {
  name: 'builtins-of-process',
  /** Of our own modules: each import is a line by itself in what rolldown writes. */
  renderChunk: (code) => ({
    code: code.replace(
      /^import (?:\* as )?(\{.*\}|[\w$]+) from "(node:[\w/]+)";$/gm,
      (_, names, module) =>
        `const ${names.replaceAll(' as ', ': ')} = process.getBuiltinModule("${module}");`,
    ),
    // every line stays where it is
    map: null,
  }),
  resolveId: (id, importer) =>
    isBuiltin(id) && importer?.includes('/node_modules/') ? `\0builtin:${id}` : undefined,
  load: (id) =>
    id.startsWith('\0builtin:')
      ? `module.exports = process.getBuiltinModule(${JSON.stringify(id.slice('\0builtin:'.length))});`
      : undefined,
};

async function write(format, dir) {
  const { group, plugin } = loadedAtOnce();
  const bundle = await rolldown({
    input: entries,
    platform: 'node',
    external: isExternalIn(format),
    plugins: [plugin, ...(format === 'esm' ? [builtinsOfProcess] : [])],
    preserveEntrySignatures: 'allow-extension',
    // what one entry loads at its first use may be what another one begins with
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundle.write({
    dir,
    format,
    exports: 'named',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    codeSplitting: { includeDependenciesRecursively: false, groups: [group] },
    sourcemap: true,
    // `src` is published
    sourcemapExcludeSources: true,
    // an editor shows them from the types; in the code they would be read at each start
    comments: { jsdoc: false },
  });
  await bundle.close();
  return output;
}

/** Removes the types of what no entry leads to. */
function keepReachableTypes(folder) {
  const reachable = new Set();
  const visit = (file) => {
    if (reachable.has(file)) return;
    reachable.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(
      /(?:from|import\() ?['"](\.[^'"]+)\.(?:js|ts)['"]/g,
    ))
      visit(join(dirname(file), `${path}.d.ts`));
  };
  for (const name of Object.keys(entries)) visit(join(folder, `${name}.d.ts`));
  for (const path of readdirSync(folder, { recursive: true }))
    if (/\.d\.ts(?:\.map)?$/.test(path) && !reachable.has(join(folder, path.replace(/\.map$/, ''))))
      rmSync(join(folder, path));
}

rmSync('dist', { recursive: true, force: true });
tsc('-p', 'tsconfig.json');
keepReachableTypes('dist/esm');
if (isRequired) {
  cpSync('dist/esm', 'dist/cjs', { recursive: true });
  writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');
}
const output = [
  ...(await write('esm', 'dist/esm')),
  ...(isRequired ? await write('cjs', 'dist/cjs') : []),
];
const licences = licencesIn(output);
if (licences !== '') writeFileSync('dist/LICENSES.txt', licences);
