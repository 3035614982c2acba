// Turns of writers, on systems with symbolic links and on such without, and what may stand in a lock.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { lockFile } from '../../src/files/write.ts';
import { context, folderOfTests } from './folder.ts';

/** What the system answers to a link instead of making it. */
const system = vi.hoisted(() => ({ symlink: '', writeFile: '' }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const unless =
    <Call extends (...args: never[]) => unknown>(name: keyof typeof system, call: Call) =>
    async (...args: Parameters<Call>) => {
      const code = system[name];
      if (code === '') return call(...args);
      if (name === 'writeFile') writeFileSync(String(args[0]), ''); // as open(2) does
      throw Object.assign(new Error(code), { code });
    };
  return {
    ...real,
    symlink: unless('symlink', real.symlink),
    writeFile: unless('writeFile', real.writeFile),
  };
});
afterEach(() => {
  Object.assign(system, { symlink: '', writeFile: '' });
});

const newFile = folderOfTests();

describe.each(['', 'EPERM', 'ENOTSUP', 'ENOSYS'])('where making a link answers %j', (answer) => {
  test('one writer at a time has the lock, and the lock names it', async () => {
    system.symlink = answer;
    const file = await newFile();
    const lock = `${file.path}.keyfall-lock`;
    let inside = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const unlock = await lockFile(file, file.path, context());
        inside += 1;
        expect(inside).toBe(1);
        const text = answer === '' ? await readlink(lock) : await readFile(lock, 'utf8');
        expect(JSON.parse(text)).toMatchObject({ pid: process.pid });
        await turn();
        inside -= 1;
        await unlock();
      }),
    );
    expect(await readdir(dirname(file.path))).toEqual([]);
  });
});

test('a lock that cannot be written whole is removed', async () => {
  Object.assign(system, { symlink: 'EPERM', writeFile: 'ENOSPC' });
  const file = await newFile();
  await expect(lockFile(file, file.path, context())).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    reason: expect.stringMatching(/^secrets /),
  });
  expect(await readdir(dirname(file.path))).toEqual([]);
});

describe('what stands in a lock', () => {
  const dead = { pid: 999_999_999, place: 'elsewhere', born: '', id: 'x' };
  test.each([
    ['nothing', ''],
    ['no JSON', 'vim'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no pid', '{"place":"x"}'],
    ['a pid that is text', JSON.stringify({ ...dead, pid: '1' })],
    ['a process of another place', JSON.stringify(dead)],
  ])('%s: it is kept, and reported with the file to remove', async (_, text) => {
    const file = await newFile();
    await writeFile(`${file.path}.keyfall-lock`, text);
    await expect(lockFile(file, file.path, context(0))).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      hint: expect.stringContaining(`${file.path}.keyfall-lock`),
    });
    expect(await readdir(dirname(file.path))).toEqual(['secrets.keyfall-lock']);
  });

  test('a process group or a number that no process can have is not a dead owner', async () => {
    const own = await newFile();
    await lockFile(own, own.path, context());
    const owner = JSON.parse(await readlink(`${own.path}.keyfall-lock`));
    for (const pid of [-1, 0, 1.5, process.pid]) {
      const file = await newFile();
      await symlink(JSON.stringify({ ...owner, pid }), `${file.path}.keyfall-lock`);
      await expect(lockFile(file, file.path, context(0))).rejects.toMatchObject({
        code: 'ERR_SECRET_UNAVAILABLE',
      });
      expect(JSON.parse(await readlink(`${file.path}.keyfall-lock`))).toEqual({ ...owner, pid });
    }
  });

  test('no file, such as a pipe without a writer: it is not read, and reported alike', async () => {
    for (const make of ['mkfifo', 'mkdir', 'ln -s /dev/zero']) {
      const file = await newFile();
      const lock = `${file.path}.keyfall-lock`;
      execFileSync('/bin/sh', ['-c', `${make} "$0"`, lock]);
      await expect(lockFile(file, file.path, context(0))).rejects.toMatchObject({
        code: 'ERR_SECRET_UNAVAILABLE',
        hint: expect.stringContaining(lock),
      });
      expect(await readdir(dirname(file.path))).toEqual(['secrets.keyfall-lock']);
    }
  });

  test('what this user may not read: it is waited for as any other', async () => {
    const file = await newFile();
    await chmod(dirname(file.path), 0o777);
    await chmod(dirname(dirname(file.path)), 0o755);
    await writeFile(`${file.path}.keyfall-lock`, JSON.stringify(dead), { mode: 0 });
    // permissions mean nothing to root
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    const locked = await lockFile(file, file.path, context(0)).catch((error: unknown) => error);
    if (isRoot) process.seteuid?.(0);
    expect(locked).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  });
});

test('a signal that has fired takes no lock', async () => {
  const file = await newFile();
  const given = { ...context(), signal: AbortSignal.abort() };
  await expect(lockFile(file, file.path, given)).rejects.toMatchObject({
    code: 'ERR_SECRET_ABORTED',
  });
  expect(await readdir(dirname(file.path))).toEqual([]);
});
