// Rehearses releases from end to end, in a copy of the last commit and with a registry and an `origin` of its own:
// the refusals, a release, its installation by name, then a changeset, the next version with its changelogs, its
// release, and the upgrade to it. The copy has a build in the place of the whole check.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRegistry } from '../registry.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyfall-rehearsal-'));
const [copy, origin, project] = ['copy', 'origin', 'project'].map((name) => join(folder, name));
const npmrc = join(folder, '.npmrc');
// the user's own settings, and those that npm gives to the scripts that it runs, would name another registry
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)),
);
Object.assign(env, { npm_config_userconfig: npmrc, CI: 'true', TURBO_TELEMETRY_DISABLED: '1' });

const attempt = (cwd, command, ...args) => spawnSync(command, args, { cwd, env, encoding: 'utf8' });
function run(cwd, command, ...args) {
  const { status, stdout, stderr } = attempt(cwd, command, ...args);
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}
const git = (...args) => run(copy, 'git', ...args);
function must(holds, what) {
  if (!holds) throw new Error(`the rehearsal found that ${what} does not hold`);
}

const manifestsOf = (place) =>
  readdirSync(join(place, 'packages')).map((name) =>
    JSON.parse(readFileSync(join(place, 'packages', name, 'package.json'), 'utf8')),
  );
const changesetsIn = (place) =>
  readdirSync(join(place, '.changeset')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );

function commit(message) {
  git('add', '--all');
  git('commit', '--quiet', '--allow-empty', '--message', message);
  git('push', '--quiet', 'origin', 'main');
}

