// Bundles the command into a few files: opening the eighty of it and of what it imports would take
// longer than all that `run` does.
import { chmodSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licencesIn } from '../../scripts/licences.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const folder = join(here, 'dist/bundle');
const vaultFolder = realpathSync(join(here, 'node_modules/@keyfall/provider-vault/src'));

/** Every module that `run` with a .env imports, and what Vault adds; found when the modules are known. */
const start = new Set();
const vault = new Set();

/** What comes with the packages of these and is for other commands. */
const forOthers =
  /\/core\/src\/(?:chain\/(?:describe|watching)|loading\/|providers\/(?:composition|env-|memory-)|files\/(?:edit|lock|replace))|\/provider-dotenv\/src\/(?:check\/inspect|editing\/|index|readers\/(?:expand|npm|scan))/;

const bundle = await rolldown({
  input: join(here, 'src/bin.ts'),
  platform: 'node',
  // the packages of this repository as they are written
  resolve: { conditionNames: ['@keyfall/source', 'node'] },
  preserveEntrySignatures: false,
  // what asks in a terminal, and what loads files of its own, stays where npm installs it
  external: ['@clack/prompts', 'jiti'],
  plugins: [
    {
      name: 'start',
      buildEnd() {
        const add = (group, id) => {
          if (start.has(id) || group.has(id)) return;
          group.add(id);
          this.getModuleInfo(id)?.importedIds.forEach((imported) => {
            add(group, imported);
          });
        };
        add(start, join(here, 'src/bin.ts'));
        for (const id of this.getModuleIds()) {
          // imported by the first file that is read
          if (id.includes('/node_modules/dotenv/')) add(start, id);
          // imported by the first question for everything
          if (id.endsWith('/core/src/chain/chain-as-provider.ts')) add(start, id);
          // what every file uses, and is a file of its own otherwise
          if (id.startsWith('\0')) add(start, id);
        }
        add(vault, join(vaultFolder, 'vault-provider.ts'));
      },
    },
    {
      // the names of variables, without the client that reads them
      name: 'variables-alone',
      resolveId: (source, importer) =>
        source === '@keyfall/provider-vault' && importer?.endsWith('bootstrap-settings.ts')
          ? join(vaultFolder, 'environment/vault-variables.ts')
          : undefined,
    },
  ],
  // what most commands load at its first use is what some begin with
  checks: { ineffectiveDynamicImport: false },
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
    // one file of all that `run` with a .env needs, one of what Vault adds; the rest by the command
    // that imports it
    includeDependenciesRecursively: false,
    groups: [
      { name: 'start', test: (id) => start.has(id) && !forOthers.test(id) },
      { name: 'vault', test: (id) => vault.has(id) || id === join(vaultFolder, 'index.ts') },
    ],
  },
});

// One character beyond ASCII, and V8 holds the whole file in two bytes a character.
for (const chunk of output)
  writeFileSync(
    join(folder, chunk.fileName),
    chunk.code.replace(
      /[^\0-\x7f]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );

// npm sets it when it links the command, and a build after that, also one from turbo's cache, undoes it
chmodSync(join(folder, 'bin.cjs'), 0o755);

writeFileSync(join(folder, 'LICENSES.txt'), licencesIn(output));
