/**
 * The provider's page leaves nothing out: every option, and every line of the diagnosis.
 */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
const page = await text('../../../docs/providers/vault.md');

test('every option is on the page', async () => {
  const options: string[] = [];
  for (const [file, name] of [
    ['vault-settings', 'VaultProviderOptions'],
    ['connection-settings', 'VaultConnectionOptions'],
  ]) {
    const source = await text(`../src/${file}.ts`);
    const [declaration = ''] = source.match(new RegExp(`interface ${name}\\b[\\s\\S]*?\\n}`)) ?? [];
    options.push(
      ...[...declaration.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, one = '']) => one),
    );
  }
  expect(options).toContain('path');
  expect(options).toContain('address');
  const [table = ''] = page.match(/## Options[\s\S]*?\n## /) ?? [];
  expect(options.filter((option) => !table.includes(`\`${option}\``))).toEqual([]);
});

test('every subject of the diagnosis is on the page', async () => {
  const sources = (await text('../src/vault-check.ts')) + (await text('../src/kv-check.ts'));
  const subjects = [...sources.matchAll(/const subject = '(\w+)'/g)].map(([, one]) => one);
  expect(new Set(subjects).size).toBe(8);
  expect(subjects.filter((subject) => !page.includes(`| \`${subject}\` |`))).toEqual([]);
});
