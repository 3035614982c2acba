/**
 * The index of the decisions is complete, in order and short; the page of all documents leaves none out.
 * That links lead somewhere is held by links.test.ts.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

/** The Markdown files of a folder, its own index aside. */
async function pagesIn(folder: string): Promise<string[]> {
  const names = await readdir(join(root, folder));
  return names.filter((name) => name.endsWith('.md') && name !== 'README.md').sort();
}

/** What a document links to in its own folder or below. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^):#]+\.md)[)#]/g)].map(([, target = '']) => target);
}

test('every decision has one line in the index, under its date, newest date first', async () => {
  const index = await readFile(join(root, 'docs/decisions/README.md'), 'utf8');
  const [, ...sections] = index.split(/^## /m);
  const dates = sections.map((section) => section.slice(0, 10));
  expect(dates).toEqual([...new Set(dates)].sort().reverse());
  const listed: string[] = [];
  for (const [at, section] of sections.entries())
    for (const line of section.split('\n').filter((each) => each.startsWith('- '))) {
      const [target = ''] = linksOf(line);
      expect(target.slice(0, 10)).toBe(dates[at]);
      listed.push(target);
    }
  expect(listed.sort()).toEqual(await pagesIn('docs/decisions'));
});

test('the page of all documents leads to each of them', async () => {
  const targets = linksOf(await readFile(join(root, 'docs/README.md'), 'utf8'));
  expect(targets).toEqual(expect.arrayContaining(await pagesIn('docs')));
  const stores = (await pagesIn('docs/providers')).map((name) => `providers/${name}`);
  expect(targets).toEqual(expect.arrayContaining([...stores, 'decisions/README.md']));
});
