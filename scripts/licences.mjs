import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The licences of the packages that are in a bundle, which ask to go where their code goes.
 *
 * @param output - the files that rolldown has made
 * @returns a text; empty where the bundle holds no code of others
 */
export function licencesIn(output) {
  const packages = new Set();
  for (const { moduleIds = [] } of output)
    for (const id of moduleIds) {
      const at = id.lastIndexOf('/node_modules/');
      if (at < 0) continue;
      const name = /^(?:@[^/]+\/)?[^/]+/.exec(id.slice(at + '/node_modules/'.length))[0];
      packages.add(id.slice(0, at + '/node_modules/'.length) + name);
    }
  return [...packages]
    .sort()
    .map((path) => {
      const { name, version } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      // some write its name in lower case
      const licence = readdirSync(path).find((file) => /^licen[cs]e(?:\.|$)/i.test(file));
      return `${name} ${version}\n\n${readFileSync(join(path, licence), 'utf8').trim()}\n`;
    })
    .join('\n---\n\n');
}

/**
 * The packages of others that are built into a package: those of which the build has written the licences.
 *
 * @param dist - the folder of what is built
 * @returns each with its name and version
 */
export function builtInto(dist) {
  return readdirSync(dist, { recursive: true })
    .filter((file) => file.endsWith('LICENSES.txt'))
    .map((file) => readFileSync(join(dist, file), 'utf8'))
    .flatMap((text) => [...text.matchAll(/(?:^|\n---\n\n)(\S+) (\d\S*)\n/g)])
    .map(([, name, version]) => ({ name, version }));
}
