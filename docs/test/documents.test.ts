/**
 * Every command in the documents does what they say, on real servers. What cannot run here is named
 * below, so that an exception is a decision.
 */
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runDocument } from './document-run.ts';
import { isShell, type MarkdownDocument, readDocuments, root } from './markdown.ts';

const documents: readonly MarkdownDocument[] = await readDocuments();

/** Blocks that no test runs: where, why, and their first line. */
const exceptions: readonly string[] = [
  'docs/VAULT_SETUP_GUIDE.md: network: git clone <this repository> ~/keyfall',
];

describe('commands', () => {
  beforeAll(async () => {
    await access(join(root, 'packages/cli/dist/bin.js')).catch(() => {
      throw new Error('The command line is not built: npm run build');
    });
  });

  for (const document of documents)
    if (document.blocks.some(isShell)) test(document.path, () => runDocument(document), 120_000);

  test('every package and example has a document', () => {
    const empty = documents.filter(({ text }) => text === '').map(({ path }) => path);
    expect(empty).toEqual([]);
  });

  test('only the named ones are left out', () => {
    const left = documents.flatMap(({ path, blocks }) =>
      blocks
        .filter(({ words }) => words.has('no-test'))
        .map(({ words, text }) => `${path}: ${words.get('no-test')}: ${text.split('\n')[0]}`),
    );
    expect(left).toEqual(exceptions);
  });

  test('every block of commands is marked as one', () => {
    const languages = documents.flatMap(({ blocks }) => blocks.map(({ language }) => language));
    expect(
      languages.filter((language) => /^(shell|console|zsh|shell-session)$/.test(language)),
    ).toEqual([]);
  });
});

describe('links', () => {
  for (const { path, text } of documents)
    test(path, async () => {
      const links = [...text.matchAll(/\]\((?!https?:|mailto:)([^)#\s]+)?(?:#([^)\s]+))?\)/g)];
      const broken: string[] = [];
      for (const [, target = '', anchor] of links) {
        const file = target === '' ? path : join(dirname(path), target);
        const found = await access(join(root, file)).then(
          () => true,
          () => false,
        );
        const known = documents.find((document) => document.path === file);
        if (!found || (anchor && known && !anchorsOf(known.text).has(anchor)))
          broken.push(`${target}${anchor ? `#${anchor}` : ''}`);
      }
      expect(broken).toEqual([]);
    });
});

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
