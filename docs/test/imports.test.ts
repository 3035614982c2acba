/**
 * What an import of a published package opens: each file costs a start some 0.4 ms, so none is added unseen.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

/** Imports a package in a process of its own: the files of ours that it opens, and the modules of Node that it loads. */
async function importOf(entry: string): Promise<{ files: string[]; loaded: string[] }> {
  const { folder, remove } = await temporaryFolder();
  try {
    const url = pathToFileURL(join(root, 'packages', entry)).href;
    const program = `const before = new Set(process.moduleLoadList);
      await import(${JSON.stringify(url)});
      const loaded = process.moduleLoadList.filter((each) => !before.has(each));
      console.log(JSON.stringify(loaded.map((each) => each.split(' ').pop())));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: join(root, 'docs'), env: { PATH: process.env['PATH'], NODE_V8_COVERAGE: folder } },
    );
    const [report = ''] = await readdir(folder);
    const { result } = JSON.parse(await readFile(join(folder, report), 'utf8')) as {
      result: { url: string }[];
    };
    const files = result
      .filter(({ url }) => url.startsWith('file:') && !url.endsWith('[eval1]'))
      .map(({ url }) => fileURLToPath(url).split('/packages/')[1] ?? url);
    return { files: files.sort(), loaded: JSON.parse(stdout) };
  } finally {
    await remove();
  }
}

const core = ['core/dist/esm/chunks/main.js'];
const forProviders = [...core, 'core/dist/esm/chunks/with-applied.js', 'core/dist/esm/provider.js'];

test.each([
  ['core', [...core, 'core/dist/esm/index.js']],
  [
    'provider-dotenv',
    [
      ...forProviders,
      'provider-dotenv/dist/esm/chunks/main.js',
      'provider-dotenv/dist/esm/index.js',
    ],
  ],
  [
    'provider-vault',
    [
      ...forProviders,
      'provider-vault/dist/esm/chunks/main.js',
      'provider-vault/dist/esm/index.js',
      'provider-vault/dist/esm/settings/options-schema.js',
    ],
  ],
])('importing %s opens these files', async (name, files) => {
  const opened = await importOf(`${name}/dist/esm/index.js`);
  expect(opened.files).toEqual(files);
  // each of them costs more than all of these files
  for (const expensive of ['crypto', 'tls', 'https', 'child_process'])
    expect(opened.loaded).not.toContain(expensive);
  if (name !== 'provider-vault') expect(opened.loaded).not.toContain('http');
});
