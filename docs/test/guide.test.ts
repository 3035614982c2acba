/**
 * What the Vault guide tells in tables is so: the command reference is what the command line offers,
 * and the messages under Troubleshooting are ones that the code has.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

const guide = readFile(join(root, 'docs/VAULT_SETUP_GUIDE.md'), 'utf8');

/** The first column of the tables of a section. */
async function firstColumn(heading: string): Promise<string[]> {
  const [, section = ''] = (await guide).split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return [...own.matchAll(/^\| (.+?) (?<!\\)\|/gm)].map(([, cell = '']) => cell).slice(2);
}

async function help(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, 'packages/cli/dist/bundle/bin.cjs'),
    ...args,
    '--help',
  ]);
  return stdout;
}

/** The long options that a help text defines. */
function optionsOf(text: string): string[] {
  const found = [...text.matchAll(/^ {2}(?:-\w, |)(--[\w-]+)/gm)].map(([, option = '']) => option);
  return found.filter((option) => !['--help', '--version'].includes(option)).sort();
}

test('the command reference has every command with every option', async () => {
  const rows = (await firstColumn('Command reference')).filter((row) => row.startsWith('`keyfall'));
  const documented = new Map<string, Set<string>>();
  for (const row of rows) {
    const name = /^`keyfall (\w+)/.exec(row)?.[1] ?? '';
    const options = documented.get(name) ?? new Set();
    for (const [option] of row.matchAll(/--[\w-]+/g)) options.add(option);
    documented.set(name, options);
  }
  const commands = [...(await help()).matchAll(/^ {2}(\w+) (?:\[|<| )/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  expect([...documented.keys()].sort()).toEqual([...new Set(commands)].sort());
  for (const [name, options] of documented)
    expect([name, ...[...options].sort()]).toEqual([name, ...optionsOf(await help(name))]);
});

test('the options of every command are described below the reference', async () => {
  const [, after = ''] = (await guide).split('\n## Command reference\n');
  const missing = optionsOf(await help()).filter((option) => !after.includes(`\`${option}`));
  expect(missing).toEqual([]);
});

test('the messages under Troubleshooting are ones of the code', async () => {
  const cells = await firstColumn('Troubleshooting');
  const messages = cells.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message.replace(/secret\/…$/, '')),
  );
  expect(messages.length).toBeGreaterThan(8);
  let code = '';
  for (const name of ['core', 'provider-vault', 'cli']) {
    const folder = join(root, 'packages', name, 'src');
    for (const file of await readdir(folder, { recursive: true }))
      if (file.endsWith('.ts')) code += await readFile(join(folder, file), 'utf8');
  }
  expect(messages.filter((message) => !code.includes(message))).toEqual([]);
});
