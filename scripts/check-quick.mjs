/**
 * What a change needs while it is worked on: lint, types, and of the packages that it touches those tests that
 * import what it touches. The change is what differs from the commit where the branch left `origin/main`, committed
 * or not.
 *
 * End-to-end tests start servers and processes, which is longer than an edit should wait: here only those
 * run that were edited themselves. `npm run check` runs everything.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const git = (...args) =>
  execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .split('\n')
    .filter((line) => line !== '');

/** The commit to compare with; without an `origin/main`, the one before the last. */
function base() {
  try {
    return git('merge-base', 'HEAD', 'origin/main')[0];
  } catch {
    return git('rev-parse', 'HEAD~1')[0];
  }
}

/** Projects that test a package besides its own. */
const more = {
  // a dev dependency of core on the testkit would be a circle
  '@keyfall/core': ['@keyfall/testkit'],
  keyfall: ['keyfall-e2e'],
};

/** The vitest projects that a file belongs to. */
function projectsOf(file) {
  const [top, name = ''] = file.split('/');
  if (top === 'test') return usersOf(file).flatMap(projectsOf);
  const folder = top === 'docs' ? top : join(top, name);
  if (!existsSync(join(folder, 'vitest.config.ts'))) return [];
  const project = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name;
  // its files that replace modules are in a project with those of the other packages
  return [project, 'replacing', ...(more[project] ?? [])];
}

/** The tests that import a file of `/test`, which packages share. */
function usersOf(file) {
  return git('ls-files', '*.test.ts').filter((test) =>
    readFileSync(test, 'utf8').includes(`/${file}'`),
  );
}

const since = base();
const touched = new Set([
  ...git('diff', '--name-only', since),
  ...git('ls-files', '--others', '--exclude-standard'),
]);
const projects = new Set([...touched].flatMap(projectsOf));
process.env.KEYFALL_TESTS_LEFT_OUT = git('ls-files', '*.e2e.test.ts')
  .filter((file) => !touched.has(file))
  .map((file) => `**/${basename(file)}`)
  .join(' ');

/** Runs a command and prints its output when it has ended, so that two do not mix. */
function run(name, command, args) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { FORCE_COLOR: '1', ...process.env } });
    const output = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => output.push(chunk));
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(output));
      const seconds = Math.round((Date.now() - started) / 1000);
      console.log(`=== ${name}: ${code === 0 ? 'ok' : 'FAILED'}, ${seconds} s`);
      resolve(code === 0);
    });
  });
}

const tests = [
  ['vitest', 'run', '--changed', since, '--passWithNoTests'],
  [...projects].map((project) => `--project=${project}`),
].flat();
const outcomes = await Promise.all([
  run('lint', 'npm', ['run', '--silent', 'lint']),
  run('types', 'npm', ['run', '--silent', 'typecheck']),
  projects.size === 0 || run(`tests of ${[...projects].join(', ')}`, 'npx', tests),
]);
console.log(`${touched.size} files touched since ${since.slice(0, 7)}`);
process.exitCode = outcomes.every(Boolean) ? 0 : 1;
