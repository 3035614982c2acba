// What each tarball holds is what a user needs: what `package.json` names, what that imports, its types, the sources that its
// maps lead an editor or a stack to, and what npm shows of it. A test, a report or a setting of ours is none of these.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix, relative } from 'node:path';

/** In every package. */
const shown = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];

/** The files below a folder. */
const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/** Every path in a field of `package.json`, but for the condition under which the tests of this repository import. */
const pathsIn = (field) =>
  typeof field === 'string'
    ? [posix.normalize(field)]
    : Object.entries(field ?? {}).flatMap(([key, value]) =>
        key === '@keyfall/source' ? [] : pathsIn(value),
      );

/** What a file leads to, from its own folder. */
function leadsTo(file, text) {
  if (file.endsWith('.map')) {
    const { sources, sourceRoot = '' } = JSON.parse(text);
    // what is built in comes without its source
    return sources
      .map((source) => posix.join(sourceRoot, source))
      .filter((source) => !source.includes('/node_modules/'));
  }
  if (!/\.[cm]?[jt]s$/.test(file)) return [];
  const [, map] = /^\/\/# sourceMappingURL=(.+)$/m.exec(text) ?? [];
  const imported = [...text.matchAll(/(["'`])(\.{1,2}\/[^"'`\s]+)\1/g)].map(([, , path]) => path);
  // types import by the name of the source
  const types = imported.map((path) => path.replace(/\.([cm]?)[jt]s$/, '.d.$1ts'));
  return [...(map === undefined ? [] : [map]), ...imported, ...types];
}

/** @returns what is wrong with a package that was unpacked: what nothing leads to, and what is missing */
function faultsOf(folder) {
  const files = new Set(filesIn(folder));
  const needed = new Set(shown);
  const faults = shown.filter((file) => !files.has(file)).map((file) => `${file} is missing`);
  function need(file) {
    if (!files.has(file) || needed.has(file)) return;
    needed.add(file);
    const text = readFileSync(join(folder, file), 'utf8');
    for (const path of leadsTo(file, text)) {
      const target = posix.join(posix.dirname(file), path);
      if (file.endsWith('.map') && !files.has(target)) faults.push(`${file} leads to ${target}`);
      need(target);
    }
  }
  const { main, types, bin, exports, typesVersions } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  for (const path of pathsIn({ main, types, bin, exports, typesVersions })) {
    if (!files.has(path)) faults.push(`package.json names ${path}`);
    need(path);
  }
  for (const file of files) {
    // what says how Node reads the files beside it, and the licences of what is built in
    const accompanies = ['package.json', 'LICENSES.txt'].includes(basename(file));
    if (!needed.has(file) && !accompanies) faults.push(`nothing leads to ${file}`);
  }
  return faults;
}

/** @param tarballs - the paths of all packages as they are published */
export const contentsOf = (tarballs) => ({
  'contents of the packages'() {
    const faults = tarballs.flatMap((tarball) => {
      const folder = mkdtempSync(`${tarball}-`);
      execFileSync('tar', ['-xzf', tarball, '-C', folder]);
      const found = faultsOf(join(folder, 'package'));
      return found.map((fault) => `${basename(tarball)}: ${fault}`);
    });
    if (faults.length > 0) throw new Error(faults.join('\n'));
  },
});
