// Bundlers, each on its own settings: the bundle is run in a folder without node_modules.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runtimes } from '../runtimes/runtimes.mjs';
import { asModule, packages } from './application.mjs';
import { shared } from './place.mjs';

/** The versions that are tried. */
const tools = [
  'esbuild@0.28.2',
  'webpack@5.113.0',
  'rollup@4.68.8',
  '@rollup/plugin-node-resolve@16.0.3',
  'rolldown@1.3.2',
  'vite@8.3.8',
  '@vercel/ncc@0.45.0',
];

const builds = {
  'esbuild, ES modules': `import { build } from 'esbuild';
await build({ entryPoints: ['app.mjs'], bundle: true, platform: 'node', format: 'esm', outfile: 'out/app.mjs', logLevel: 'warning' });`,
  'esbuild, CommonJS': `import { build } from 'esbuild';
await build({ entryPoints: ['app.mjs'], bundle: true, platform: 'node', outfile: 'out/app.cjs', logLevel: 'warning' });`,
  webpack: `import webpack from 'webpack';
const stats = await new Promise((resolve, reject) => webpack({
  mode: 'production', entry: './app.mjs', target: 'node20', output: { path: process.cwd() + '/out', filename: 'app.cjs' },
}, (error, stats) => error ? reject(error) : resolve(stats)));
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());`,
  rollup: `import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
const bundle = await rollup({ input: 'app.mjs', plugins: [nodeResolve({ exportConditions: ['node'] })], onwarn({ id = '', ids = [], message }) { if ([id, ...ids].join().includes('@keyfall')) throw new Error(message); } });
await bundle.write({ dir: 'out', entryFileNames: 'app.mjs', chunkFileNames: '[name].mjs' });`,
  rolldown: `import { rolldown } from 'rolldown';
const bundle = await rolldown({ input: 'app.mjs', platform: 'node', onLog(level, log) { if (level === 'warn') throw new Error(log.message); } });
await bundle.write({ dir: 'out', entryFileNames: 'app.mjs', chunkFileNames: '[name].mjs' });`,
  'vite, SSR': `import { build } from 'vite';
await build({ logLevel: 'warn', ssr: { noExternal: true }, build: { ssr: 'app.mjs', outDir: 'out', rolldownOptions: { output: { entryFileNames: 'app.mjs', chunkFileNames: '[name].mjs' } } } });`,
  ncc: `import ncc from '@vercel/ncc';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
const { code, assets } = await ncc(process.cwd() + '/app.mjs', { quiet: true });
for (const [name, text] of [['app.mjs', code], ...Object.entries(assets).map(([name, { source }]) => [name, source])]) {
  mkdirSync(dirname('out/' + name), { recursive: true });
  writeFileSync('out/' + name, text);
}`,
};

/** What bundles for a place without Node: core alone, with a provider in memory. */
const small = `import { createSecrets, memoryProvider } from '@keyfall/core';
const secrets = createSecrets({ providers: [memoryProvider({ TOKEN: 'a-long-value' })] });
globalThis.answer = secrets.get('TOKEN').then((value) => secrets.redact('the ' + value));
`;
const web = `globalThis.process = undefined;
globalThis.self = globalThis;
await import(WHERE);
if ((await globalThis.answer) !== 'the [redacted]') throw new Error('another answer');
`;
const smallBuilds = {
  'esbuild, for browsers': `import { build } from 'esbuild';
await build({ entryPoints: ['small.mjs'], bundle: true, platform: 'browser', format: 'iife', outfile: 'out/small.js', logLevel: 'warning' });`,
  'webpack, for workers': `import webpack from 'webpack';
const stats = await new Promise((resolve, reject) => webpack({
  mode: 'development', devtool: false, entry: './small.mjs', target: 'webworker', output: { path: process.cwd() + '/out', filename: 'small.js', publicPath: '' },
}, (error, stats) => error ? reject(error) : resolve(stats)));
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());`,
};

/** A folder without node_modules that has the bundle and what the application reads. */
function apart(place, project) {
  const { folder, ...rest } = place('bundle', { 'package.json': '{}' });
  mkdirSync(join(project.folder, 'out'), { recursive: true });
  cpSync(join(project.folder, 'out'), join(folder, 'out'), { recursive: true });
  return { folder, ...rest };
}

const projectIn = shared((place) => {
  const project = place('bundlers', {
    'package.json': { private: true },
    'app.mjs': asModule,
    'small.mjs': small,
  });
  project.install(...packages, ...tools);
  return project;
});

function built(place, source) {
  const project = projectIn(place);
  project.run('rm', '-rf', 'out');
  project.write('build.mjs', source);
  project.run('node', 'build.mjs');
  return apart(place, project);
}

/** `bun build` is no library of Node: the runtimes that each target's bundle runs in. */
const bun = () => runtimes.find(({ name }) => name === 'bun').programOf();
const bunTargets = { bun: () => [bun()], node: () => ['node', bun()] };

export const bundlers = Object.fromEntries([
  ...Object.entries(bunTargets).map(([target, runs]) => [
    `bun build, for ${target}`,
    (place) => {
      const project = projectIn(place);
      project.run('rm', '-rf', 'out');
      project.run(bun(), 'build', 'app.mjs', `--target=${target}`, '--outfile=out/app.mjs');
      const bundle = apart(place, project);
      for (const program of runs()) bundle.mustWork(program, 'out/app.mjs');
    },
  ]),
  ...Object.entries(builds).map(([name, source]) => [
    name,
    (place) =>
      built(place, source).mustWork(
        'node',
        `out/app.${source.includes('app.cjs') ? 'cjs' : 'mjs'}`,
      ),
  ]),
  ...Object.entries(smallBuilds).map(([name, source]) => [
    name,
    (place) => {
      const bundle = built(place, source);
      bundle.write('web.mjs', web.replace('WHERE', "'./out/small.js'"));
      bundle.run('node', 'web.mjs');
    },
  ]),
]);
