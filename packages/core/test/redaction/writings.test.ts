// Values as real writers write them: what is left of a text must be what is around the value.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import querystring from 'node:querystring';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyCharacter } from '../../../../test/any-character.ts';
import { createRedactor } from '../../src/redaction/redactor.ts';

const require = createRequire(import.meta.url);
const he = require('he');
const lodashEscape: (text: string) => string = require('lodash.escape');
const mustache = require('mustache');
const handlebars = require('handlebars');

const hard =
  '\0\x01\b\t\n\v\f\r\x1b"\'`$\\/&<>=+ #%;|!(){}[]*?^~,-\x7f\x85\x9f\xa0\xadéß\u2028\ufeff😀';
/** Texts without white space at the ends, where the value is masked without it. */
const trimmed = (arbitrary: fc.Arbitrary<string>) =>
  arbitrary.filter((text) => text === text.trim() && text.length >= 6);
const hostile = trimmed(
  fc.string({ unit: fc.constantFrom(...hard, ...'XYZ'), minLength: 6, maxLength: 30 }),
);
const anything = trimmed(
  fc.oneof(
    hostile,
    fc.string({ unit: anyCharacter, minLength: 6, maxLength: 30 }),
    fc.string({ unit: 'grapheme', minLength: 6, maxLength: 30 }),
  ),
);
/** Halves of characters too, which no encoding but escapes has. */
const halves = trimmed(
  fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 6, maxLength: 20 }).map((units) => {
    return String.fromCharCode(...units);
  }),
);

function masked(value: string, text: string): string {
  const redactor = createRedactor();
  redactor.add(value);
  return redactor.redact(text);
}

const oneLine = { breakLength: Number.POSITIVE_INFINITY };

