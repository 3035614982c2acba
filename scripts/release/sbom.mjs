// What each package consists of, as CycloneDX: what is installed with it by `pnpm sbom`, which takes it from the lock
// file, and what is built into it, which for pnpm is a tool of development.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtInto } from '../licences.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Writes one for each package, `NAME-VERSION.cdx.json`. */
function pnpmSboms(folder, ...options) {
  const pnpm = join(root, 'node_modules/.bin/pnpm');
  const args = ['--filter', './packages/*', 'sbom', '--sbom-format', 'cyclonedx', '--split'];
  execFileSync(pnpm, [...args, ...options, '--out', join(folder, '%s-%v.cdx.json')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/**
 * Writes what each package consists of into a folder, after a build.
 * @throws an `Error` if something is built into a package that the lock file does not know for it
 */
export function writeSboms(folder) {
  const everything = mkdtempSync(join(tmpdir(), 'keyfall-sbom-'));
  try {
    pnpmSboms(everything);
    pnpmSboms(folder, '--prod');
    for (const directory of readdirSync(join(root, 'packages'))) {
      const { name, version } = json(join(root, 'packages', directory, 'package.json'));
      const file = `${name.replace('@', '').replace('/', '-')}-${version}.cdx.json`;
      const known = json(join(everything, file)).components;
      const sbom = json(join(folder, file));
      const own = sbom.dependencies.find(({ ref }) => ref === sbom.metadata.component['bom-ref']);
      for (const built of builtInto(join(root, 'packages', directory, 'dist'))) {
        const ref = `pkg:npm/${built.name.replace(/^@/, '%40')}@${built.version}`;
        if (sbom.components.some((component) => component.purl === ref)) continue;
        const component = known.find(({ purl }) => purl === ref);
        if (component === undefined)
          throw new Error(`${name} has ${built.name}@${built.version}, which is not locked`);
        // for development alone, as its package.json has it: not so once it is built in
        const { scope: _, properties: __, ...facts } = component;
        sbom.components.push(facts);
        sbom.dependencies.push({ ref, dependsOn: [] });
        own.dependsOn.push(ref);
      }
      writeFileSync(join(folder, file), `${JSON.stringify(sbom, null, 2)}\n`);
    }
  } finally {
    rmSync(everything, { recursive: true, force: true });
  }
}
