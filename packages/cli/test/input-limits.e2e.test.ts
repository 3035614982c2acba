/**
 * What never ends, or is far too large, where a command reads what it is given: it says so, and takes neither
 * the machine's memory nor for ever.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bin, finished, folderWith, keyfall, type RunResult } from './keyfall.ts';
import { onTerminal } from './on-terminal.ts';

/** A shell's command line with `keyfall` in it. */
function inShell(script: string, cwd: string): Promise<RunResult> {
  const { PATH = '' } = process.env;
  const text = `node='${process.execPath}' bin='${bin}'; keyfall() { "$node" "$bin" "$@"; }; ${script}`;
  return finished(spawn('sh', ['-c', text], { cwd, env: { PATH, HOME: cwd } }));
}

/** A file of a size that no memory has, which takes no space on the disk. */
async function hugeFile(path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, 2 ** 40);
}

describe('set takes no more than 8 MiB of stdin', () => {
  test.each([
    ['a device without an end', 'keyfall set A < /dev/zero'],
    ['a pipe without an end', 'yes | keyfall set A'],
    ['a file of a terabyte', 'keyfall set A < huge'],
  ])('%s is cut off, and stores nothing', async (_, script) => {
    const cwd = await folderWith('A=1\n');
    await hugeFile(join(cwd, 'huge'));
    expect(await inShell(script, cwd)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('8 MiB'),
    });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  });

  test('a paste that is too large stores nothing, and no rest of it goes to the shell', async () => {
    const cwd = await folderWith('A=1\n');
    const paste = { paste: 8 * 1024 * 1024 + 1 };
    const { code, stdout } = await onTerminal(['set', 'A'], [['Value of A', paste]], { cwd });
    expect({ code, said: /keyfall: .+/.exec(stdout)?.[0] }).toMatchObject({
      code: 2,
      said: expect.stringContaining('8 MiB'),
    });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  });
});

/** What may stand where a file is named, by what makes it. */
const odd: readonly (readonly [string, (path: string) => unknown])[] = [
  ['a file of a terabyte', hugeFile],
  ['a link to /dev/zero', (path) => symlink('/dev/zero', path)],
  ['a pipe without a writer', (path) => execFileSync('mkfifo', [path])],
];

describe.each(odd)('%s', (what, make) => {
  test.each([
    ['is refused as a configuration', 'keyfall.config.json', ['list'], 2],
    ['is refused as a configuration of code', 'keyfall.config.mjs', ['list'], 2],
    ['is refused as a named configuration', 'c.json', ['--config', 'c.json', 'list'], 2],
    ['is refused as a .env', 'b.env', ['--dotenv', 'b.env', 'list'], 5],
    ['is refused by migrate', 'b.env', ['migrate', 'b.env'], 5],
    [
      'is refused as a journal',
      '.env.backup.1.journal',
      ['migrate', '--restore', '.env.backup.1'],
      5,
    ],
    ['is not replaced by types', 'names.d.ts', ['types', '--out', 'names.d.ts'], 5],
  ] as const)('%s', async (__, path, args, code) => {
    const cwd = await folderWith('A=1\n');
    await make(join(cwd, path));
    const { code: ended, stderr } = await keyfall(args, { cwd });
    expect(ended).toBe(code);
    expect(stderr).toContain(path);
    expect(stderr.includes('8 MiB')).toBe(what === 'a file of a terabyte');
  });
});
