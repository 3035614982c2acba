// Every package manager: the packages in a project, and the command in none.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runtimes } from '../runtimes/runtimes.mjs';
import { asCommonJs, asModule, packages } from './application.mjs';

const shown = {
  'show.cjs': 'console.log(process.env.FROM_VAULT, process.env.FROM_FILE);\n',
};
const files = {
  ...shown,
  'package.json': { private: true },
  'app.mjs': asModule,
  'app.cjs': asCommonJs,
  // one copy of each package in a process, whether it is imported or required
  'one-copy.cjs': `const required = require('@keyfall/core');
import('@keyfall/core').then((imported) => {
  if (imported.SecretError !== required.SecretError) throw new Error('two copies of @keyfall/core');
});
`,
};

/** The command starts a program, which must get what Vault and the `.env` hold. */
function mustStart(project, keyfall, run = ['run', '--']) {
  project.mustPrint('of-vault of-file', ...keyfall, ...run, 'node', 'show.cjs');
}

const program = (runtime) => runtimes.find(({ name }) => name === runtime).programOf();
const npx = (...what) => ['npx', '-y', ...what];
const pnpm = npx('pnpm@12.21.0');
const yarnClassic = npx('yarn@1.22.22');
const yarn = npx('@yarnpkg/cli-dist@4.18.1');

export const installers = {
  npm(place) {
    const project = place('npm', files);
    project.install(...packages, 'keyfall');
    project.mustWork('node', 'app.mjs');
    project.mustWork('node', 'app.cjs');
    // as an older Node has it, and whatever resolves like that: by dist/cjs
    project.mustWork('node', '--no-experimental-require-module', 'app.cjs');
    project.run('node', 'one-copy.cjs');
    mustStart(project, ['npx', 'keyfall']);
  },
  pnpm(place) {
    const project = place('pnpm', files);
    project.run(...pnpm, 'add', ...packages, 'keyfall');
    project.mustWork('node', 'app.mjs');
    project.mustWork('node', 'app.cjs');
    mustStart(project, [...pnpm, 'exec', 'keyfall']);
  },
  'yarn classic'(place) {
    const project = place('yarn', files);
    project.run(...yarnClassic, 'add', '--silent', ...packages, 'keyfall');
    project.mustWork('node', 'app.mjs');
    project.mustWork('node', 'app.cjs');
    // it takes the first `--` for itself
    mustStart(project, [...yarnClassic, '--silent', 'keyfall'], ['run', '--', '--']);
  },
  'yarn PnP'(place) {
    const project = place('pnp', { ...files, '.yarnrc.yml': 'nodeLinker: pnp\n', 'yarn.lock': '' });
    project.run(...yarn, 'add', ...packages, 'keyfall');
    project.mustWork(...yarn, 'node', 'app.mjs');
    project.mustWork(...yarn, 'node', 'app.cjs');
    mustStart(project, [...yarn, 'keyfall']);
  },
  npx: (place) => mustStart(place('npx', shown), npx('keyfall')),
  'pnpm dlx': (place) => mustStart(place('pnpm-dlx', shown), [...pnpm, 'dlx', 'keyfall']),
  'yarn dlx': (place) =>
    mustStart(place('yarn-dlx', shown), [...yarn, 'dlx', '--quiet', 'keyfall']),
  bunx: (place) => mustStart(place('bunx', shown), [program('bun'), 'x', 'keyfall']),
  'deno run npm:keyfall'(place) {
    // by itself it takes nothing that was published today
    const run = ['run', '--allow-all', '--minimum-dependency-age=0', 'npm:keyfall'];
    mustStart(place('deno-run', shown), [program('deno'), ...run]);
  },
  'npm install --global'(place) {
    const machine = place('global', shown);
    machine.run('npm', 'install', '--global', '--prefix', 'prefix', '--loglevel=error', 'keyfall');
    mustStart(machine, ['prefix/bin/keyfall']);
    const megabytes = sizeOf(join(machine.folder, 'prefix')) / 1e6;
    assert.ok(megabytes <= 4, `the command takes ${megabytes.toFixed(1)} MB of at most 4`);
    return `the command takes ${megabytes.toFixed(1)} MB with all that it needs`;
  },
  'npm install for Windows'(place) {
    const { folder, run } = place('windows', { 'package.json': { private: true } });
    const names = ['keyfall', '@keyfall/core', '@keyfall/provider-sops'];
    run('npm', 'install', '--os=win32', '--cpu=arm64', '--loglevel=error', ...names);
    // what asks the Credential Manager, for this machine alone
    const libraries = readdirSync(join(folder, 'node_modules/@napi-rs'));
    assert.deepEqual(libraries, ['keyring-win32-arm64-msvc']);
    const megabytes = sizeOf(join(folder, 'node_modules/@napi-rs')) / 1e6;
    return `the library for the Credential Manager takes ${megabytes.toFixed(1)} MB more`;
  },
};

/** Bytes of all files below a folder. */
function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
