// A file is replaced at one instant, or stays: what is seen meanwhile, and what the system may answer.
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { realPathOf, replaceFile } from '../../src/files/write.ts';
import { SecretError } from '../../src/index.ts';
import { folderOfTests } from './folder.ts';

/** What the system answers to a renaming instead of doing it. */
const system = vi.hoisted(() => ({ rename: '', times: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    async rename(from: string, to: string) {
      if (system.rename === '' || system.times-- <= 0) return real.rename(from, to);
      throw Object.assign(new Error(`${from} ${to}`), { code: system.rename });
    },
  };
});
afterEach(() => {
  system.rename = '';
  system.times = Number.POSITIVE_INFINITY;
  Object.defineProperty(process, 'platform', platform);
});

const platform = { ...Object.getOwnPropertyDescriptor(process, 'platform') };

/** Stands in for Windows: what is asked for the name of the system gets that. */
const onWindows = () =>
  Object.defineProperty(process, 'platform', { configurable: true, value: 'win32' });

const newFile = folderOfTests();
const ours = Buffer.from('ours');
const yes = async () => true;

test('until then the new content is for this user alone, and the old one stands', async () => {
  const file = await newFile();
  await writeFile(file.path, 'old');
  await chmod(file.path, 0o2644);
  const replaced = await replaceFile(file, file.path, ours, async () => {
    expect(await readFile(file.path, 'utf8')).toBe('old');
    expect(await readdir(dirname(file.path))).toEqual(['secrets', 'secrets.keyfall-tmp']);
    return true;
  });
  expect(replaced).toBe(true);
  expect(await readFile(file.path, 'utf8')).toBe('ours');
  expect((await stat(file.path)).mode & 0o7777).toBe(0o2644);
  const made = await newFile();
  await replaceFile(made, made.path, ours, async () => {
    expect((await stat(`${made.path}.keyfall-tmp`)).mode & 0o777).toBe(0o600);
    return true;
  });
  expect((await stat(made.path)).mode & 0o777).toBe(0o600);
});

test('a link that somebody put in the place of the new content is not followed', async () => {
  const file = await newFile();
  const victim = join(dirname(file.path), 'victim');
  await writeFile(victim, 'theirs');
  await symlink(victim, `${file.path}.keyfall-tmp`);
  expect(await replaceFile(file, file.path, ours, yes)).toBe(true);
  expect((await lstat(file.path)).isFile()).toBe(true);
  expect(await readFile(victim, 'utf8')).toBe('theirs');
});

describe('the old content stays', () => {
  const refusal = new SecretError('ERR_SECRET_INVALID', 'it is another one');
  test.each<[string, () => Promise<boolean>, object | false]>([
    ['if the file was changed', async () => false, false],
    ['if that is unknown', () => Promise.reject(refusal), { code: 'ERR_SECRET_INVALID' }],
  ])('%s, and nothing is left beside it', async (_, unchanged, outcome) => {
    const file = await newFile();
    await writeFile(file.path, 'old');
    const replaced = await replaceFile(file, file.path, ours, unchanged).catch((error) => error);
    if (outcome === false) expect(replaced).toBe(false);
    else expect(replaced).toMatchObject(outcome);
    expect(await readFile(file.path, 'utf8')).toBe('old');
    expect(await readdir(dirname(file.path))).toEqual(['secrets']);
  });

  test.each([
    ['EBUSY', 'ERR_SECRET_UNSUPPORTED', 'is a mount of its own, and cannot be replaced'],
    ['ENOSPC', 'ERR_SECRET_UNAVAILABLE', 'could not be written: the disk is full'],
    ['EROFS', 'ERR_SECRET_DENIED', 'is on a read-only file system'],
    ['EPERM', 'ERR_SECRET_DENIED', 'may not be written'],
    ['ERR_ACCESS_DENIED', 'ERR_SECRET_DENIED', 'may not be written by this process'],
    ['EIO', 'ERR_SECRET_UNAVAILABLE', 'could not be written (EIO)'],
    ['no errno', 'ERR_SECRET_UNAVAILABLE', 'could not be written'],
  ])('where the system answers %s', async (errno, code, reason) => {
    const file = await newFile();
    await writeFile(file.path, 'old');
    system.rename = errno;
    const error = await replaceFile(file, file.path, ours, yes).catch((thrown) => thrown);
    expect(error).toMatchObject({ code, provider: 'store', reason: `secrets ${reason}` });
    // what was to be renamed is there still
    expect(error.applied).toBe('no');
    expect(String(error.stack)).not.toContain(file.path); // the system's own text
    expect(await readFile(file.path, 'utf8')).toBe('old');
    expect(await readdir(dirname(file.path))).toEqual(['secrets']);
  });
});

test.each(['EPERM', 'EACCES', 'EBUSY'])(
  'on Windows %s means that another program has it open, and it is tried again',
  async (errno) => {
    const file = await newFile();
    await writeFile(file.path, 'old');
    onWindows();
    Object.assign(system, { rename: errno, times: 3 });
    expect(await replaceFile(file, file.path, ours, yes)).toBe(true);
    expect(await readFile(file.path, 'utf8')).toBe('ours');
  },
);

test('on Windows another error is not tried again', async () => {
  const file = await newFile();
  await writeFile(file.path, 'old');
  onWindows();
  Object.assign(system, { rename: 'ENOSPC', times: 1 });
  await expect(replaceFile(file, file.path, ours, yes)).rejects.toThrow(
    expect.objectContaining({ reason: 'secrets could not be written: the disk is full' }),
  );
});

test('the real path of a file that is not there is in the real folder', async () => {
  const file = await newFile();
  const folder = await realpath(dirname(file.path));
  await mkdir(join(folder, 'real'));
  await symlink('real', join(folder, 'link'));
  const path = join(folder, 'link', 'new');
  expect(await realPathOf({ ...file, path })).toBe(join(folder, 'real', 'new'));
  await expect(realPathOf({ ...file, path: join(folder, 'none', 'new') })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
  });
  await symlink('loop', join(folder, 'loop'));
  await expect(realPathOf({ ...file, path: join(folder, 'loop') })).rejects.toMatchObject({
    code: 'ERR_SECRET_INVALID',
  });
});
