/**
 * The pictures show what is: recorded anew, each says the same. If one of these tests fails because the
 * command line now says something else, make them anew: `npm run pictures`.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { diagrams } from '../../scripts/pictures/diagrams.mjs';
import { startChromium } from '../../scripts/pictures/vault-ui.mjs';
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

test('no text of a diagram is wider than its box', async () => {
  const browser = await startChromium();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  for (const [name, draw] of Object.entries(diagrams)) {
    await page.setContent(draw('light'));
    const texts: readonly { text: string; right: number; limit: number }[] = await page.evaluate(`
      const edge = document.querySelector('svg').getBoundingClientRect();
      const boxes = [...document.querySelectorAll('rect')].map((rect) => rect.getBoundingClientRect());
      [...document.querySelectorAll('text')].map((text) => {
        const { left, right, top } = text.getBoundingClientRect();
        const around = boxes.find((box) => box.left < left && left < box.right && box.top < top && top < box.bottom);
        return { text: text.textContent, right, limit: (around ?? edge).right - 4 };
      });
    `);
    expect(texts.length).toBeGreaterThan(10);
    expect(
      texts.filter(({ right, limit }) => right > limit).map(({ text }) => [name, text]),
    ).toEqual([]);
  }
}, 60_000);
