// Publishes packed packages: `node scripts/release/publish.mjs FOLDER`. Of the tarballs in FOLDER it takes those that the
// registry does not have, dependencies first, and pushes the tag of the version. To run it a second time does the rest
// of what a first time could not do.
//
// It needs Node, npm, git and tar alone: in the release workflow this is the one job that may publish, and no
// dependency of ours runs there.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isPublished } from './published.mjs';

const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' });

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node scripts/release/publish.mjs FOLDER');
const tarballs = readdirSync(folder)
  .filter((name) => name.endsWith('.tgz'))
  .map((name) => {
    const file = join(folder, name);
    return { file, manifest: JSON.parse(run('tar', '-xzOf', file, 'package/package.json')) };
  });
const versions = [...new Set(tarballs.map(({ manifest }) => manifest.version))];
if (versions.length !== 1)
  throw new Error(`the packages of a release have one version, not ${versions.join(', ')}`);

/** The tarballs in an order in which each comes after those that it depends on. */
function inOrder(rest, before = []) {
  const names = new Set(rest.map(({ manifest }) => manifest.name));
  const needs = ({ dependencies = {}, peerDependencies = {} }) =>
    Object.keys({ ...dependencies, ...peerDependencies });
  const next = rest.filter(({ manifest }) => !needs(manifest).some((name) => names.has(name)));
  if (next.length === 0) return [...before, ...rest];
  return inOrder(
    rest.filter((each) => !next.includes(each)),
    [...before, ...next],
  );
}

for (const { file, manifest } of inOrder(tarballs)) {
  if (isPublished(manifest)) continue;
  execFileSync('npm', ['publish', '--loglevel=error', file], { stdio: 'inherit' });
}

const tag = `v${versions[0]}`;
if (run('git', 'ls-remote', '--tags', 'origin', `refs/tags/${tag}`) === '') {
  run('git', 'push', '--quiet', 'origin', `HEAD:refs/tags/${tag}`);
  console.log(`pushed the tag ${tag}`);
}
