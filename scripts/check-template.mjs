// Follows the steps that `pnpm new-provider` prints, in a copy of the workspace so that neither the tree
// nor the lock file changes: what is made must install, lint, type-check, build and pass its own tests.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'keyfall-template-'));
const id = 'throw-away2';
const pnpm = join(root, 'node_modules/.bin/pnpm');
// under CI vitest.config.ts has the report elsewhere
const env = { ...process.env, CI: '' };

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy, env, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

function mustRefuse(...args) {
  const made = spawnSync(process.execPath, ['scripts/new-provider.mjs', ...args], { cwd: copy });
  if (made.status !== 2) throw new Error(`new-provider takes ${JSON.stringify(args)}`);
}

try {
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  for (const file of execFileSync('git', listed, { cwd: root, encoding: 'utf8' }).split('\0'))
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(copy, file));
  run(pnpm, 'install', '--no-frozen-lockfile', '--prefer-offline');
  run(process.execPath, 'scripts/new-provider.mjs', id);
  for (const args of [[], ['Upper'], ['-a'], ['a--b'], ['../up'], ['provider-x'], ['a', 'b'], [id]])
    mustRefuse(...args);
  run(pnpm, 'install', '--no-frozen-lockfile', '--prefer-offline');
  const name = `@keyfall/provider-${id}`;
  const folder = `packages/provider-${id}`;
  run('node_modules/.bin/biome', 'check', '--error-on-warnings', folder, 'docs/package.json');
  run('node_modules/.bin/knip', '--workspace', folder);
  run('node_modules/.bin/tsc', '-p', `${folder}/test`);
  run(pnpm, '--filter', `${name}...`, 'run', 'build');
  run(pnpm, '--filter', name, 'run', 'pack:check');
  run(process.execPath, 'scripts/api.mjs', `provider-${id}`);
  run(process.execPath, 'scripts/api.mjs', '--check', `provider-${id}`);
  const report = join(copy, 'report.json');
  const reporting = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  run('node_modules/.bin/vitest', 'run', '--project', name, ...reporting);
  const ofDocs = ['docs/test/examples.test.ts', 'docs/test/undefined-options.test.ts'];
  run('node_modules/.bin/vitest', 'run', '--project', 'docs', ...ofDocs);
  const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(report, 'utf8'));
  // the suite alone has more; fewer would mean that it was not run
  if (numPassedTests !== numTotalTests || numTotalTests < 30)
    throw new Error(`${numPassedTests} of ${numTotalTests} tests of the new provider passed`);
  console.log(`a new provider is sound from the start: ${numPassedTests} tests passed`);
} finally {
  rmSync(copy, { recursive: true, force: true });
}
