// Finds the links of a built site that lead nowhere. What leads to other sites is checked for its form alone: whether
// it is there today is not for a build to depend on.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { base, origin } from './places.mjs';

/**
 * Every link that is dead, with the page that it stands on.
 * @param {string} folder - of the built site
 * @returns {string[]}
 */
export function checkLinks(folder) {
  const files = new Set(readdirSync(folder, { recursive: true, encoding: 'utf8' }));
  const pages = new Map(
    [...files]
      .filter((file) => file.endsWith('.html'))
      .map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  );
  const dead = [];
  for (const [file, html] of pages) {
    const page = new URL(base + file.replace(/index\.html$/, ''), origin);
    for (const target of valuesOf(html, 'href|src')) {
      const problem = problemOf(target, page);
      if (problem !== undefined) dead.push(`${file}: ${target} ${problem}`);
    }
  }
  return dead;

  function problemOf(target, page) {
    if (!URL.canParse(target, page)) return 'is no address';
    const url = new URL(target, page);
    if (url.protocol === 'mailto:' || url.protocol === 'data:') return undefined;
    if (url.origin !== origin) {
      // a server on the reader's own machine has no certificate
      const isSafe = url.protocol === 'https:' || url.hostname === '127.0.0.1';
      return isSafe ? undefined : 'is not https';
    }
    if (!url.pathname.startsWith(base)) return 'is outside of the site';
    const path = decodeURIComponent(url.pathname.slice(base.length));
    // it is shown in the place of any page that is not there
    if (path === '404/') return undefined;
    const file = path === '' || path.endsWith('/') ? `${path}index.html` : path;
    if (!files.has(file)) return 'is not there';
    const anchor = decodeURIComponent(url.hash.slice(1));
    const html = pages.get(file);
    if (anchor === '' || anchor === '_top' || html === undefined) return undefined;
    return valuesOf(html, 'id').has(anchor) ? undefined : 'has no such heading';
  }
}

/** The values of attributes in a page. */
function valuesOf(html, names) {
  const values = html.matchAll(new RegExp(`<[^>]*?\\s(?:${names})="([^"]*)"`, 'g'));
  return new Set(
    [...values].map(([, value]) => value.replaceAll('&amp;', '&').replaceAll('&#38;', '&')),
  );
}
