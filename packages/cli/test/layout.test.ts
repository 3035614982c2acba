import { expect, test } from 'vitest';
import { formatDiagnoses } from '../src/diagnosis/report.ts';
import { formatTable } from '../src/terminal/layout.ts';
import { widthOf } from '../src/terminal/wrapping.ts';

test('columns are as wide as what is in them, whatever the script', () => {
  expect(
    formatTable([
      ['a', 'first'],
      ['名前', 'second'],
      ['e\u0301e', 'third'],
      ['longer', ''],
    ]),
  ).toBe('a       first\n名前    second\ne\u0301e      third\nlonger\n');
});

test('a cell of more than 60 columns moves the rest of its own row alone', () => {
  const long = 'N'.repeat(61);
  const rows = [
    ['A', 'new'],
    [long, 'same'],
    ['LONGER', 'kept'],
  ];
  expect(formatTable(rows)).toBe(`A       new\n${long}  same\nLONGER  kept\n`);
  // what is left of the line is counted from where it stands
  expect(formatTable(rows, { width: 40 })).toBe(formatTable(rows));
  expect(
    formatTable([
      ['N'.repeat(60), ''],
      ['A', 'new'],
    ]),
  ).toBe(`${'N'.repeat(60)}\nA${' '.repeat(61)}new\n`);
});

test('the last column is broken between words where the terminal ends', () => {
  const rows = [['name', 'one two three four five six']];
  expect(formatTable(rows, { width: 30, indent: '  ' })).toBe(
    '  name  one two three four\n        five six\n',
  );
});

test('a terminal of unknown size counts as 80 columns wide', () => {
  const rows = [['name', 'word '.repeat(16).trim()]];
  expect(formatTable(rows, { width: 0 })).toBe(formatTable(rows, { width: 80 }));
  expect(formatTable(rows, { width: 0 }).split('\n')).toHaveLength(3);
});

test('a word that is too long stays whole: a command can be copied', () => {
  const long = 'x'.repeat(50);
  expect(formatTable([['n', `see ${long} end`]], { width: 30 })).toBe(
    `n  see\n   ${long}\n   end\n`,
  );
});

test('a command is one line, also where it is longer than the terminal', () => {
  const text = '$ bao kv put -mount=secret shop NAME=@file && echo of other programs too';
  expect(formatTable([['n', { text, isCommand: true }]], { width: 40 })).toBe(`n  ${text}\n`);
  expect(
    formatDiagnoses(
      [
        {
          about: 'vault',
          findings: [{ subject: 's', state: 'failing', message: 'm', command: text.slice(2) }],
        },
      ],
      { fixes: true, width: 40 },
    ),
  ).toContain(`${text}\n`);
});

test('where little is left beside the others, nothing is broken', () => {
  const rows = [['a name as long as that', 'one two three']];
  expect(formatTable(rows, { width: 30 })).toBe('a name as long as that  one two three\n');
});

test('lines of a cell stand under each other, and no rows are no lines', () => {
  expect(formatTable([['a', 'one\ntwo']])).toBe('a  one\n   two\n');
  expect(formatTable([])).toBe('');
});

test.each([
  ['abc', 3],
  ['日本', 4],
  ['é', 1],
  ['e\u0301', 1],
  ['🔑', 2],
  ['', 0],
])('%j fills %i columns', (text, width) => {
  expect(widthOf(text)).toBe(width);
});
