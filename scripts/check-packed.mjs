// Publishes the packages to a registry of its own (verdaccio), installs them by name into an empty
// project as a user does, and uses them: what a workspace link hides (a file that is not published, a
// dependency that is not declared) fails here. So does what only a bundler or a place without Node's modules finds.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRegistry } from './registry.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyfall-packed-'));
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8' });

const bundlers = ['esbuild@0.28.2', 'webpack@5.113.0'];

/** Every entry of the packages that an application imports. */
function entriesOf(manifests) {
  return manifests.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => name + entry.slice(1)),
  );
}

/** Bundles by `bundle`, a module that is given to node, and fails with what it prints. */
function bundle(project, source) {
  writeFileSync(join(project, 'bundle.mjs'), source);
  run(process.execPath, ['bundle.mjs'], project);
}

/** Bundles what the packages are used for with the bundlers that stand for the others, and runs the bundles. */
function checkBundles(project, manifests) {
  // elsewhere, so that nothing is found in node_modules which is not in the bundle
  const out = join(folder, 'bundles');
  mkdirSync(out);
  writeFileSync(join(out, '.env'), 'TOKEN=from-env-file\n');
  // node-vault is not installed, and only this entry names it
  const entries = entriesOf(manifests).filter(
    (entry) => entry !== '@keyfall/provider-vault/node-vault',
  );
  writeFileSync(
    join(project, 'all.mjs'),
    `${entries.map((entry, index) => `import * as m${index} from '${entry}';\n`).join('')}
console.log([${entries.map((_, index) => `m${index}`)}].length);`,
  );
  writeFileSync(
    join(project, 'small.mjs'),
    `import { createSecrets, memoryProvider } from '@keyfall/core';
const secrets = createSecrets({ providers: [memoryProvider({ TOKEN: 'a-long-value' })] });
globalThis.answer = secrets.get('TOKEN').then((value) => secrets.redact('the ' + value));
`,
  );
  bundle(
    project,
    `import { build } from 'esbuild';
const all = { bundle: true, logLevel: 'error', outdir: ${JSON.stringify(out)} };
const node = { ...all, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' } };
// dotenv and yaml are CommonJS: docs/bundlers.md
const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
await build({ ...node, banner, entryPoints: ['use.mjs', 'all.mjs'] });
await build({ ...all, platform: 'browser', format: 'iife', entryPoints: { 'small-esbuild': 'small.mjs' } });
`,
  );
  bundle(
    project,
    `import webpack from 'webpack';
const of = (entry, target, filename) => ({
  mode: 'development', devtool: false, entry, target, output: { path: ${JSON.stringify(out)}, filename, publicPath: '' },
});
webpack([of('./use.mjs', 'node20', 'use.cjs'), of('./small.mjs', 'webworker', 'small-webpack.js')], (error, stats) => {
  if (error || stats.hasErrors() || stats.hasWarnings()) throw error ?? new Error(stats.toString());
});
`,
  );
  for (const file of ['use.mjs', 'all.mjs', 'use.cjs']) run(process.execPath, [file], out);
  // a place that has what the web has, and no process to take a module of Node from
  writeFileSync(
    join(out, 'web.mjs'),
    `const [, , file] = process.argv;
globalThis.process = undefined;
globalThis.self = globalThis;
await import(file);
if ((await globalThis.answer) !== 'the [redacted]') throw new Error('another answer');
`,
  );
  for (const file of ['./small-esbuild.js', './small-webpack.js'])
    run(process.execPath, ['web.mjs', file], out);
}

let registry;
try {
  registry = await startRegistry(folder);
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  for (const name of readdirSync(join(root, 'packages')))
    run(
      join(root, 'node_modules/.bin/pnpm'),
      ['pack', '--pack-destination', tarballs],
      join(root, 'packages', name),
    );
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  writeFileSync(join(project, '.npmrc'), registry.npmrc);
  const files = readdirSync(tarballs).map((name) => join(tarballs, name));
  for (const file of files) run('npm', ['publish', '--loglevel=error', file], project);
  const manifests = readdirSync(join(root, 'packages')).map((name) =>
    JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')),
  );
  const names = manifests.map(({ name }) => name);
  const wanted = [...names, ...bundlers];
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...wanted], project);

  writeFileSync(join(project, '.env'), 'TOKEN=from-env-file\n');
  writeFileSync(
    join(project, 'use.mjs'),
    `import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
import { conformanceTests } from '@keyfall/testkit';
const vault = vaultProvider({ address: 'http://127.0.0.1:1', token: 't', path: 'shop', env: {} });
const secrets = createSecrets({ providers: [vault, dotenvProvider()] });
secrets.on('fallback', () => {});
if ((await secrets.get('TOKEN')) !== 'from-env-file') throw new Error('no fallback');
if (typeof conformanceTests !== 'function') throw new Error('no testkit');
await secrets.close();
`,
  );
  run(process.execPath, ['use.mjs'], project);
  // require() of an ES module, as CommonJS applications do it
  run(process.execPath, ['-e', "require('@keyfall/core').createSecrets"], project);
  const keyfall = join(project, 'node_modules/.bin/keyfall');
  const value = run(keyfall, ['get', 'TOKEN'], project);
  if (value !== 'from-env-file\n') throw new Error('keyfall get printed something else');
  const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'));
  if (run(keyfall, ['--version'], project).trim() !== version) throw new Error('wrong version');
  checkBundles(project, manifests);
  console.log(`${files.length} packages install from a registry and work`);
} finally {
  registry?.stop();
  rmSync(folder, { recursive: true, force: true });
}
