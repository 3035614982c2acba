/**
 * Every link of a document that leads into the repository leads to something, whether it is relative or names the
 * repository on the web. npm shows the README of a package without the repository around it, so links there are whole
 * addresses.
 */
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type MarkdownDocument, readDocuments, repository, root } from './markdown.ts';

const documents: readonly MarkdownDocument[] = await readDocuments();

/** What the links, pictures, definitions and HTML tags of a text lead to. */
function targetsOf(text: string): string[] {
  const prose = text.replace(/^( *)(`{3,})[\s\S]*?^\1\2$/gm, '');
  const inline = /\]\(\s*<?([^)\s>]+)/g;
  const definition = /^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm;
  const attribute = /<[a-z][^>]*\s(?:href|src|srcset)=["']?([^"'\s>]+)/gi;
  return [inline, definition, attribute].flatMap((kind) =>
    [...prose.matchAll(kind)].map(([, target = '']) => target),
  );
}

const web = [
  `${repository}/blob/main/`,
  `${repository}/tree/main/`,
  `${repository.replace('//github.com/', '//raw.githubusercontent.com/')}/main/`,
];

/** The file and the heading that a link of a document leads to, or `undefined` if it leads out of the repository. */
function destination(path: string, target: string): { file: string; anchor?: string } | undefined {
  if (target === `${repository}#readme`) return { file: 'README.md' };
  const base = web.find((prefix) => target.startsWith(prefix));
  if (base === undefined && /^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [place = '', anchor] = (base === undefined ? target : target.slice(base.length)).split('#');
  const file = base === undefined && place === '' ? path : place;
  const from = base === undefined && place !== '' ? posix.dirname(path) : '.';
  return { file: posix.join(from, file), ...(anchor && { anchor }) };
}

/** The anchors that GitHub makes of the headings. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Whether what a link leads to is there. */
function leadsSomewhere(path: string, target: string): boolean {
  const found = destination(path, target);
  if (found === undefined) return true;
  if (!existsSync(join(root, found.file))) return false;
  const document = documents.find((each) => each.path === found.file);
  return (
    found.anchor === undefined ||
    document === undefined ||
    anchorsOf(document.text).has(found.anchor)
  );
}

describe('the links lead to a file and a heading that exist', () => {
  for (const { path, text } of documents)
    test(path, () => {
      expect(targetsOf(text).filter((target) => !leadsSomewhere(path, target))).toEqual([]);
    });
});

test('the links of a README that npm shows are whole addresses, and some lead into the repository', () => {
  const shown = documents.filter(({ path }) => path.startsWith('packages/'));
  const targets = shown.flatMap(({ path, text }) =>
    targetsOf(text).map((target) => ({ path, target })),
  );
  expect(targets.filter(({ target }) => !target.startsWith('https://'))).toEqual([]);
  const inside = targets.filter(({ path, target }) => destination(path, target) !== undefined);
  expect(inside.length).toBeGreaterThan(20);
});

test('a picture is taken from where its bytes are, and not from the page that shows it', () => {
  const pictures = documents
    .filter(({ path }) => path.startsWith('packages/'))
    .flatMap(({ text }) => [
      ...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)|<(?:img|source) [^>]*src(?:set)?="([^"]+)"/g),
    ])
    .map(([, inline, attribute]) => inline ?? attribute);
  expect(pictures.filter((target) => !target?.startsWith(web[2] ?? '?'))).toEqual([]);
  expect(pictures.length).toBeGreaterThan(1);
});

test.each([
  ['docs/gone.md', false],
  ['docs/chain.md#no-such-heading', false],
  ['docs/chain.md#a-store-on-standby', true],
])('of an address of the repository the file and the heading are looked up: %s', (place, there) => {
  expect(leadsSomewhere('packages/core/README.md', `${repository}/blob/main/${place}`)).toBe(there);
});
