// Programs from npm that are no dependency of the workspace: each is installed once, in a folder that stays.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Installs a package in a folder, unless it is there. Two processes that do so at once do not meet: each installs in a
 * folder of its own, which then takes the name.
 *
 * @param folder - where it stays
 * @param program - what is wanted of it, from that folder
 * @param what - the package with its version, and more arguments for `npm install`
 * @param manifest - what its `package.json` says besides
 * @returns the path of the program
 */
export function installedOnce(folder, program, what, manifest = {}) {
  const path = join(folder, program);
  if (existsSync(path)) return path;
  mkdirSync(dirname(folder), { recursive: true });
  const fresh = mkdtempSync(`${folder}.`);
  writeFileSync(join(fresh, 'package.json'), JSON.stringify({ private: true, ...manifest }));
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--save-exact'];
  execFileSync('npm', ['install', ...options, ...what], { cwd: fresh });
  if (existsSync(path)) rmSync(fresh, { recursive: true, force: true });
  else {
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  }
  return path;
}
