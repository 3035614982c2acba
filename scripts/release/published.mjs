// Whether the registry has a version of a package. "Not there" and "could not be asked" are two answers.
import { spawnSync } from 'node:child_process';

/** @throws an `Error` with npm's code if the registry gave no answer */
export function isPublished({ name, version }) {
  const asked = spawnSync('npm', ['view', `${name}@${version}`, 'version', '--json'], {
    encoding: 'utf8',
  });
  if (asked.status === 0) return asked.stdout.trim() !== '';
  const code = /"code": "(\w+)"/.exec(asked.stdout)?.[1];
  if (code === 'E404') return false;
  throw new Error(`npm could not find out whether ${name}@${version} is published: ${code}`);
}
