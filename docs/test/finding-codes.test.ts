/**
 * The codes of findings are permanent: each that the code gives stands in the reference of the commands, and
 * none stands there that nothing gives.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

/** The text of every module of every package. */
async function sources(): Promise<string> {
  const packages = join(root, 'packages');
  let text = '';
  for (const name of await readdir(packages)) {
    const folder = join(packages, name, 'src');
    for (const file of await readdir(folder, { recursive: true }))
      if (file.endsWith('.ts')) text += await readFile(join(folder, file), 'utf8');
  }
  return text;
}

test('every code of a finding is in the reference, and is given by something', async () => {
  const code = await sources();
  const page = await readFile(join(root, 'docs/commands.md'), 'utf8');
  const [, table = ''] = /\n\| about \| codes \|\n(.+?)\n\n/s.exec(page) ?? [];
  const told = new Set([...table.matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name));
  const given = new Set(
    [...code.matchAll(/\b(?:code|found): '([a-z-]+)'/g)].map(([, name = '']) => name),
  );
  expect(given.size).toBeGreaterThan(30);
  expect([...given].filter((name) => !told.has(name))).toEqual([]);
  const kind = (name: string) => `'ERR_SECRET_${name.toUpperCase().replaceAll('-', '_')}'`;
  expect(
    [...told].filter((name) => !code.includes(`'${name}'`) && !code.includes(kind(name))),
  ).toEqual([]);
});
