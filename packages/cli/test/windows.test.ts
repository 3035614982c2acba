/**
 * What Windows has under the name of a program, and what a batch file cannot be given. The programs themselves are started
 * in `windows.provisioned.test.ts`.
 */
import { expect, test } from 'vitest';
import { isTooMuchForBatch, windowsCandidates } from '../src/run/windows.ts';

test('a program is looked for in the folders of PATH, with the endings of PATHEXT', () => {
  const env = { Path: 'C:\\Program Files\\nodejs;;"D:\\my; tools"', PathExt: '.EXE;.CMD' };
  expect(windowsCandidates('npm', env)).toEqual([
    'C:\\Program Files\\nodejs\\npm.EXE',
    'C:\\Program Files\\nodejs\\npm.CMD',
    'D:\\my; tools\\npm.EXE',
    'D:\\my; tools\\npm.CMD',
    // without one it is a script with its interpreter in the first line
    'C:\\Program Files\\nodejs\\npm',
    'D:\\my; tools\\npm',
  ]);
  // with an ending of its own it is that file first
  expect(windowsCandidates('server.js', { PATH: 'C:\\bin', PATHEXT: '.CMD' })).toEqual([
    'C:\\bin\\server.js',
    'C:\\bin\\server.js.CMD',
  ]);
  expect(windowsCandidates('npm', {})).toEqual([]);
});

test.each(['.\\tool', './tool', 'C:\\bin\\tool', 'C:tool'])(
  '%s is looked for there alone',
  (file) => {
    const found = windowsCandidates(file, { PATH: 'D:\\bin', PATHEXT: '.CMD' });
    expect(found).toHaveLength(2);
    expect(found.join()).not.toContain('D:');
  },
);

test.each([
  ['a quote beside a sign of the command processor', ['say "hi"', 'a & b'], true],
  ['a line break', ['one\ntwo'], true],
  ['a quote', ['say "hi"'], false],
  ['signs of the command processor', ['a & b', '<c>', '100%'], false],
])('a batch file and an argument with %s', (_, args, isTooMuch) => {
  expect(isTooMuchForBatch('C:\\bin\\tool.CMD', args)).toBe(isTooMuch);
  expect(isTooMuchForBatch('C:\\bin\\tool.exe', args)).toBe(false);
});
