// Publishes the packages to a registry of its own (verdaccio), installs them by name into empty projects as users do, and
// uses them with the tools that users have: package managers, runtimes, bundlers, test runners and versions of TypeScript.
// What a workspace link hides fails here: a file that is not published, a dependency that is not declared, what only a
// bundler finds. Each tool reads from a real server. Takes names of checks; default: all.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVaultServer } from '@keyfall/testkit';
import { packInto } from './pack.mjs';
import { bundlers } from './packed/bundlers.mjs';
import { contentsOf } from './packed/contents.mjs';
import { installers } from './packed/installers.mjs';
import { next } from './packed/next.mjs';
import { placesIn } from './packed/place.mjs';
import { quickStart } from './packed/quick-start.mjs';
import { inRuntimes } from './packed/runtimes.mjs';
import { testRunners } from './packed/test-runners.mjs';
import { typescript } from './packed/typescript.mjs';
import { startRegistry } from './registry.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyfall-packed-'));
const chosen = process.argv.slice(2);

const manifests = readdirSync(join(root, 'packages')).map((name) =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')),
);

/** What an application imports of these packages. */
const entriesOf = (some) =>
  some.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => name + entry.slice(1)),
  );
const namesOf = (some) => some.map(({ name }) => name);
const needsPeer = ({ peerDependencies = {}, peerDependenciesMeta = {} }) =>
  Object.keys(peerDependencies).some((name) => !peerDependenciesMeta[name]?.optional);
const own = manifests.filter((manifest) => !needsPeer(manifest));
const onFrameworks = manifests.filter(needsPeer);

function publish(tarballs, npmrc) {
  const settings = ['--userconfig', npmrc, '--loglevel=error'];
  for (const tarball of tarballs)
    execFileSync('npm', ['publish', ...settings, tarball], { cwd: folder });
}

let registry;
let vault;
const failed = [];
try {
  [registry, vault] = await Promise.all([
    startRegistry(folder),
    startVaultServer({ external: false }),
  ]);
  await vault.request('POST', 'secret/data/packed', { data: { FROM_VAULT: 'of-vault' } });
  const place = placesIn(folder, registry.address, vault);
  const tarballs = packInto(join(folder, 'tarballs'));
  publish(tarballs, registry.npmrcFile);
  const peers = ['fastify@5', '@nestjs/common@11', '@nestjs/core@11', '@opentelemetry/api@1'];
  const checks = {
    ...contentsOf(tarballs),
    ...quickStart,
    ...installers,
    ...inRuntimes,
    ...bundlers,
    ...next,
    ...testRunners,
    ...typescript(
      { entries: entriesOf(own), packages: [...namesOf(own), 'node-vault@0.12'] },
      { entries: entriesOf(onFrameworks), packages: [...namesOf(onFrameworks), ...peers] },
    ),
  };
  const all = Object.entries(checks).filter(
    ([name]) => chosen.length === 0 || chosen.includes(name),
  );
  for (const [name, check] of all) {
    const started = performance.now();
    try {
      const found = await check(place, vault);
      const seconds = Math.round((performance.now() - started) / 1_000);
      console.log(`ok      ${name}, ${seconds} s${found === undefined ? '' : `: ${found}`}`);
    } catch (error) {
      failed.push(name);
      console.log(`FAILED  ${name}: ${error.message}`);
    }
  }
  console.log(`${all.length - failed.length} of ${all.length} ways to use the packages work`);
  if (failed.length > 0 || all.length === 0) process.exitCode = 1;
} finally {
  registry?.stop();
  await vault?.stop();
  rmSync(folder, { recursive: true, force: true });
}
