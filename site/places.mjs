// Where a page is: in the repository, and on the site. Links that work on GitHub become those of the site here, and
// nowhere else.
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const { repository } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** The address of the repository. */
export const repositoryAddress = repository.url.replace(/^git\+(.+)\.git$/, '$1');

// the command line prints it, and so has it
const errorPage = readFileSync(new URL('packages/cli/src/terminal/error-page.ts', root), 'utf8');
const [, site = ''] = /^export const site = '(.+)';$/m.exec(errorPage) ?? [];

/** The address of the site, and the path in it that all its pages begin with: `/keyfall/`. */
export const { origin, pathname: base } = new URL(site);

/** The page that a file in pages/ makes: `providers/README.md` is `providers`, and `README.md` is `all-pages`. */
export function pageAt(file) {
  if (file === 'README.md') return 'all-pages';
  return file.replace(/\.md$/, '').replace(/\/README$/, '');
}

/**
 * The address that a link of a page leads to.
 * @param {string} file - the file of the page, from pages/, which is arranged as docs/ is
 * @param {string} target - as it is written
 */
export function addressOf(file, target) {
  if (/^[a-z][a-z+.-]*:|^#/i.test(target)) return target;
  const [path = '', anchor] = target.split('#');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  // a page that is not from docs/ is at the place where it would be there
  const from = file === 'index.md' ? 'site/home.md' : `docs/${file}`;
  const place = posix.join(posix.dirname(from), path);
  const inDocs = place.startsWith('docs/') ? place.slice('docs/'.length) : undefined;
  if (inDocs !== undefined && /\.(?:svg|png)$/.test(inDocs)) return `${base}${inDocs}`;
  if (inDocs?.endsWith('.md')) return `${base}${pageAt(inDocs)}/${hash}`;
  // a folder of pages by its own name
  const index = inDocs && `${inDocs.replace(/\/$/, '')}/README.md`;
  if (index && existsSync(new URL(`docs/${index}`, root))) return `${base}${pageAt(index)}/${hash}`;
  return `${repositoryAddress}/blob/main/${place}${hash}`;
}

/** The folder of the pages. */
export const pagesFolder = fileURLToPath(new URL('pages', import.meta.url));
