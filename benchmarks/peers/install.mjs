/**
 * Installs the peers: those of npm by their own lock file into this folder, those of PyPI by `requirements.txt` into the
 * user's cache folder. Only `npm run bench` needs them, so that nothing else waits for them.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const hashOf = (path) =>
  createHash('sha256')
    .update(readFileSync(here(path)))
    .digest('hex');

/** Installs those of npm unless they are there. Nothing of them is run. */
export function installFromNpm() {
  const installed = here('node_modules/.keyfall-installed');
  const wanted = hashOf('pnpm-lock.yaml');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return;
  const options = ['--frozen-lockfile', '--ignore-scripts', '--silent'];
  execFileSync('npx', ['-y', 'pnpm@12.21.0', 'install', ...options], {
    cwd: here('.'),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(installed, wanted);
}

/** How to start the client that is over hvac, which is installed unless it is there. */
export function hvacClient() {
  return {
    command: ['python3', here('hvac_client.py')],
    env: { PYTHONPATH: installFromPyPI() },
  };
}

/** Returns the folder, for PYTHONPATH. */
function installFromPyPI() {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keyfall');
  const folder = join(cache, `benchmarks-python-${hashOf('requirements.txt').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${folder}.`);
  const options =
    '-m pip install --quiet --disable-pip-version-check --no-deps --root-user-action=ignore --target'.split(
      ' ',
    );
  const what = ['--requirement', here('requirements.txt')];
  execFileSync('python3', [...options, fresh, ...what], { stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(fresh, folder);
  return folder;
}

/** @returns {string} where the module of a peer is, for an `import` */
export function urlOfPeer(name) {
  return import.meta.resolve(name);
}

/** @returns {Record<string, string>} the version of each peer, by its name */
export function versionsOfPeers() {
  const { dependencies } = JSON.parse(readFileSync(here('package.json'), 'utf8'));
  const pinned = readFileSync(here('requirements.txt'), 'utf8').match(/^hvac==.+$/m);
  return { ...dependencies, hvac: pinned[0].split('==')[1] };
}
