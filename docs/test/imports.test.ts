/**
 * What an import of a published package loads of Node. The files of ours that it opens are counted by `npm run counts`.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

/** Imports a package in a process of its own: the modules of Node that it loads. */
async function loadedBy(name: string): Promise<string[]> {
  const url = pathToFileURL(join(root, 'packages', name, 'dist/esm/index.js')).href;
  const program = `const before = new Set(process.moduleLoadList);
    await import(${JSON.stringify(url)});
    const loaded = process.moduleLoadList.filter((each) => !before.has(each));
    console.log(JSON.stringify(loaded.map((each) => each.split(' ').pop())));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    program,
  ]);
  return JSON.parse(stdout);
}

// each of them costs more than all files of ours
const expensive = ['crypto', 'tls', 'https', 'child_process'];

test.each([
  ['core', [...expensive, 'http']],
  ['provider-dotenv', [...expensive, 'http']],
  ['provider-vault', expensive],
])('importing %s loads no expensive module of Node before it is needed', async (name, modules) => {
  const loaded = await loadedBy(name);
  expect(loaded.filter((each) => modules.includes(each))).toEqual([]);
});
