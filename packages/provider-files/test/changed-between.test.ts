// What changes between two looks at a file, at each of the moments at which it can.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { filesProvider } from '../src/index.ts';
import { answersOf } from './store.ts';

/** What the system answers to a look at where a path leads, instead of looking: an errno. */
const system = vi.hoisted(() => ({ answer: (_path: string): string | undefined => undefined }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    async realpath(path: string) {
      const code = system.answer(path);
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      return real.realpath(path);
    },
  };
});

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});
afterEach(async () => {
  system.answer = () => undefined;
});

/** Answers the looks at a path in turn, and then as the last one. */
function looksAt(ending: string, answers: readonly (string | undefined)[]): () => number {
  let looks = 0;
  system.answer = (path) =>
    path.endsWith(ending) ? answers[Math.min(looks++, answers.length - 1)] : undefined;
  return () => looks;
}

describe('the version that a volume leads to', () => {
  beforeEach(async () => {
    await mkdir(join(folder, '..v1'));
    await writeFile(join(folder, '..v1', 'TOKEN'), 'the value');
    await symlink('..v1', join(folder, '..data'));
    await symlink('..data/TOKEN', join(folder, 'TOKEN'));
  });

  test.each([1, 2, 4])(
    'that was removed %d times before it was looked at is found',
    async (times) => {
      looksAt('..data', [...Array(times).fill('ENOENT'), undefined]);
      expect(await answersOf(filesProvider({ directory: folder }))).toEqual({ TOKEN: 'the value' });
    },
  );

  test('a link that leads to nothing every time is invalid', async () => {
    const looks = looksAt('..data', ['ENOENT']);
    await expect(answersOf(filesProvider({ directory: folder }))).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      message: expect.stringContaining('..data'),
    });
    expect(looks()).toBe(5);
  });
});

describe('the folder of a file that a variable names', () => {
  const provider = () =>
    filesProvider({
      variables: ['TOKEN'],
      env: { TOKEN_FILE: join(folder, 'pointed', 'token') },
    });
  beforeEach(async () => {
    await mkdir(join(folder, 'pointed'));
    await writeFile(join(folder, 'pointed', 'token'), 'the value');
  });

  test('a folder that could be entered at the second look is read', async () => {
    looksAt('pointed', ['EACCES', undefined]);
    expect(await answersOf(provider())).toEqual({ TOKEN: 'the value' });
  });

  test('a folder that cannot be entered any more gives no value that was read before', async () => {
    const looks = looksAt('pointed', [undefined, 'EACCES']);
    expect(await answersOf(provider())).toEqual({ TOKEN: 'ERR_SECRET_DENIED' });
    expect(looks()).toBe(4);
  });

  test('a folder that cannot be entered is denied at once', async () => {
    const looks = looksAt('pointed', ['EACCES']);
    expect(await answersOf(provider())).toEqual({ TOKEN: 'ERR_SECRET_DENIED' });
    expect(looks()).toBe(2);
  });
});
