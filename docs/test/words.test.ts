/**
 * Documents, names of tests and what the programs print are in plain English: words that a reader would have to decode do
 * not come back. Code may hold them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readDocuments, root } from './markdown.ts';

const literary =
  /\b(?:nobody|whoever|whomever|anew|mend(?:s|ed|ing)?|himself|shall|of (?:no )?use|be it that|wholly|went without)\b/gi;

/** The prose of a document: without blocks of code, and without code and links within a sentence. */
function proseOf(text: string): string {
  return text
    .replace(/^( *)(`{3,})[\s\S]*?^\1\2$/gm, '')
    .replace(/`[^`\n]*`/g, '')
    .replace(/\]\([^)]*\)/g, ']');
}

test('no document has a word of the list', async () => {
  const found: string[] = [];
  for (const { path, text } of await readDocuments())
    for (const [word] of proseOf(text).matchAll(literary)) found.push(`${path}: ${word}`);
  expect(found).toEqual([]);
});

/** The files with this ending among the tests of all packages, with their paths. */
function testFiles(ending: string): readonly { readonly path: string; readonly text: string }[] {
  const folders = ['packages', 'examples']
    .flatMap((group) => readdirSync(join(root, group)).map((name) => join(group, name, 'test')))
    .concat(join('docs', 'test'), join('benchmarks', 'test'));
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith(ending))
        .map((name) => join(folder, name)),
    )
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** The name of a test or a group: the text that such a call begins with, also behind a table. */
const names =
  /(?:\b(?:test|it|describe)(?:\.\w+)*|^ *\]?\)(?: as const\))?)\(\s*(['"`])((?:\\.|(?!\1).)+)\1/gms;

test('no name of a test has a word of the list, nor one about telling', () => {
  const found: string[] = [];
  let count = 0;
  for (const { path, text } of testFiles('.test.ts'))
    for (const [, , name = ''] of text.matchAll(names)) {
      count += 1;
      for (const [word] of name.matchAll(literary)) found.push(`${path}: ${word}: ${name}`);
      if (/\b(?:told|tells)\b/.test(name)) found.push(`${path}: ${name}`);
    }
  expect(found).toEqual([]);
  expect(count).toBeGreaterThan(2_000);
});

test('no snapshot of what is printed has a word of the list', () => {
  const snapshots = testFiles('.snap');
  expect(snapshots.length).toBeGreaterThan(5);
  const found = snapshots.flatMap(({ path, text }) =>
    [...text.matchAll(literary)].map(([word]) => `${path}: ${word}`),
  );
  expect(found).toEqual([]);
});
