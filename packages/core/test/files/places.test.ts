// Where files are, on Windows as well.
import { posix, win32 } from 'node:path';
import { expect, test } from 'vitest';
import { homeFolder, isInside } from '../../src/files/index.ts';

test.each([
  ['/a', '/a/b', true],
  ['/a', '/a/..b', true],
  ['/a', '/a', false],
  ['/a', '/ab', false],
  ['/a/b', '/a', false],
])('whether %s holds %s: %s', (folder, file, isThere) => {
  expect(isInside(folder, file, posix)).toBe(isThere);
});

test.each([
  ['C:\\repo', 'C:\\repo\\sub\\file', true],
  ['C:\\Repo', 'c:\\repo\\file', true],
  ['D:\\repo', 'C:\\Users\\me', false],
  ['C:\\repo', '\\\\server\\share\\file', false],
  ['C:\\', 'C:\\file', true],
])('on Windows, whether %s holds %s: %s', (folder, file, isThere) => {
  expect(isInside(folder, file, win32)).toBe(isThere);
});

test('without HOME the home is the one that the system knows, and an empty or relative one is none', () => {
  expect(homeFolder({ HOME: '/home/me' })).toBe('/home/me');
  expect(homeFolder({ HOME: '' })).toBe(undefined);
  expect(homeFolder({ HOME: 'me' })).toBe(undefined);
  expect(homeFolder({})).toBe(homeFolder());
});
