/**
 * Nothing is loaded before it is needed: what V8 saw of each start.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderWith, keyfall } from './keyfall.ts';

async function packagesLoadedBy(args: readonly string[]): Promise<string[]> {
  const cwd = await folderWith('A=1\n');
  const reports = join(cwd, 'coverage');
  const { code } = await keyfall(args, { cwd, env: { NODE_V8_COVERAGE: reports } });
  expect(code).toBe(0);
  const loaded = new Set<string>();
  for (const report of await readdir(reports)) {
    const { result } = JSON.parse(await readFile(join(reports, report), 'utf8')) as {
      result: { url: string }[];
    };
    for (const { url } of result) {
      const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
      if (name) loaded.add(name);
    }
  }
  return [...loaded].sort();
}

test('run loads an argument parser and a .env parser, and nothing else of others', async () => {
  expect(await packagesLoadedBy(['run', '--', 'true'])).toEqual(['commander', 'dotenv']);
});

test('export loads yaml for yaml alone', async () => {
  expect(await packagesLoadedBy(['export', '--format', 'yaml'])).toContain('yaml');
  expect(await packagesLoadedBy(['export', '--format', 'json'])).not.toContain('yaml');
});
