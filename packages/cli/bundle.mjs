// Bundles the command into a few files: opening the eighty of it and of what it imports would take
// longer than all that `run` does. Runs after tsc, on its output.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const here = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const folder = join(here, 'dist/bundle');

/** Whether a module is one of those that `run` loads in any case. */
function isOfStart(id) {
  const own = /packages\/cli\/dist\/([\w/-]+)\.js$/.exec(id)?.[1];
  if (own !== undefined)
    return !/^(config\/(?!find-config)|migration\/|commands\/(?!run$)|diagnosis\/|completion|confirm|layout|masked|name-types|near-names|one-call|spinner|supervise|watch)/.test(
      own,
    );
  return /packages\/(core|provider-dotenv)\/dist\/|\/(commander|dotenv)\/|\/vault-variables\.js$/.test(
    id,
  );
}

const bundle = await rolldown({
  input: join(here, 'dist/bin.js'),
  platform: 'node',
  preserveEntrySignatures: false,
  // what only some commands import stays where npm installs it
  external: ['@clack/prompts', 'jiti', 'node-vault', 'yaml', 'zod'],
  plugins: [
    {
      // the names of variables, without the client that reads them
      name: 'variables-alone',
      resolveId: (source, importer) =>
        source === '@keyfall/provider-vault' && importer?.endsWith('bootstrap-settings.js')
          ? realpathSync(join(here, 'node_modules/@keyfall/provider-vault/dist/vault-variables.js'))
          : undefined,
    },
  ],
  transform: { define: { KEYFALL_VERSION: JSON.stringify(version) } },
});
const { output } = await bundle.write({
  dir: folder,
  cleanDir: true,
  // Node starts CommonJS without the machinery that import needs
  format: 'cjs',
  entryFileNames: '[name].cjs',
  minify: true,
  chunkFileNames: '[name].cjs',
  codeSplitting: {
    // one file of all that `run` with a .env needs; the rest by the command that imports it
    includeDependenciesRecursively: false,
    groups: [{ name: 'start', test: isOfStart }],
  },
});

// the licences of others ask to go where their code goes
const packages = new Set();
for (const { moduleIds = [] } of output)
  for (const id of moduleIds) {
    const at = id.lastIndexOf('/node_modules/');
    if (at < 0) continue;
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(id.slice(at + '/node_modules/'.length))[0];
    packages.add(id.slice(0, at + '/node_modules/'.length) + name);
  }
const licences = [...packages].sort().map((path) => {
  const { name, version: its } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  return `${name} ${its}\n\n${readFileSync(join(path, 'LICENSE'), 'utf8').trim()}\n`;
});
writeFileSync(join(folder, 'LICENSES.txt'), licences.join('\n---\n\n'));
