/**
 * The pictures show what is: recorded anew, each says the same. If one of these tests fails because the
 * command line now says something else, make them anew: `npm run pictures`.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from './markdown.ts';
import { textOf } from './recording.ts';

const pictures = join(root, 'docs/pictures');
const names = await readdir(pictures);

let anew: string;
beforeAll(async () => {
  anew = await mkdtemp(join(tmpdir(), 'keyfall-pictures-'));
  // it fails if a value, a path or a port is in what it records
  await promisify(execFile)(process.execPath, [join(root, 'scripts/pictures.mjs'), anew]);
}, 300_000);
afterAll(() => rm(anew, { recursive: true }));

test('there are as many as are made', async () => {
  expect((await readdir(anew)).sort()).toEqual(names.sort());
});

test.each(names.filter((name) => name.endsWith('.svg')))(
  '%s is what a person sees now',
  async (name) => {
    const [before, now] = await Promise.all(
      [pictures, anew].map((folder) => readFile(join(folder, name), 'utf8')),
    );
    expect(textOf(now ?? '')).toBe(textOf(before ?? ''));
  },
);
