// Files with access control lists, as setfacl makes them and getfacl shows them.
import { execFileSync } from 'node:child_process';
import { chmod, open, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { keepAccess } from '../../src/files/keep-access.ts';
import { editFile, replaceFile } from '../../src/files/write.ts';
import { context, folderOfTests } from './folder.ts';

const newFile = folderOfTests();
const yes = async () => true;
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8' });
const listOf = (path: string) => run('getfacl', '--absolute-names', '--omit-header', path).trim();

test.each(['u:daemon:r', 'u:daemon:rw,g:daemon:r', 'g::---,u:daemon:r', 'g::---,m::rw'])(
  'the list %s stays, entry by entry',
  async (list) => {
    const file = await newFile();
    await writeFile(file.path, 'old');
    await chmod(file.path, 0o640);
    run('setfacl', '-m', list, file.path);
    const before = listOf(file.path);
    expect(before).toContain('mask');
    await editFile(file, () => Buffer.from('new'), { limit: 100, ...context() });
    expect(await readFile(file.path, 'utf8')).toBe('new');
    expect(listOf(file.path)).toBe(before);
  },
);

test('a default list of the folder gives no access to a file that is replaced or created', async () => {
  const file = await newFile();
  await writeFile(file.path, 'old');
  await chmod(file.path, 0o640);
  const before = listOf(file.path);
  run('setfacl', '-d', '-m', 'u:daemon:rw,o::r', dirname(file.path));
  await replaceFile(file, file.path, Buffer.from('new'), yes);
  expect(listOf(file.path)).toBe(before);

  const made = { ...file, path: `${file.path}-made` };
  await replaceFile(made, made.path, Buffer.from('new'), async () => {
    expect(listOf(`${made.path}.keyfall-tmp`)).toContain('mask::---');
    return true;
  });
  expect(listOf(made.path)).toMatch(
    /\nuser:daemon:rw-\t#effective:---\n(.*\n)*mask::---\nother::---$/,
  );
  // and stays so when it is replaced in its turn
  await replaceFile(made, made.path, Buffer.from('newer'), yes);
  expect((await stat(made.path)).mode & 0o777).toBe(0o600);
});

test('where there is no such cp a file whose group might get more is not replaced', async () => {
  const file = await newFile();
  await writeFile(file.path, 'old');
  run('setfacl', '-m', 'g::---,u:daemon:r,o::---', file.path);
  const temporary = `${file.path}.new`;
  const handle = await open(temporary, 'wx', 0o600);
  const given = async (programs: readonly string[]) =>
    keepAccess({ file, real: file.path, old: await stat(file.path), temporary, handle }, programs);
  try {
    for (const programs of [[], ['/nowhere/cp'], ['/bin/false']]) {
      await expect(given(programs)).rejects.toMatchObject({
        code: 'ERR_SECRET_UNSUPPORTED',
        provider: 'store',
        hint: expect.stringContaining('chmod g= secrets'),
      });
      expect(listOf(temporary)).toBe('user::rw-\ngroup::---\nother::---');
    }
    // what everybody may do the group may too
    await chmod(file.path, 0o644);
    await given([]);
    expect((await stat(temporary)).mode & 0o777).toBe(0o644);
  } finally {
    await handle.close();
  }
});
