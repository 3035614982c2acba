import dotenv from 'dotenv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inspectDotenv } from '../src/edit.ts';

test('inspectDotenv reports what dotenv reads, drops and reads twice, and what an expansion would change', async () => {
  const text = [
    '\uFEFF# shop',
    'TOKEN=a#cut',
    '"QUOTED"=lost',
    '',
    'PEM=-----BEGIN',
    'MIIE+w==',
    'TOKEN=b',
    '__proto__=lost',
    'URL=http://$HOST/',
    'PRICE=\\$5 5$',
    'LINES="one',
    'two"',
    'no sign',
  ].join('\r\n');
  expect(await inspectDotenv(text)).toMatchObject({
    reader: 'npm',
    isReaderNamed: false,
    values: new Map([
      ['TOKEN', 'b'],
      ['PEM', '-----BEGIN'],
      ['URL', 'http://$HOST/'],
      ['PRICE', '\\$5 5$'],
      ['LINES', 'one\ntwo'],
    ]),
    duplicates: ['TOKEN'],
    droppedLines: [3, 6, 8, 13],
    expansions: ['URL'],
  });
});

test('inspectDotenv of an empty text reports nothing', async () => {
  expect(await inspectDotenv('')).toEqual({
    reader: 'npm',
    isReaderNamed: false,
    unknown: new Map(),
    outside: new Map(),
    differing: new Map(),
    values: new Map(),
    duplicates: [],
    droppedLines: [],
    expansions: [],
  });
});

test('property: every line is a pair, blank, a comment, part of a value, or reported as dropped', async () => {
  const lines = fc.array(
    fc.constantFrom('A=1', 'B="2" # b', '# c', '', '?', 'word', 'é=1', 'A: 3'),
  );
  await fc.assert(
    fc.asyncProperty(lines, fc.constantFrom('\n', '\r\n', '\r'), async (some, eol) => {
      const { values, droppedLines } = await inspectDotenv(some.join(eol));
      expect(Object.fromEntries(values)).toEqual(dotenv.parse(some.join(eol)));
      const junk = some.flatMap((line, index) =>
        ['?', 'word', 'é=1'].includes(line) ? [index + 1] : [],
      );
      expect(droppedLines).toEqual(junk);
    }),
  );
});
