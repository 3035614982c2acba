/**
 * A link that works on GitHub works on the site.
 */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { markdownForSite } from '../markdown-for-site.mjs';
import { addressOf, base, origin, pageAt, pagesFolder, repositoryAddress } from '../places.mjs';

test('the site is at the address that the command line prints', () => {
  expect(origin + base).toMatch(/^https:\/\/[\w.-]+\/(?:[\w-]+\/)?$/);
});

test.each([
  ['quick-start.md', 'quick-start'],
  ['README.md', 'all-pages'],
  ['providers/README.md', 'providers'],
  ['errors/ERR_SECRET_TLS.md', 'errors/ERR_SECRET_TLS'],
])('%s is the page %s', (file, page) => {
  expect(pageAt(file)).toBe(page);
});

test.each([
  ['chain.md', 'run.md#how-it-runs', `${base}run/#how-it-runs`],
  ['chain.md', '#a-store-on-standby', '#a-store-on-standby'],
  ['providers/vault.md', '../chain.md', `${base}chain/`],
  ['chain.md', 'providers/README.md', `${base}providers/`],
  ['chain.md', 'README.md', `${base}all-pages/`],
  ['chain.md', 'errors', `${base}errors/`],
  ['VAULT_SETUP_GUIDE.md', 'pictures/ui-list.png', `${base}pictures/ui-list.png`],
  ['performance.md', 'plots/reads-dark.svg', `${base}plots/reads-dark.svg`],
  ['chain.md', '../README.md#install', `${repositoryAddress}/blob/main/README.md#install`],
  ['chain.md', '../packages/fastify', `${repositoryAddress}/blob/main/packages/fastify`],
  ['index.md', '../docs/local.md', `${base}local/`],
  ['index.md', '../docs/pictures/fallback-light.svg', `${base}pictures/fallback-light.svg`],
  [
    'api/@keyfall/fastify.md',
    'core/README.md#api-httpstatusof',
    `${base}api/@keyfall/core/#api-httpstatusof`,
  ],
  ['chain.md', 'https://example.com/a.md', 'https://example.com/a.md'],
])('on %s, %s leads to %s', (file, target, address) => {
  expect(addressOf(file, target)).toBe(address);
});

test('a picture that is written as HTML leads there, too', () => {
  const html = (folder: string) =>
    `<picture><source media="(prefers-color-scheme: dark)" srcset="${folder}reads-dark.svg"><img alt="a" src="${folder}reads-light.svg"></picture>`;
  const tree = { type: 'root', children: [{ type: 'html', value: html('plots/') }] };
  markdownForSite()(tree, { path: join(pagesFolder, 'performance.md') });
  expect(tree.children[0]?.value).toBe(html(`${base}plots/`));
});