function makeCopy() {
  mkdirSync(copy);
  const archive = execFileSync('git', ['archive', 'HEAD'], { cwd: root, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-x'], { cwd: copy, input: archive });
  run(folder, 'git', 'init', '--quiet', '--bare', '--initial-branch=main', origin);
  git('init', '--quiet', '--initial-branch=main');
  for (const [name, value] of [
    ['user.name', 'A maintainer'],
    ['user.email', 'maintainer@example.com'],
    ['commit.gpgSign', 'false'],
  ])
    git('config', name, value);
  git('remote', 'add', 'origin', origin);
  const check = join(copy, '.ci/run');
  writeFileSync(check, '#!/bin/sh\n! [ -e .ci/fails ] && npm run build\n', { mode: 0o755 });
  run(
    copy,
    join(root, 'node_modules/.bin/pnpm'),
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
  );
  // what is pending makes the version before, in which new packages have a number and a changelog, too
  if (changesetsIn(copy).length > 0) run(copy, 'npm', 'run', 'version-packages');
  commit('The version before');
}

const release = (...args) => attempt(copy, 'npm', 'run', '--silent', 'release', '--', ...args);
const isThere = (name) => attempt(folder, 'npm', 'view', name, 'version').status === 0;

function mustRefuse(why, words) {
  const { status, stdout, stderr } = release();
  must(status !== 0 && stderr.includes(words), `a release is refused because of ${why}: ${stderr}`);
  must(!isThere('@keyfall/core'), `nothing is published in spite of ${why}: ${stdout}`);
}

function refusals() {
  writeFileSync(join(copy, 'forgotten.txt'), '');
  mustRefuse('a file that is not committed', 'forgotten.txt');
  rmSync(join(copy, 'forgotten.txt'));
  git('switch', '--quiet', '--create', 'other');
  mustRefuse('another branch', 'made from main');
  git('switch', '--quiet', 'main');
  git('commit', '--quiet', '--allow-empty', '--message', 'Not pushed');
  mustRefuse('a commit that is not pushed', 'not pushed');
  writeFileSync(join(copy, '.changeset/pending.md'), "---\n'keyfall': patch\n---\n\nPending.\n");
  commit('A changeset');
  mustRefuse('a pending changeset', 'pending.md');
  rmSync(join(copy, '.changeset/pending.md'));
  writeFileSync(join(copy, '.ci/fails'), '');
  commit('What fails the check');
  mustRefuse('a check that fails', 'check failed');
  rmSync(join(copy, '.ci/fails'));
  commit('What passes the check');
}

const program = `import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
const secrets = createSecrets({ providers: [dotenvProvider()] });
if ((await secrets.get('TOKEN')) !== 'from-env-file') throw new Error('another value');
await secrets.close();
`;

/** Installs every package by its name, in the newest version, and uses some. */
function install(names, version) {
  mkdirSync(project, { recursive: true });
  if (!existsSync(join(project, 'package.json'))) {
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    writeFileSync(join(project, '.env'), 'TOKEN=from-env-file\n');
    writeFileSync(join(project, 'program.mjs'), program);
  }
  const newest = names.map((name) => `${name}@latest`);
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', ...newest);
  run(project, process.execPath, 'program.mjs');
  const keyfall = join(project, 'node_modules/.bin/keyfall');
  must(run(project, keyfall, 'get', 'TOKEN') === 'from-env-file\n', 'keyfall prints the value');
  must(run(project, keyfall, '--version').trim() === version, `keyfall is ${version}`);
  const lock = readFileSync(join(project, 'package-lock.json'), 'utf8');
  const installed = Object.entries(JSON.parse(lock).packages).filter(([path]) =>
    names.some((name) => path.endsWith(`node_modules/${name}`)),
  );
  // a second copy of core would be a second chain of stores
  must(installed.length === names.length, 'every package is installed once');
  for (const [path, entry] of installed) {
    must(entry.version === version, `${path} is ${version}`);
    const changelog = readFileSync(join(project, path, 'CHANGELOG.md'), 'utf8');
    must(changelog.split('\n')[2] === `## ${version}`, `the changelog of ${path} is of ${version}`);
  }
}

function mustConsistOf(tarballs, name, parts) {
  const sbom = JSON.parse(readFileSync(join(tarballs, `${name}.cdx.json`), 'utf8'));
  must(sbom.bomFormat === 'CycloneDX', `${name} is described`);
  const known = sbom.components.filter(({ purl, licenses }) => purl && licenses?.length > 0);
  for (const part of parts)
    must(
      known.some((component) => component.name === part),
      `${part} is a part of ${name}`,
    );
}

const versionOf = (place) => {
  const versions = new Set(manifestsOf(place).map(({ version }) => version));
  must(versions.size === 1, 'all packages have one version');
  return [...versions][0];
};
const tags = () => git('ls-remote', '--tags', 'origin').match(/(?<=refs\/tags\/).+/g) ?? [];

let registry;
try {
  registry = await startRegistry(folder);
  writeFileSync(npmrc, registry.npmrc);
  makeCopy();
  refusals();
  const names = manifestsOf(copy).map(({ name }) => name);
  const before = versionOf(copy);
  const first = release();
  must(first.status === 0, `the first release is made: ${first.stdout}${first.stderr}`);
  install(names, before);
  const again = release();
  must(again.stdout.includes('nothing to release'), 'a second release of it does nothing');

  const sentence = 'A sentence for the changelog.';
  writeFileSync(
    join(copy, '.changeset/rehearsed.md'),
    `---\n'@keyfall/core': patch\n---\n\n${sentence}\n`,
  );
  commit('Changesets');
  run(copy, 'npm', 'run', 'version-packages');
  const after = versionOf(copy);
  must(after !== before, 'changesets make another version');
  run(copy, 'node_modules/.bin/biome', 'check', 'packages');
  must(changesetsIn(copy).length === 0, 'the changesets are used up');
  const changelog = readFileSync(join(copy, 'packages/core/CHANGELOG.md'), 'utf8');
  const [newest = ''] = changelog.split(`\n## ${before}\n`);
  must(newest.includes(sentence), 'the changelog has the sentence of the changeset');
  commit('The next version');
  // as the workflow does it: one job packs, another publishes
  const tarballs = join(folder, 'tarballs');
  const packed = release('--pack', tarballs);
  must(packed.status === 0, `the next version is packed: ${packed.stdout}${packed.stderr}`);
  must(!isThere(`@keyfall/core@${after}`), 'what packs does not publish');
  // what is installed with it, and what is built into it
  mustConsistOf(tarballs, `keyfall-provider-sops-${after}`, ['age-encryption', 'yaml']);
  mustConsistOf(tarballs, `keyfall-${after}`, ['jiti', 'dotenv', 'commander']);
  run(copy, process.execPath, 'scripts/release/publish.mjs', tarballs);
  install(names, after);
  must(tags().join() === [`v${before}`, `v${after}`].join(), 'each version has its tag');
  console.log(`${names.length} packages were released as ${before} and ${after}, and upgraded`);
} finally {
  registry?.stop();
  rmSync(folder, { recursive: true, force: true });
}
