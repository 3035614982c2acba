/**
 * The provider's pages leave nothing out: every option, every error, and every line of the diagnosis.
 */
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
const page = await text('../../../docs/providers/vault.md');

test('every option is on the page', async () => {
  const options: string[] = [];
  const source = await text('../src/settings/vault-options.ts');
  for (const name of ['VaultProviderOptions', 'VaultMountOptions', 'VaultConnectionOptions']) {
    const [declaration = ''] = source.match(new RegExp(`interface ${name}\\b[\\s\\S]*?\\n}`)) ?? [];
    options.push(
      ...[...declaration.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, one = '']) => one),
    );
  }
  expect(options).toContain('path');
  expect(options).toContain('address');
  const [table = ''] = page.match(/## Options[\s\S]*?\n## /) ?? [];
  expect(options.filter((option) => !new RegExp(`\`${option}[.\`]`).test(table))).toEqual([]);
});

test('every subject of the diagnosis is on the page', async () => {
  const files = ['vault-check', 'kv-check', 'node-check', 'lease-check'];
  const sources = await Promise.all(files.map((name) => text(`../src/check/${name}.ts`)));
  const subjects = [...sources.join().matchAll(/const subject = '(\w+)'/g)].map(([, one]) => one);
  expect(new Set(subjects).size).toBe(10);
  expect(subjects.filter((subject) => !page.includes(`| \`${subject}\` |`))).toEqual([]);
});

/** What a reader of an error looks for: the pieces of the first column of each page's table. */
async function documentedErrors(): Promise<readonly string[]> {
  const pages = ['vault', 'vault-auth', 'vault-dynamic'];
  const texts = await Promise.all(pages.map((name) => text(`../../../docs/providers/${name}.md`)));
  const rows = texts.flatMap((each) => {
    const [, section = ''] = each.split('\n## Errors\n');
    return (section.split('\n## ')[0] ?? '').split('\n').filter((line) => /^\| (?!-)/.test(line));
  });
  return rows
    .flatMap((row) => (row.split('|')[1] ?? '').split(/…|; |, |`/))
    .map((piece) => piece.trim())
    .filter((piece) => piece.length >= 7 && piece.includes(' '));
}

test('every error is on a page', async () => {
  const pieces = await documentedErrors();
  expect(pieces).toContain('does not accept the token');
  const maker =
    /\b(?:SecretError|[a-z]\w*Error|error|wrong\w*|unavailable|invalidAnswer|unsupported|denied|unauthenticated|untrusted|conflict|refused)\(/g;
  const literal = /'((?:[^'\\]|\\.)*)'|"([^"]*)"|`((?:[^`\\]|\\.)*)`/g;
  // put together with what is on the page, or never shown
  const internal = new Set([
    'no answer yet',
    'its policies do not allow it',
    '$origin $detail',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as the source has it
    '${reason}, after ${after} failed',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as the source has it
    '${what}: ${labelled(setting)} is not set',
  ]);
  const said = new Set<string>();
  const sources = new URL('../src/', import.meta.url);
  for (const file of await readdir(sources, { recursive: true })) {
    // a finding is no error
    if (!file.endsWith('.ts') || file.startsWith('check')) continue;
    const source = (await text(`../src/${file}`)).replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
    for (const { index } of source.matchAll(maker)) {
      const [statement = ''] = source.slice(index, index + 500).split(';\n');
      for (const [, single, double, template] of statement.matchAll(literal)) {
        const reason = (single ?? double ?? template ?? '').replaceAll("\\'", "'");
        // a reason is a clause, a hint a sentence; what is put together is found by its parts
        const fixed = reason.replace(/\$\{[^{}]*\}?/g, '').trim();
        if (fixed.length >= 9 && /^[^\n]* [^\n]*[^.?\n]$/.test(reason)) said.add(reason);
      }
    }
  }
  expect(said.size).toBeGreaterThan(100);
  expect(
    [...said].filter(
      (reason) => !internal.has(reason) && !pieces.some((piece) => reason.includes(piece)),
    ),
  ).toEqual([]);
});
