/**
 * The page says of each version what the scripts, the servers of the tests and the manifests have.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from './markdown.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const page = read('docs/support.md');

/** The rows of the table under a heading: the cells of each. */
function rows(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  return [...(section.split('\n## ')[0] ?? '').matchAll(/^\| (.+) \|$/gm)]
    .slice(2)
    .map(([, row = '']) => row.split('|').map((cell) => cell.trim()));
}

const runtimes = [
  ...read('scripts/runtimes/runtimes.mjs').matchAll(
    /(?:\.\.\.(node)|name: '(bun|deno)'),.*version: '([\d.]+)'/g,
  ),
].map(([, node, other, version]) => [node ?? other ?? '', version ?? ''] as const);

test('each runtime that the tests run on is listed with its version, and no other one', () => {
  expect(runtimes.length).toBeGreaterThan(5);
  const listed = rows('Runtimes').map(([name = '', , tests = '']) => [
    name.split(' ')[0]?.toLowerCase(),
    /[\d.]+\d$/.exec(tests)?.[0],
  ]);
  expect(listed).toEqual(runtimes);
});

test('the lines of Node are those that CI runs, from the one on that the packages ask for', () => {
  const lines = rows('Runtimes').flatMap(([name = '']) => /^Node (\d+)/.exec(name)?.[1] ?? []);
  const { jobs } = parse(read('.github/workflows/ci.yml'));
  expect(jobs.portable.strategy.matrix.node.map(String)).toEqual(lines);
  // the first one has the whole check
  expect(['20', ...jobs.tests.strategy.matrix.node.map(String)]).toEqual(lines);
  const { node } = JSON.parse(read('packages/core/package.json')).engines;
  const [, first = ''] = /Node 20, from ([\d.]+) on/.exec(page) ?? [];
  expect(node).toBe(`>=${first}.0`);
});

test.each([
  ['@aws-sdk/client-secrets-manager', 'provider-aws-secrets-manager'],
  ['@aws-sdk/client-ssm', 'provider-aws-parameter-store'],
  ['@aws-sdk/client-sts', 'vault-aws-iam'],
])('%s has the range that the package asks for', (name, folder) => {
  const { catalog } = parse(read('pnpm-workspace.yaml'));
  const { dependencies } = JSON.parse(read(`packages/${folder}/package.json`));
  expect(dependencies[name]).toBe('catalog:');
  expect(page).toContain(`\`${name}\``);
  expect(page).toContain(`releases that run on Node 20 (\`${catalog[name]}\`)`);
  // the locked release is one that says of itself that it runs there
  const manifest = `packages/${folder}/node_modules/${name}/package.json`;
  expect(JSON.parse(read(manifest)).engines.node).toMatch(/^>= ?(?:18|20)\b/);
});

const moto = 'packages/testkit/src/servers/moto-server.ts';

test.each<[string, string, RegExp]>([
  ['OpenBao', 'packages/testkit/src/servers/vault-binary.ts', /^const version = '([\d.]+)'/m],
  ['AWS Secrets Manager', moto, /^const version = '([\d.]+)'/m],
  ['AWS SSM Parameter Store', moto, /^const version = '([\d.]+)'/m],
  [
    'Google Cloud Secret Manager',
    'packages/testkit/src/servers/drongo-server.ts',
    /^const version = '([\d.]+)'/m,
  ],
  ['Kubernetes', 'scripts/provision', /kube-apiserver-whole ([\d.]+)/],
  ['SOPS files', 'scripts/provision', /sops@v([\d.]+)/],
])('%s is tested with the version that the page names', (store, file, pattern) => {
  const version = pattern.exec(read(file))?.[1] ?? 'none';
  const [, tested = ''] = rows('Stores').find(([name]) => name === store) ?? [];
  expect(tested).toContain(version);
});

test('the Node of Windows is the version that is run', () => {
  const [, version = ''] = /^node_release ([\d.]+) win\b/m.exec(read('scripts/provision')) ?? [];
  expect(page).toContain(`by the Node of Windows (${version}) in Wine`);
});

test('HashiCorp Vault is tested with the version that its own page names', () => {
  const [, version = 'none'] =
    /by hand with HashiCorp Vault ([\d.]+\d)/.exec(read('docs/providers/vault.md')) ?? [];
  expect(rows('Stores').find(([name]) => name === 'HashiCorp Vault')?.[1]).toContain(version);
});

test.each([
  ['Fastify', 'fastify', 'fastify'],
  ['Express', 'express', 'express'],
  ['NestJS', 'nestjs', '@nestjs/core'],
  ['Next', 'next', 'next'],
  ['Vite', 'vite', 'vite'],
  ['Astro', 'astro', 'astro'],
  ['esbuild', 'lambda', 'esbuild'],
  ['pg', 'rotation', 'pg'],
  ['mysql2', 'rotation', 'mysql2'],
  ['ioredis', 'rotation', 'ioredis'],
  ['pino', 'logging', 'pino'],
  ['winston', 'logging', 'winston'],
])('%s is tested in the version that the page names', (what, example, name) => {
  const { version } = JSON.parse(read(`examples/${example}/node_modules/${name}/package.json`));
  const [, tested = ''] = rows('Frameworks and clients').find(([each]) => each === what) ?? [];
  const [named = 'none'] = /^[\d.]+/.exec(tested) ?? [];
  expect(`${version}.`.startsWith(`${named}.`)).toBe(true);
});

test('no other framework is listed', () => {
  expect(rows('Frameworks and clients')).toHaveLength(12);
});
