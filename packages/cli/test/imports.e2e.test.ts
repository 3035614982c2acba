/**
 * Nothing is loaded before it is needed: what V8 saw of each start.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '@keyfall/testkit';
import { rolldown } from 'rolldown';
import { beforeAll, expect, test } from 'vitest';
import { bin, folderWith } from './keyfall.ts';

/** The command with its modules in files of their own, which show what it imports. */
let unbundled: string;
beforeAll(async () => {
  const { folder, remove } = await temporaryFolder();
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../src/bin.ts', import.meta.url)),
    platform: 'node',
    resolve: { conditionNames: ['@keyfall/source', 'node'] },
    // the packages of others stay where they are installed
    external: (id, _, isResolved) => isResolved && id.includes('/node_modules/'),
    transform: { define: { KEYFALL_VERSION: '"0.0.0"' } },
  });
  const { output } = await bundle.write({
    dir: folder,
    preserveModules: true,
    entryFileNames: '[name].mjs',
  });
  await bundle.close();
  unbundled = join(folder, output[0].fileName);
  return remove;
});

/** Node 26 writes no report of a process that becomes another program, so this one stays and starts it. */
const staying = ['--import', 'data:text/javascript,delete process.execve'];

/** Starts one of them with a `.env`, and returns what it printed and the files that V8 saw. */
async function started(
  bin: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<{ stdout: string; files: string[] }> {
  const cwd = await folderWith('A=1\n');
  const reports = join(cwd, 'coverage');
  const { PATH } = process.env;
  const env = { PATH, HOME: cwd, NODE_V8_COVERAGE: reports, ...more };
  const all = [...staying, bin, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, all, { cwd, env });
  return { stdout, files: await filesIn(reports) };
}

/** The files that V8 saw, of which `node:` are none. */
async function filesIn(reports: string): Promise<string[]> {
  const files = new Set<string>();
  for (const report of await readdir(reports)) {
    const { result } = JSON.parse(await readFile(join(reports, report), 'utf8')) as {
      result: { url: string }[];
    };
    for (const { url } of result) if (url.startsWith('file:')) files.add(url);
  }
  return [...files];
}

async function packagesLoadedBy(args: readonly string[]): Promise<string[]> {
  const loaded = new Set<string>();
  for (const url of (await started(unbundled, args)).files) {
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
    if (name) loaded.add(name);
  }
  return [...loaded].sort();
}

test('run loads a .env parser, and nothing else of others', async () => {
  expect(await packagesLoadedBy(['run', '--', 'true'])).toEqual(['dotenv']);
});

test('export loads no more than run and the command line itself, whatever the format', async () => {
  for (const format of ['yaml', 'json'])
    expect(await packagesLoadedBy(['export', '--format', format])).toEqual(['commander', 'dotenv']);
});

const ofSops = /\/provider-sops\/|\/(?:age-encryption|re2js|@noble)\//;

test('without a file of sops, nothing that such files need is loaded', async () => {
  for (const command of ['list', 'get A', 'edit', 'doctor', 'share --help']) {
    const { files } = await started(unbundled, command.split(' '), { EDITOR: 'true' });
    expect(files.filter((url) => ofSops.test(url))).toEqual([]);
  }
  const { files } = await started(unbundled, ['share', 'key']);
  expect(files.filter((url) => ofSops.test(url)).length).toBeGreaterThan(5);
});

test('as it is published, run with a .env is one file, beside the command itself and what bundles have in common', async () => {
  const { stdout, files } = await started(bin, ['run', '--', 'printenv', 'A']);
  expect(stdout).toBe('1\n');
  expect(files.map((url) => url.slice(url.lastIndexOf('/') + 1)).sort()).toEqual([
    'bin.cjs',
    'rolldown-runtime.cjs',
    'start.cjs',
  ]);
});
