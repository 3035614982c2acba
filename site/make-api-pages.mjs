// The reference of every package's exports, from the docstrings of its sources: a page for each entry.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Application } from 'typedoc';

/**
 * Writes `README.md`, which lists the packages, and a page for each entry of a package, into a folder.
 * @param {string} root - the repository
 * @param {string} folder
 */
export async function makeApiPages(root, folder) {
  const entries = entriesOf(root);
  const app = await Application.bootstrapWithPlugins({
    name: 'API',
    entryPoints: entries.map(({ source }) => source),
    tsconfig: join(root, 'site/tsconfig.api.json'),
    // the compiler checks them in `npm run typecheck`
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    // where a type is declared is found by its name; a line would be another with each change
    disableSources: true,
    readme: 'none',
    githubPages: false,
    logLevel: 'Error',
    plugin: ['typedoc-plugin-markdown'],
    outputs: [{ name: 'markdown', path: folder }],
    outputFileStrategy: 'modules',
    entryFileName: 'README',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    sanitizeComments: true,
    // its own anchors, since it numbers headings of one name otherwise than the site does
    useHTMLAnchors: true,
    anchorPrefix: 'api-',
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc could not read the sources.');
  for (const module of [...(project.children ?? [])]) {
    const entry = entries.find(({ source }) => module.name === moduleNameOf(root, source));
    if (entry === undefined) throw new Error(`${module.name} is an entry of no package.`);
    module.name = entry.name;
    // what is imported for what it does, and has no exports
    if (!module.children?.length) project.removeReflection(module);
  }
  await app.generateOutputs(project);
}

function moduleNameOf(root, source) {
  return relative(join(root, 'packages'), source)
    .replace(/\.ts$/, '')
    .replace(/\/index$/, '');
}

/** Every entry of every package that is written in TypeScript, by the name that it is imported by. */
function entriesOf(root) {
  return readdirSync(join(root, 'packages')).flatMap((directory) => {
    const folder = join(root, 'packages', directory);
    const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return Object.entries(exports).flatMap(([entry, target]) => {
      const source = target['@keyfall/source'];
      return source === undefined || entry.endsWith('/options-schema')
        ? []
        : [{ name: `${name}${entry.slice(1)}`, source: join(folder, source) }];
    });
  });
}
