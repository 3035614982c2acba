/**
 * The pictures show what is: recorded anew, each says the same. If one of these tests fails because the
 * command line now says something else, make them anew: `npm run pictures`.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDocuments, root } from './markdown.ts';

const pictures = join(root, 'docs/pictures');
const names = await readdir(pictures);
const sessions = names.filter((name) => name.endsWith('.svg'));

let anew: string;
beforeAll(async () => {
  anew = await mkdtemp(join(tmpdir(), 'keyfall-pictures-'));
  // it fails if a value, a path or a port is in what it records
  await promisify(execFile)(process.execPath, [join(root, 'scripts/record-sessions.mjs'), anew]);
}, 300_000);
afterAll(() => rm(anew, { recursive: true }));

/** What can be read in a picture, line by line; a character is 12.2 wide. */
async function textOf(file: string): Promise<string> {
  const lines = new Map<string, string>();
  const texts = /<text class="\w+-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<\/text>/g;
  for (const [, x, y = '', text = ''] of (await readFile(file, 'utf8')).matchAll(texts)) {
    const before = (lines.get(y) ?? '').padEnd(Math.round(Number(x) / 12.2));
    lines.set(y, before + text.replaceAll('&#160;', ' ').trimEnd());
  }
  return [...lines.values()].map((line) => `${line.trimEnd()}\n`).join('');
}

test('there are as many as are recorded', async () => {
  expect((await readdir(anew)).sort()).toEqual(names.sort());
  expect(sessions.length).toBeGreaterThan(2);
});

test.each(sessions)('%s is what a person sees now', async (name) => {
  const text = await textOf(join(pictures, name));
  expect(text).toContain('$ keyfall ');
  expect(text).toBe(await textOf(join(anew, name)));
});

test.each(sessions)('%s has no line that the terminal had to break', async (name) => {
  // as wide as the terminal of the recording: what goes on below is broken where it ends, word or not
  const full = (await textOf(join(pictures, name)))
    .split('\n')
    .filter((line) => line.length >= 100);
  expect(full).toEqual([]);
});

test.each(names)('%s is small, and is shown in a document', async (name) => {
  expect((await stat(join(pictures, name))).size).toBeLessThan(100_000);
  const shown = (await readDocuments()).flatMap(({ text }) => [
    ...text.matchAll(/!\[(.{10,}?)\]\(([^)]+)\)/g),
  ]);
  expect(shown.map(([, , path]) => path)).toContainEqual(
    expect.stringContaining(`pictures/${name}`),
  );
});
