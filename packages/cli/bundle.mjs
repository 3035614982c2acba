// Bundles the command into a few files: opening the eighty of it and of what it imports would take
// longer than all that `run` does. The packages of this repository are in it, and so are their types:
// who installs the command gets its providers once.
import { chmodSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { rolldown } from 'rolldown';
import { licencesIn } from '../../scripts/licences.mjs';
import { tsc } from '../../scripts/tsc.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { version, devDependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const folder = join(here, 'dist/bundle');
const vaultFolder = realpathSync(join(here, 'node_modules/@keyfall/provider-vault/src'));

/** The command, what `@keyfall/auto` imports, and what a configuration file imports. */
const entries = new Set(['bin', 'auto', 'index'].map((name) => join(here, `src/${name}.ts`)));

/** Every module that `run` with a .env imports, and what Vault adds; found when the modules are known. */
const start = new Set();
const vault = new Set();

/** What comes with the packages of these and is for other commands. */
const forOthers =
  /\/core\/src\/(?:chain\/(?:describe|watching)|loading\/|providers\/(?:composition|env-|memory-)|references\/|files\/(?:edit|lock|replace))|\/provider-dotenv\/src\/(?:check\/inspect|editing\/|index|readers\/(?:expand|npm|scan))/;

const bundle = await rolldown({
  input: [...entries],
  platform: 'node',
  // the packages of this repository as they are written
  resolve: { conditionNames: ['@keyfall/source', 'node'] },
  preserveEntrySignatures: 'allow-extension',
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
          if (/\/provider-dotenv\/src\/(?:read-files|readers\/parse-dotenv)\.ts$/.test(id))
            add(start, id);
          // imported by the first question for everything
          if (id.endsWith('/core/src/chain/chain-as-provider.ts')) add(start, id);
          // what every file uses, and is a file of its own otherwise
          if (id.startsWith('\0')) add(start, id);
        }
        add(vault, join(vaultFolder, 'vault-provider.ts'));
      },
    },
    {
      // the families of names, without whose they are and where that is documented: that is for who reads the file
      name: 'names-alone',
      load(id) {
        if (!id.endsWith('/take-over-families.json')) return undefined;
        const groups = Object.values(JSON.parse(readFileSync(id, 'utf8')));
        const names = groups.flat().map(({ of: _, sources: __, ...family }) => family);
        return { code: JSON.stringify({ names }), moduleType: 'json' };
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
      { name: 'start', test: (id) => start.has(id) && !entries.has(id) && !forOthers.test(id) },
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

/** Writes the types of an entry in one file, with what they use of the packages that are in the bundle. */
function writeTypes(types, name) {
  const extracted = Extractor.invoke(
    ExtractorConfig.prepare({
      configObjectFullPath: join(here, 'api-extractor.json'),
      packageJsonFullPath: join(here, 'package.json'),
      configObject: {
        projectFolder: here,
        mainEntryPointFilePath: join(types, `${name}.d.ts`),
        bundledPackages: Object.keys(devDependencies).filter((id) => id.startsWith('@keyfall/')),
        compiler: { tsconfigFilePath: join(here, 'tsconfig.json') },
        newlineKind: 'lf',
        dtsRollup: { enabled: true, untrimmedFilePath: join(folder, `${name}.d.cts`) },
        messages: {
          compilerMessageReporting: { default: { logLevel: 'error' } },
          extractorMessageReporting: { default: { logLevel: 'none' } },
          tsdocMessageReporting: { default: { logLevel: 'none' } },
        },
      },
    }),
    {
      messageCallback(message) {
        // what it says of itself
        if (message.logLevel !== 'error') message.handled = true;
      },
    },
  );
  if (!extracted.succeeded) throw new Error(`API Extractor found no types of ${name}.`);
}

const types = join(here, 'dist/types');
tsc('-p', 'tsconfig.json');
for (const name of ['index', 'auto']) writeTypes(types, name);
rmSync(types, { recursive: true });
