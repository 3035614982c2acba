/**
 * An encrypted file from its first member to the next, with the programs that only Debian and Go have: edited in a real Vim,
 * and opened by the real sops.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { ageKey, folderWith, keyfall } from './keyfall.ts';
import { onTerminal } from './on-terminal.ts';

const canary = 'canary-0d93ab';
const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const PATH = [join(cache, 'keyfall', 'bin'), process.env['PATH']].join(delimiter);

/** The real sops, with one key alone. */
async function bySops(cwd: string, keyFile: string): Promise<unknown> {
  const args = ['decrypt', '--output-type', 'json', 'secrets.enc.env'];
  const env = { PATH, HOME: cwd, SOPS_AGE_KEY_FILE: keyFile };
  return JSON.parse((await promisify(execFile)('sops', args, { cwd, env })).stdout);
}

test('what Vim and a second member change, sops opens for both; Vim keeps nothing', async () => {
  const cwd = await folderWith(`MODE='x vim: set readonly :'\nTOKEN=${canary}\nOLD=x\n`);
  const home = await testFolder();
  const memory = await testFolder();
  // what users have who want to lose nothing
  const keeping =
    "set modeline backup undofile backupdir=~ undodir=~ directory=~ viminfo='100,<1000\n";
  await writeFile(join(home, '.vimrc'), keeping);
  // nor may a value give Vim an order
  const mode = { MODE: 'x vim: set readonly :' };
  const env = { HOME: home, XDG_RUNTIME_DIR: memory };
  expect((await keyfall(['init', '--local'], { cwd, env })).code).toBe(0);
  const own = join(home, '.config/sops/age/keys.txt');

  const edited = await onTerminal(
    ['edit'],
    [['TOKEN=', `:%s/^TOKEN=.*/TOKEN='new ${canary}'/\r:2,$s/^OLD=x/NEW=1/\ryyddP:wq\r`]],
    { cwd, env },
  );
  expect(edited.code).toBe(0);
  expect(edited.stdout).toContain('changed TOKEN, added NEW, deleted OLD in sops');
  expect(await bySops(cwd, own)).toEqual({
    ...mode,
    TOKEN: `new ${canary}`,
    NEW: '1',
  });
  expect((await readdir(home)).sort()).toEqual(['.config', '.vimrc']);
  expect(await readdir(memory)).toEqual([]);

  expect((await keyfall(['share', 'add', ageKey.recipient], { cwd, env })).code).toBe(0);
  const theirs = { ...env, SOPS_AGE_KEY_FILE: ageKey.file };
  const stopped = await onTerminal(['edit'], [['TOKEN=', ':%d\r:cq\r']], { cwd, env: theirs });
  expect(stopped.code).toBe(130);
  expect(await bySops(cwd, ageKey.file)).toEqual(await bySops(cwd, own));
  expect((await keyfall(['share', 'remove', ageKey.recipient], { cwd, env })).code).toBe(0);
  await expect(bySops(cwd, ageKey.file)).rejects.toMatchObject({ code: 128 });
  expect(await bySops(cwd, own)).toEqual({
    ...mode,
    TOKEN: `new ${canary}`,
    NEW: '1',
  });
  expect(await readFile(join(cwd, 'secrets.enc.env'), 'utf8')).not.toContain('canary');
});
