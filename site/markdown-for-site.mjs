// What a page of the repository needs to be a page of the site: links and pictures lead there, a block of code says which
// file it is, and what a command prints is told apart from what is typed.
import { relative } from 'node:path';
import { addressOf, pagesFolder } from './places.mjs';

/** A plugin of remark. */
export function markdownForSite() {
  return (tree, { path }) => {
    const file = relative(pagesFolder, path);
    const visit = (node) => {
      if (node.type === 'link' || node.type === 'image' || node.type === 'definition')
        node.url = addressOf(file, node.url);
      // a picture in a light and a dark version
      if (node.type === 'html')
        node.value = node.value.replace(
          / (src|srcset)="([^"]+)"/g,
          (_, name, target) => ` ${name}="${addressOf(file, target)}"`,
        );
      if (node.type === 'code') node.meta = metaOf(node);
      node.children?.forEach(visit);
    };
    visit(tree);
  };
}

/** What Expressive Code is told of a block, from the words that the tests of the documents go by. */
function metaOf({ lang, meta }) {
  const words = (meta ?? '').split(' ');
  const file = words.find((word) => word.startsWith('file='))?.slice('file='.length);
  if (file !== undefined) return `title="${file}"`;
  if (words.includes('server')) return 'title="in another terminal"';
  // what a command prints, a layout, a log: nothing that can be typed; an indent may be wider than a phone
  return lang === 'text' || lang === null ? 'frame="none" preserveIndent=false' : undefined;
}

/** A plugin of rehype: the corner of a table is no heading of anything, and the search finds a page about a thing before its API. */
export function htmlForSite() {
  return (tree, { path }) => {
    const isApi = relative(pagesFolder, path).startsWith('api/');
    const visit = (node) => {
      if (node.tagName === 'th' && node.children.length === 0) node.tagName = 'td';
      if (isApi && /^h[1-6]$/.test(node.tagName)) node.properties.dataPagefindWeight = '1';
      node.children?.forEach(visit);
    };
    visit(tree);
    if (isApi)
      tree.children = [
        {
          type: 'element',
          tagName: 'div',
          properties: { dataPagefindWeight: '0.2' },
          children: tree.children,
        },
      ];
  };
}
