import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { isSecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import dotenv from 'dotenv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCharacter } from '../../../test/any-character.ts';
import { testFolder } from '../../../test/test-folder.ts';
import { editDotenv, inspectDotenv } from '../src/edit.ts';
import { allReaders } from '../src/editing/classify-edit.ts';
import { formsOf } from '../src/editing/value-forms.ts';
import { readAsNpm } from '../src/readers/npm.ts';
import { scanDotenv } from '../src/readers/scan-dotenv.ts';

const npm = { reader: 'npm', read: readAsNpm };

// As every application reads that loads the file itself: by dotenv's default parser, which is not the
// one that we take.
const read = (text: string) => dotenv.parse(text);
const edit = (text: string, changes: Record<string, string | null>) =>
  editDotenv(text, new Map(Object.entries(changes)));

/** A name behind `KEY:` that readers other than Node 20 read: to that one it is all one name, up to the next `=`. */
const behind = 'KEY:\n#"\'`.\nB=2\n';

describe('editDotenv', () => {
  test.each([
    [
      'keeps comments, order and spacing',
      '# a\nA = 1 # one\n\nB=2\n',
      { A: '9' },
      '# a\nA = 9 # one\n\nB=2\n',
    ],
    ['keeps the quote', 'A="x"\n', { A: 'y' }, 'A="y"\n'],
    ['keeps export', '  export A=1\n', { A: '2' }, '  export A=2\n'],
    ['keeps CRLF', 'A=1\r\nB=2\r\n', { A: '3', C: '4' }, 'A=3\r\nB=2\r\nC=4\r\n'],
    [
      'keeps the byte order mark, which some take for a part of the name behind it',
      '\uFEFFA=1\n',
      { A: '2' },
      '\uFEFF#"\'`.\nA=2\n',
    ],
    ['takes out behind the byte order mark', '\uFEFFA=1\nB=2\n', { A: null }, '\uFEFFB=2\n'],
    ['quotes what # would cut', 'A=1\n', { A: 'a#b' }, "A='a#b'\n"],
    ['fills an empty value before its comment', 'A= # c\n', { A: 'x' }, 'A=x # c\n'],
    ['empties a value', 'A=x # c\n', { A: '' }, 'A= # c\n'],
    ['changes the last of several', 'A=1\nA=2\n', { A: '3' }, 'A=1\nA=3\n'],
    ['takes out all of several', 'A=1\nB=2\nA=3\n', { A: null }, 'B=2\n'],
    ['takes out several lines', 'A="1\n2"\nB=2\n', { A: null }, 'B=2\n'],
    [
      'keeps the comment line below what it takes out',
      'A=1\n# about B\nB=2\n',
      { A: null },
      '# about B\nB=2\n',
    ],
    ['ends the last line before it adds', 'A=1', { B: '2' }, 'A=1\nB=2\n'],
    ['starts a file', '', { A: '1', B: 'x y' }, "A=1\nB='x y'\n"],
    ['writes a carriage return as an escape', '', { A: 'x\ny\r\n' }, 'A="x\\ny\\r\\n"\n'],
    ['leaves alone what is so already', 'A="1"', { A: '1', B: null }, 'A="1"'],
    ['stays out of reach of KEY: at the end', 'A=1\nKEY:', { B: '2' }, 'B=2\nA=1\nKEY:'],
    [
      'stays out of reach of KEY: on the last line',
      'KEY:\n',
      { B: '2' },
      'B' in parseEnv(behind) ? behind : 'B=2\nKEY:\n',
    ],
    ['keeps KEY= from taking a later line', 'K=\nA=1\n"x"\n', { A: null }, 'K=\n#\n"x"\n'],
    ['keeps an open quote open', 'K="x\n', { B: 'a "b"#' }, 'B=\'a "b"#\'\nK="x\n'],
    ['moves a value up to its sign', 'A=\n`x`\n', { A: '\'"`' }, "A='\"` # '. #\"'`.\n"],
    ['reads an escape behind an open quote', '', { A: '"\u2028\r' }, 'A="\u2028\\r # ".\n'],
    [
      'lets no backslash before a quote open it for others',
      "A=1\nB='x'\n",
      { A: 'a #\\' },
      "A='a #\\' #\"'`.\nB='x'\n",
    ],
    [
      'takes a pair out from behind U+2028',
      'A=1 # c\u2028B=2\nC=3\n',
      { B: null },
      // to all others that is a comment, whose end would be gone
      'A=1 # c\u2028#\nC=3\n',
    ],
  ] as [string, string, Record<string, string | null>, string][])(
    '%s',
    async (_, text, changes, expected) => {
      expect(await edit(text, changes)).toBe(expected);
    },
  );
});

describe('editDotenv prefers a form that every reader reads', () => {
  test.each([
    ['an apostrophe', "don't", `"don't"`],
    ['an apostrophe, where single quotes stood', "don't", `"don't"`, "'old'"],
    ['double quotes', 'say "hi"', `'say "hi"'`],
    ['double quotes, where such stood', 'say "hi"', `'say "hi"'`, '"old"'],
    ['what a shell would expand', '$HOME `id`', `'$HOME \`id\`'`, '"old"'],
    ['what a shell would expand, with an apostrophe', "it's $5", `"it's $5"`],
    ['backslashes', 'C:\\temp\\x', `'C:\\temp\\x'`],
    ['a backslash at the end', 'C:\\temp\\', 'C:\\temp\\\n'],
    ['escapes of Python', 'C:\\temp', `'C:\\temp'`, '"old"'],
    ['both quotes', `don't "x"`, `don't "x" # '`],
    ['several lines', 'a\nb', "'a\nb'"],
    ['several lines, where single quotes stood', 'a\nb', "'a\nb'", "'old'"],
    ['several lines with double quotes', '{"a":\n1}', `'{"a":\n1}'`],
    ['a value that any quote does for', 'a b', '"a b"', '"old"'],
  ])('%s', async (_, value, form, before?: string) => {
    const text = before === undefined ? '' : `N=${before}\n`;
    expect(await edit(text, { N: value })).toBe(`N=${form}\n`);
  });

  const value = fc
    .array(fc.constantFrom("'", '"', '`', '\\', '\\n', '#', ' ', '\n', '\r', 'x', '$'), {
      maxLength: 6,
    })
    .map((pieces) => pieces.join(''));

  test('Node reads every value that a file can hold for both', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom('\n', '\r\n'), async (value, eol) => {
        const edited = await edit(`A=1${eol}`, { N: value }).catch(() => '');
        const forms = ["'", '"'].map((quote) => `N=${quote}${value}${quote}\n`);
        forms.push(`N="${value.replaceAll('\n', '\\n')}"\n`);
        // in backticks, or in double ones with such, a shell would run a part of it
        if (value.includes("'") && value.includes('`')) return;
        // a backslash before the closing quote would open it for others, and take the next lines with it
        if (/['"]/.test(value) && value.endsWith('\\')) return;
        if (forms.some((form) => read(form)['N'] === value && parseEnv(form)['N'] === value))
          expect(parseEnv(edited)['N']).toBe(value);
      }),
      { numRuns },
    );
  });

  test('a shell reads single-quoted values', async () => {
    // where there is a backslash too, most readers have another way in common
    const plain = value.filter((text) => !/['\n\r\\]/.test(text));
    const held = fc.sample(plain, { numRuns: 200 });
    const lines = await Promise.all(held.map((text) => edit('', { N: text }).catch(() => 'N=\n')));
    const script = lines.map((line) => `${line}printf '%s\\0' "$N"\n`).join('');
    const shown = execFileSync('sh', ['-c', script]).toString().split('\0').slice(0, -1);
    const isHeld = (_: string, at: number) => lines[at] !== 'N=\n';
    expect(shown.filter(isHeld)).toEqual(held.filter(isHeld));
  });

  test('node --env-file reads the written values', async () => {
    const folder = await testFolder();
    const held = { A: "don't", B: 'say "hi"', C: 'a\nb', D: '$HOME', E: 'C:\\temp\\', F: '' };
    await writeFile(join(folder, '.env'), await edit('# shop\n', held));
    const script = 'console.log(JSON.stringify(process.env))';
    const shown = execFileSync(process.execPath, ['--env-file=.env', '-e', script], {
      cwd: folder,
      env: {},
    });
    expect(JSON.parse(shown.toString())).toMatchObject(held);
  });
});

describe('editDotenv refuses', () => {
  test.each([
    ['a name that dotenv does not read', 'with space', 'x'],
    ['a name that dotenv loses', '__proto__', 'x'],
    ['an empty name', '', 'x'],
    ['all three quotes and a #', 'A', '\'"`#'],
    ['a carriage return and a literal \\n', 'A', '\r\\n'],
    ['a zero byte', 'A', 'a\0b'],
    ['half a surrogate pair', 'A', 'a\ud800b'],
  ])('%s', async (_, name, value) => {
    const canary = 'c4n4ry-7f3a9e';
    const error: unknown = await editDotenv(
      `OTHER=${canary}\n`,
      new Map([[name, `${canary}${value}`]]),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', secretName: name });
    assertNoLeak([canary], error);
  });
});

// Files made of what dotenv's parser decides by, most of them broken in some way.
const files = fc
  .array(
    fc.constantFrom(
      ...['A', 'B', 'C', 'export', 'export ', '=', ' = ', ':', ': ', '"', "'", '`', '\\', '\\n'],
      ...['\\r', '#', ' #', ' ', '\t', '\n', '\n', '\n', '\r\n', '\r', '\u2028', '\uFEFF', 'x'],
      ...['é', '.', '-', '$X', '__proto__=', '\nA=', '\nB=', '\nC=', '\nC: ', "='", '="', '=`'],
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join(''));
const names = fc.constantFrom('A', 'B', 'D');
const values = fc.oneof(
  fc
    .array(
      fc.constantFrom('"', "'", '`', '\\', '\\n', '#', ' ', '\n', '\r', 'x', '=', '\u2028', '$'),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join('')),
  fc.string({ unit: anyCharacter }),
);
const numRuns = 3000;

/** The edited text, or `undefined` if the edit is refused. */
const attempt = (text: string, name: string, value: string | null) =>
  edit(text, { [name]: value }).catch((error: unknown) => {
    if (!isSecretError(error, 'ERR_SECRET_UNSUPPORTED')) throw error;
    return undefined;
  });

describe('property: for any file and any value', () => {
  test('the scanner finds what dotenv reads', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (text) => {
        const { values: ours } = await inspectDotenv(text);
        expect(Object.fromEntries(ours)).toEqual(read(text));
      }),
      { numRuns },
    );
  });

  test('dotenv reads what was set, and every other name as before', async () => {
    await fc.assert(
      fc.asyncProperty(files, names, values, async (text, name, value) => {
        const edited = await attempt(text, name, value);
        // A value that some file can hold, every file can.
        if (edited === undefined) expect(await attempt('', name, value)).toBeUndefined();
        else expect(read(edited)).toEqual({ ...read(text), [name]: value });
      }),
      { numRuns },
    );
  });

  test('dotenv no longer reads what was removed, and every other name as before', async () => {
    await fc.assert(
      fc.asyncProperty(files, names, async (text, name) => {
        const { [name]: _, ...others } = read(text);
        expect(read(await edit(text, { [name]: null }))).toEqual(others);
      }),
      { numRuns },
    );
  });

  test('a value that dotenv can read from any file can be set', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (text) => {
        for (const value of Object.values(read(text))) {
          const { forms, isRunOtherwise } = await formsOf(value, npm, '');
          // all but what a shell would run
          if (forms.length === 0) expect(isRunOtherwise).toBe(true);
          else expect(read(await edit('', { N: value }))).toEqual({ N: value });
        }
      }),
      { numRuns },
    );
  });

  test('a change touches nothing but the value', async () => {
    await fc.assert(
      fc.asyncProperty(files, names, values, async (text, name, value) => {
        const edited = await attempt(text, name, value);
        const pair = scanDotenv(text).pairs.findLast((each) => each.name === name);
        if (edited === undefined || edited === text) return;
        // where others see the value elsewhere, the place may be theirs
        const ends = (await allReaders())
          .map(({ read }) => read(text, {}).spans.findLast((each) => each.name === name))
          .map((span) => span?.valueEnd ?? pair?.valueEnd);
        if (ends.some((end) => end !== pair?.valueEnd)) return;
        if (pair === undefined) {
          const body = text.replace(/^\uFEFF/, '');
          expect(edited.startsWith(text) || edited.endsWith(body)).toBe(true);
          return;
        }
        expect(edited.startsWith(text.slice(0, pair.lineStart))).toBe(true);
        expect(edited).toContain(text.slice(pair.lineStart, pair.signEnd));
        expect(edited.endsWith(text.slice(pair.valueEnd))).toBe(true);
      }),
      { numRuns },
    );
  });

  test('a removal keeps every line of other names', async () => {
    await fc.assert(
      fc.asyncProperty(files, names, async (text, name) => {
        const edited = await edit(text, { [name]: null });
        let at = 0;
        let rest = 0;
        for (const pair of scanDotenv(text).pairs.filter((each) => each.name === name)) {
          const kept = text.slice(at, pair.lineStart);
          const found = edited.indexOf(kept, rest);
          expect(found).toBeGreaterThanOrEqual(0);
          rest = found + kept.length;
          at = text.startsWith('\r\n', pair.end) ? pair.end + 2 : pair.end + 1;
        }
        expect(edited.endsWith(text.slice(at))).toBe(true);
      }),
      { numRuns },
    );
  });

  test('a second edit to the same value changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(files, names, values, async (text, name, value) => {
        const edited = await attempt(text, name, value);
        if (edited !== undefined) expect(await attempt(edited, name, value)).toBe(edited);
      }),
      { numRuns },
    );
  });
});

test('a large file with one value of 4 MiB, or 40,000 blank lines before junk, is edited', async () => {
  const large = `A='${'x\n'.repeat(2 * 1024 * 1024)}'\nB=1\n`;
  expect(await edit(large, { B: '2' })).toBe(large.replace('B=1', 'B=2'));
  const blank = `A=1\n${'\n'.repeat(40_000)}?junk\n`;
  expect(await edit(blank, { A: '2' })).toBe(blank.replace('A=1', 'A=2'));
});

test('a name that appears 100,000 times is removed from every line', async () => {
  const edited = await edit('A=1\n# kept\nB=2\n'.repeat(100_000), { A: null });
  // a difference of a megabyte is nothing to look at
  expect(edited === '# kept\nB=2\n'.repeat(100_000)).toBe(true);
});
