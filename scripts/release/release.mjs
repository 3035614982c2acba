// Releases what is committed: `npm run release`. It refuses what is not on main, committed and pushed, and pending
// changesets, runs the whole check, and publishes the versions that the registry does not have. Nothing is published
// unless everything holds. With `--pack FOLDER` it leaves the tarballs there for `publish.mjs`, instead of publishing
// them, and beside each what is in it (CycloneDX).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packInto } from '../pack.mjs';
import { isPublished } from './published.mjs';
import { writeSboms } from './sbom.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' });
const show = { cwd: root, stdio: 'inherit' };

/** Why this tree is not released: each a sentence. */
function refusals() {
  const found = [];
  const branch = git('branch', '--show-current').stdout.trim();
  if (branch !== 'main')
    found.push(`A release is made from main, and this is ${branch || 'no branch'}.`);
  const changed = git('status', '--porcelain').stdout.trimEnd();
  if (changed !== '') found.push(`There are changes that are not committed:\n${changed}`);
  if (git('merge-base', '--is-ancestor', 'HEAD', 'origin/main').status !== 0)
    found.push('The last commit is not pushed: git push origin main.');
  const pending = readdirSync(join(root, '.changeset')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );
  if (pending.length > 0)
    found.push(
      `Changesets are in no version yet: npm run version-packages, then commit. They are ${pending.join(', ')}.`,
    );
  return found;
}

function pack(destination) {
  packInto(destination);
  writeSboms(destination);
}

function release(folder) {
  const found = refusals();
  if (found.length > 0) {
    console.error(found.join('\n'));
    return 2;
  }
  const manifests = readdirSync(join(root, 'packages')).map((name) =>
    JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')),
  );
  if (manifests.every(isPublished)) {
    console.log('Every package is published in its version: there is nothing to release.');
    return 0;
  }
  if (spawnSync(join(root, '.ci/run'), show).status !== 0) {
    console.error('The check failed, so nothing is published.');
    return 1;
  }
  if (folder !== undefined) {
    pack(resolve(folder));
    return 0;
  }
  const temporary = mkdtempSync(join(tmpdir(), 'keyfall-release-'));
  try {
    pack(temporary);
    const publish = fileURLToPath(new URL('publish.mjs', import.meta.url));
    return spawnSync(process.execPath, [publish, temporary], show).status ?? 1;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

const [option, folder, ...rest] = process.argv.slice(2);
if ((option !== undefined && (option !== '--pack' || folder === undefined)) || rest.length > 0) {
  console.error('usage: npm run release [-- --pack FOLDER]');
  process.exitCode = 2;
} else process.exitCode = release(folder);
