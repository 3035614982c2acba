/**
 * The pages of the stores have one shape, so that who knows one finds the same thing in the next.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

const shape = [
  /^Install$/,
  /^Smallest example$/,
  /^Options$/,
  /^(What it answers|What counts as what)$/,
  /^Permissions$/,
  /^Limits$/,
  /^Mending$/,
];
const stores = ['sops', 'files', 'aws-secrets-manager', 'doppler', 'dotenv'];

test.each(stores)('the page of %s has every part, in the one order', async (store) => {
  const text = await readFile(join(root, 'docs/providers', `${store}.md`), 'utf8');
  const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading);
  const found = shape.map((part) => headings.findIndex((heading) => part.test(heading)));
  expect(found).not.toContain(-1);
  expect(found).toEqual([...found].sort((a, b) => a - b));
});

test.each(stores)(
  'the page of %s tells the four failures apart, and its README leads to it',
  async (store) => {
    const text = await readFile(join(root, 'docs/providers', `${store}.md`), 'utf8');
    expect(text).toMatch(/missing document|does not hold it/);
    for (const code of ['UNAVAILABLE', 'DENIED', 'INVALID', 'CONFIG'])
      expect(text).toContain(`ERR_SECRET_${code}`);
    const readme = await readFile(join(root, 'packages', `provider-${store}`, 'README.md'), 'utf8');
    expect(readme).toContain(`docs/providers/${store}.md`);
  },
);
