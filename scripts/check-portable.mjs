// What is written to run on every system, on this one: set-up, build, core's own tests, and the built packages as they
// are used. CI runs it on Windows and macOS, where the other suites, which need POSIX and real servers, do not run.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const env = { ...process.env, KEYFALL_RUNTIME: `node ${process.versions.node}` };

/** @param command - a program, with its arguments; on Windows npm's programs are scripts of a shell */
function step(command, args, shell = false) {
  console.log(`=== ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { cwd: root, env, shell, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const onWindows = process.platform === 'win32';
step('npm', ['run', 'setup'], onWindows);
step('npm', ['run', 'build'], onWindows);
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config'];
step(process.execPath, [...vitest, 'scripts/runtimes/vitest.config.mjs']);
step(process.execPath, ['scripts/runtimes/use-core.mjs']);
step(process.execPath, ['scripts/runtimes/use-cli-anywhere.mjs']);
