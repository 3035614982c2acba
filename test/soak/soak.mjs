// Bundles the programs of the soak with the packages as they are built, into a folder of their own, so that a build
// beside it changes nothing of a run, and starts it. `npm run build` comes before.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../..', import.meta.url));
const place = await mkdtemp(join(tmpdir(), 'keyfall-soak-'));
try {
  const bundle = await rolldown({
    input: Object.fromEntries(
      ['soak', 'reader', 'once'].map((name) => [name, join(root, `test/soak/src/${name}.ts`)]),
    ),
    platform: 'node',
    external: ['node-vault'],
    // not the sources: what is published
    resolve: { conditionNames: ['node', 'import', 'default'] },
    logLevel: 'silent',
  });
  await bundle.write({
    dir: place,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
  await bundle.close();
  const { soak } = await import(pathToFileURL(join(place, 'soak.mjs')).href);
  await soak(process.argv.slice(2), place, root);
} finally {
  await rm(place, { recursive: true, force: true });
  // fires if something keeps this process alive alone
  const hangs = () => {
    console.error('soak: FAILED: the process of the soak itself does not end');
    process.exit(1);
  };
  setTimeout(hangs, 30_000).unref();
}
