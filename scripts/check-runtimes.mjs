// Runs core's own tests in every runtime that core promises to run on: the same files, under the same
// vitest, started by each runtime in turn, and core's built files as an application loads them; in each
// Node the built command too. The runtimes are fetched once, by npm and in exact versions, into the
// user's cache folder.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runtimes } from './runtimes/runtimes.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
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
  const program = runtime.programOf();
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
