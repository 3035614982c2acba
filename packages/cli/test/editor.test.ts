import { describe, expect, test } from 'vitest';
import { editorCommand } from '../src/run/editor.ts';

const file = '/memory/secrets.env';

describe('the editor', () => {
  test.each<[Record<string, string>, string, readonly string[]]>([
    [{ EDITOR: 'nano' }, 'nano', [file]],
    [{ EDITOR: 'nano', VISUAL: 'emacs' }, 'emacs', [file]],
    [{ EDITOR: 'nano', VISUAL: 'emacs', TERM: 'dumb' }, 'nano', [file]],
    [{ EDITOR: 'nano', VISUAL: ' ' }, 'nano', [file]],
    [{ VISUAL: 'code --wait' }, '/bin/sh', ['-c', 'code --wait "$@"', 'code --wait', file]],
  ])('of %j is %s', (env, program, args) => {
    expect(editorCommand(file, { ...env, PATH: '/nowhere' }, false)).toMatchObject({
      file: program,
      args,
    });
  });

  test('of none is vi, and on Windows notepad', () => {
    expect(editorCommand(file, { PATH: '/nowhere' }, false).file).toBe('vi');
    expect(editorCommand(file, {}, true)).toMatchObject({ file: 'notepad', args: [file] });
  });

  test('on Windows has the arguments that stand behind it, and spaces in quotes', () => {
    const env = { EDITOR: '"C:\\Program Files\\Code\\code.cmd" --wait' };
    expect(editorCommand(file, env, true)).toMatchObject({
      file: 'C:\\Program Files\\Code\\code.cmd',
      args: ['--wait', file],
    });
  });
});
