// Checks what GitHub runs: actionlint finds what is wrong, zizmor what is unsafe. Both come from scripts/provision.
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keyfall');
const path = [join(cache, 'bin'), join(cache, 'zizmor-1.32.0/bin'), process.env.PATH];
const env = { ...process.env, PATH: path.join(delimiter) };

/** @returns whether the tool has nothing to say */
function passes(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' });
  if (error !== undefined) console.error(`${command} is missing: scripts/provision`);
  return status === 0;
}

const results = [
  // it calls these two only where they happen to be installed, and this check is the same everywhere
  passes('actionlint', '-shellcheck=', '-pyflakes='),
  // it would ask GitHub for more than the files say
  passes('zizmor', '--offline', '--quiet', '--pedantic', '.'),
];
process.exitCode = results.every(Boolean) ? 0 : 1;
