/**
 * The documents are in plain English: words that a reader would have to decode do not come back. What a program
 * prints, and code, may hold them.
 */
import { expect, test } from 'vitest';
import { readDocuments } from './markdown.ts';

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
