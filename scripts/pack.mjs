// Packs every package as it is published: `node scripts/pack.mjs FOLDER`, after a build.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns the paths of the tarballs */
export function packInto(folder) {
  const destination = resolve(folder);
  mkdirSync(destination, { recursive: true });
  for (const name of readdirSync(join(root, 'packages')))
    execFileSync(
      join(root, 'node_modules/.bin/pnpm'),
      ['pack', '--pack-destination', destination],
      { cwd: join(root, 'packages', name), stdio: ['ignore', 'ignore', 'inherit'] },
    );
  return readdirSync(destination)
    .filter((file) => file.endsWith('.tgz'))
    .map((file) => join(destination, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: node scripts/pack.mjs FOLDER');
  console.log(packInto(folder).join('\n'));
}