test('console.log of an object, whatever quotes and control characters the value has', () => {
  fc.assert(
    fc.property(fc.oneof(anything, halves), (value) => {
      expect(masked(value, inspect({ v: value }, oneLine))).toMatch(
        /^\{ v: (['"`])\[redacted\]\1 \}$/,
      );
      expect(masked(value, inspect([{ deep: [value] }], oneLine))).toMatch(
        /^\[ \{ deep: \[ (['"`])\[redacted\]\1 \] \} \]$/,
      );
      // the quotes around it are chosen by the whole text
      for (const more of ["it's ", 'a "quote" ', 'all of \'"` '])
        expect(masked(value, inspect({ line: more + value }, oneLine))).toMatch(
          /\[redacted\]. \}$/,
        );
    }),
    { numRuns: 100 },
  );
});

test("console.log of an object as another runtime writes it, in a log that is read here: Deno's", () => {
  const value = "it's\x0e\v\x1b\x9f\\ \ud800.";
  expect(masked(value, String.raw`{ v: "it's\x0e\v\x1b\x9f\\ ${'\ufffd'}." }`)).toBe(
    '{ v: "[redacted]" }',
  );
});

test('console.log of an object that breaks a long value into its lines', () => {
  const lines = fc.array(
    fc.string({ unit: fc.constantFrom(...'XYZ"\'\x1b\\é'), minLength: 12, maxLength: 40 }),
    { minLength: 5, maxLength: 8 },
  );
  fc.assert(
    fc.property(lines, (each) => {
      const shown = masked(each.join('\n'), inspect({ outer: { value: each.join('\n') } }));
      expect(shown).toContain('[redacted]');
      for (const letter of 'XYZé\x1b') expect(shown).not.toContain(letter);
    }),
    { numRuns: 100 },
  );
});

test.each<[string, (value: string) => string]>([
  ['JSON', (value) => JSON.stringify(value).slice(1, -1)],
  ['JSON in JSON', (value) => JSON.stringify(JSON.stringify(value)).slice(3, -3)],
])('%s, halves of characters too', (_, write) => {
  fc.assert(
    fc.property(fc.oneof(anything, halves), (value) => {
      expect(masked(value, `<${write(value)}>`)).toBe('<[redacted]>');
    }),
    { numRuns: 100 },
  );
});

test('JSON in what console.log shows, and what console.log shows in JSON', () => {
  const around = fc.constantFrom('', "it's ", 'a "quote" ', 'all `of` "\' ');
  fc.assert(
    fc.property(fc.oneof(anything, halves), around, (value, more) => {
      const body = inspect({ body: JSON.stringify({ more, value }) }, oneLine);
      expect(masked(value, body)).toMatch(/:(\\\\)?"\[redacted\](\\\\)?"\}['"`] \}$/);
      const message = JSON.stringify({ message: inspect({ more, value }, oneLine) });
      expect(masked(value, message)).toMatch(/ value: (['`]|\\")\[redacted\]\1 \}"\}$/);
    }),
    { numRuns: 200 },
  );
});

test.each<[string, (value: string) => string]>([
  ['encodeURIComponent', encodeURIComponent],
  ['encodeURI', encodeURI],
  ['querystring', (value) => querystring.escape(value)],
  ['URLSearchParams', (value) => `${new URLSearchParams({ v: value })}`.slice(2)],
  ['base64', (value) => Buffer.from(value).toString('base64')],
  ['base64url', (value) => Buffer.from(value).toString('base64url')],
  ['lodash.escape', lodashEscape],
  ['he.escape', (value) => he.escape(value)],
  ['mustache', (value) => mustache.render('{{value}}', { value })],
  ['Handlebars', (value) => handlebars.compile('{{value}}')({ value })],
])('%s', (_, write) => {
  fc.assert(
    fc.property(anything, (value) => {
      fc.pre(value.isWellFormed());
      expect(masked(value, `<${write(value)}>`)).toBe('<[redacted]>');
    }),
    { numRuns: 100 },
  );
});

test('he.encode, which writes a number for what is not ASCII', () => {
  fc.assert(
    fc.property(
      trimmed(fc.string({ unit: fc.constantFrom(...'XY\n"\'`&<>é😀\u2028'), minLength: 6 })),
      (value) => {
        expect(masked(value, `<${he.encode(value)}>`)).toBe('<[redacted]>');
      },
    ),
  );
});

/** What a command gives for each of `values`, each after a NUL. */
function eachBy(command: string, args: readonly string[], values: readonly string[]): string[] {
  const shown = execFileSync(command, args, { input: values.join('\0'), encoding: 'utf8' });
  return shown.split('\0').slice(0, -1);
}

const sampled = (arbitrary: fc.Arbitrary<string>) =>
  fc.sample(arbitrary, { numRuns: 100, seed: 13 }).filter((value) => !value.includes('\0'));

test.each([
  ['repr', 'repr(v)[1:-1]'],
  ['repr beside both quotation marks', `repr("'\\""+v)[4:-1]`],
  ['html.escape', 'html.escape(v)'],
  ['html.escape, in ASCII', 'html.escape(v).encode("ascii","xmlcharrefreplace").decode()'],
  ['json.dumps', 'json.dumps(v)[1:-1]'],
  ['shlex.quote', 'shlex.quote(v)'],
  ['urllib.parse.quote', 'urllib.parse.quote(v)'],
  ['urllib.parse.quote_plus', 'urllib.parse.quote_plus(v)'],
])("Python's %s", (_, expression) => {
  const values = sampled(
    // repr writes out what Unicode calls unprintable, which differs between its versions
    trimmed(
      fc.string({
        unit: fc.constantFrom(...'XY\t\n\r\x1b"\'`$\\/&<>=+ \x7f\x85\xadé😀'),
        minLength: 6,
      }),
    ),
  );
  const script = `
import sys, html, json, shlex, urllib.parse
sys.stdin.reconfigure(newline="")
sys.stdout.reconfigure(newline="")
for v in sys.stdin.read().split("\\0"): sys.stdout.write(${expression} + "\\0")`;
  const written = eachBy('python3', ['-X', 'utf8', '-c', script], values);
  expect(written).toHaveLength(values.length);
  for (const [index, text] of written.entries())
    expect(masked(values[index] as string, `<${text}>`)).toMatch(/^<'?\[redacted\]'?>$/);
});

test("a shell's quotes", () => {
  const value = `it's $HOME "and" \\ \`more\``;
  const script = `v=$(cat; echo .); v=\${v%.}; printf '%q\\n' "$v"; printf '%s\\n' "\${v@A}"`;
  const shown = execFileSync('bash', ['-c', script], { input: value, encoding: 'utf8' });
  expect(masked(value, shown)).toBe("[redacted]\nv='[redacted]'\n");
  expect(masked(value, `"${value.replace(/["$\\`]/g, '\\$&')}"`)).toBe('"[redacted]"');
});
