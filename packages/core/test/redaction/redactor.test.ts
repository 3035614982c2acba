import { execFileSync } from 'node:child_process';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyCharacter } from '../../../../test/any-character.ts';
import { createRedactor, type Redactor } from '../../src/redaction/redactor.ts';

function redactorOf(...values: string[]): Redactor {
  const redactor = createRedactor();
  for (const value of values) redactor.add(value);
  return redactor;
}

/** `text` through the low-level object, its UTF-8 cut at `cuts`. */
function inPieces(redactor: Redactor, text: string, cuts: readonly number[]): string {
  const bytes = new TextEncoder().encode(text);
  const chunks = redactor.chunks();
  const out: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts].sort((a, b) => a - b)) {
    out.push(chunks.push(bytes.slice(from, to)));
    from = Math.max(from, Math.min(to, bytes.length));
  }
  out.push(chunks.push(bytes.slice(from)), chunks.end());
  return Buffer.concat(out).toString();
}

const value = fc.oneof(
  fc.string({ unit: anyCharacter, minLength: 6, maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', '\n', ' ', '%', 'é', '/'), minLength: 6 }),
  fc.base64String({ minLength: 8, maxLength: 60 }),
);
const values = fc.array(value, { minLength: 1, maxLength: 5 });
/** Texts in which values stand, whole and in part. */
const textAround = (known: readonly string[]) =>
  fc
    .array(
      fc.oneof(
        fc.string({ maxLength: 10 }),
        fc.constantFrom(...known),
        fc
          .tuple(fc.constantFrom(...known), fc.nat(40), fc.nat(40))
          .map(([each, from, to]) => each.slice(from, to)),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''));
const scene = values.chain((known) => fc.tuple(fc.constant(known), textAround(known)));
const wellFormed = (text: string) => Buffer.from(text).toString() === text;

test('no value stays in any output, and what is no value stays', () => {
  fc.assert(
    fc.property(scene, ([known, text]) => {
      const parts = redactorOf(...known)
        .redact(text)
        .split('[redacted]');
      for (const each of known) for (const part of parts) expect(part).not.toContain(each);
      // what is left is the text in its order
      let at = 0;
      if (wellFormed(text))
        for (const part of parts) {
          const found = text.indexOf(part, at);
          expect(found).toBeGreaterThanOrEqual(at);
          at = found + part.length;
        }
    }),
    { numRuns: 1_000 },
  );
});

test('a text without values comes back as it was, lone surrogates included', () => {
  fc.assert(
    fc.property(
      values,
      fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }),
      (known, units) => {
        const text = String.fromCharCode(...units);
        fc.pre(known.every((each) => !text.includes(each.trim())));
        const redacted = redactorOf(...known).redact(text);
        if (!redacted.includes('[redacted]')) expect(redacted).toBe(text);
        expect(redactorOf().redact(text)).toBe(text);
      },
    ),
  );
  expect(redactorOf('correct horse').redact('\ufefflone \ud800 half')).toBe(
    '\ufefflone \ud800 half',
  );
});

test('a byte order mark stays where something is masked', () => {
  expect(redactorOf('correct horse').redact('\ufeffcorrect horse')).toBe('\ufeff[redacted]');
});

test('bytes cut anywhere, within characters too, come out as if they had come at once', () => {
  fc.assert(
    fc.property(scene, fc.array(fc.nat(200), { maxLength: 30 }), ([known, text], cuts) => {
      fc.pre(wellFormed(text));
      const redactor = redactorOf(...known);
      expect(inPieces(redactor, text, cuts)).toBe(redactor.redact(text));
    }),
    { numRuns: 1_000 },
  );
});

test('strings cut anywhere, within surrogate pairs too, come out as if they had come at once', () => {
  fc.assert(
    fc.property(scene, fc.integer({ min: 1, max: 7 }), ([known, text], size) => {
      fc.pre(wellFormed(text));
      const redactor = redactorOf(...known);
      const chunks = redactor.chunks();
      const out: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += size)
        out.push(chunks.push(text.slice(at, at + size)));
      out.push(chunks.end());
      expect(Buffer.concat(out).toString()).toBe(redactor.redact(text));
    }),
  );
});

test.each([
  ['as it is', (raw: string) => raw],
  ['as JSON', (raw: string) => JSON.stringify({ raw })],
  ['as JSON in JSON', (raw: string) => JSON.stringify({ line: JSON.stringify({ raw }) })],
  ['inspected', (raw: string) => inspect({ raw }, { breakLength: Infinity })],
  ['URL-encoded', (raw: string) => `https://host/?q=${encodeURIComponent(raw)}&x=1`],
  [
    'URL-encoded in lower case',
    (raw: string) => encodeURIComponent(raw).replace(/%../g, (c) => c.toLowerCase()),
  ],
  ['in a form', (raw: string) => `${new URLSearchParams({ raw, other: 'x' })}`],
  ['in a path', (raw: string) => encodeURI(raw)],
  [
    'as the password of a URL',
    (raw: string) => Object.assign(new URL('postgres://h/db'), { password: raw }).href,
  ],
  ['as base64', (raw: string) => Buffer.from(raw).toString('base64')],
  ['as base64url', (raw: string) => Buffer.from(raw).toString('base64url')],
  ['as base64 after one byte', (raw: string) => Buffer.from(`:${raw}:`).toString('base64')],
  ['as base64 after two bytes', (raw: string) => Buffer.from(`u:${raw}:`).toString('base64url')],
  ['as base64 after three bytes', (raw: string) => Buffer.from(`me:${raw}:`).toString('base64')],
])('a value is masked %s', (_, shownAs) => {
  fc.assert(
    fc.property(
      // unlike anything around it, so that what is left can be told
      fc
        .string({
          unit: fc.constantFrom(...'XYZ?>~"\\\n\t /+&=%\'!é😀'),
          minLength: 8,
          maxLength: 40,
        })
        .filter((raw) => raw.trim().length === raw.length),
      (raw) => {
        const plain = shownAs('XXXXXXXX');
        const masked = redactorOf('XXXXXXXX').redact(plain);
        // two characters of base64 beside a value hold bits of its neighbours
        expect(masked).toMatch(/\[redacted\]/);
        const left = redactorOf(raw).redact(shownAs(raw));
        expect(left).toContain('[redacted]');
        expect(left.replace('[redacted]', '').length).toBeLessThanOrEqual(
          masked.replace('[redacted]', '').length + 4,
        );
      },
    ),
  );
});

test('a value is masked as Python writes it', () => {
  const raw = `pässwörd ~(with) "everything"/${'0123456789'.repeat(12)}`;
  const redactor = redactorOf(raw);
  const python = (code: string) =>
    execFileSync(
      'python3',
      ['-c', `import json,sys,urllib.parse as u;v=sys.stdin.read();${code}`],
      {
        input: raw,
        encoding: 'utf8',
      },
    );
  expect(redactor.redact(python('print(json.dumps([v]))'))).toBe('["[redacted]"]\n');
  expect(redactor.redact(python('print(u.quote_plus(v))'))).toBe('[redacted]\n');
  expect(redactor.redact(python('print(u.quote(v, safe=""))'))).toBe('[redacted]\n');
  expect(
    redactor.redact(python('import base64;print(base64.encodebytes(v.encode()).decode().strip())')),
  ).toBe('[redacted]\n');
});

test('a value is masked as Go and PHP write it in JSON', () => {
  const redactor = redactorOf('mysql://me:<secret>&more@host/db');
  expect(
    redactor.redact(String.raw`{"dsn":"mysql://me:\u003csecret\u003e\u0026more@host/db"}`),
  ).toBe('{"dsn":"[redacted]"}');
  expect(redactor.redact(String.raw`{"dsn":"mysql:\/\/me:<secret>&more@host\/db"}`)).toBe(
    '{"dsn":"[redacted]"}',
  );
});

test('what masks a value of several lines masks each long line too', () => {
  const lines = ['MIIEvQIBADANBgkqhkiG9w0BAQEFAASC', 'BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj', 'abc='];
  const key = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
  const redactor = redactorOf(key);
  expect(redactor.redact(`key: ${key}.`)).toBe('key: [redacted]\n.');
  expect(redactor.redact(key.trim())).toBe('[redacted]');
  expect(redactor.redact(`app | ${lines[0]}\r\napp | ${lines[1]}\r\n`)).toBe(
    'app | [redacted]\r\napp | [redacted]\r\n',
  );
  expect(redactor.redact(JSON.stringify(key))).toBe('"[redacted]\\n"');
  // frames and short lines are no secrets by themselves
  expect(redactor.redact('-----BEGIN PRIVATE KEY-----\nabc=')).toBe(
    '-----BEGIN PRIVATE KEY-----\nabc=',
  );
});

test('a value with white space around it is masked without it, as files end in a line break', () => {
  expect(redactorOf('correct horse\n').redact('pw=correct horse.')).toBe('pw=[redacted].');
});

test('the longest wins, and values that overlap become one mask', () => {
  const redactor = redactorOf('secret-one', 'secret-one-and-more', 'more-and-more');
  expect(redactor.redact('secret-one-and-more')).toBe('[redacted]');
  expect(redactor.redact('secret-one-and-mor')).toBe('[redacted]-and-mor');
  expect(redactor.redact('secret-one-and-more-and-more')).toBe('[redacted]');
  expect(redactor.redact('secret-onesecret-one')).toBe('[redacted][redacted]');
  expect(redactorOf('aaaaaa').redact('aaaaaaaaaa')).toBe('[redacted]');
});

test('short values stay readable', () => {
  const text = 'on port 8 with debug=true, level 12345';
  expect(redactorOf('8', 'true', '12345', '').redact(text)).toBe(text);
  const eager = createRedactor({ minLength: 4, mask: '***' });
  eager.add('true');
  expect(eager.redact(text)).toBe('on port 8 with debug=***, level 12345');
});

test.each([0, 3, 5.5, Number.NaN])('a minLength of %d is refused', (minLength) => {
  expect(() => createRedactor({ minLength })).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringContaining('minLength'),
    }),
  );
});

test('a value longer than what is encoded is masked as text', () => {
  const long = 'x+'.repeat(100_000);
  expect(redactorOf(long).redact(`<${long}>`)).toBe('<[redacted]>');
});

test('a value added while a stream is open is masked in it', () => {
  const redactor = redactorOf('first-value');
  const chunks = redactor.chunks();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  expect(text(chunks.push('first-value second-value '))).toBe('[redacted] second-value ');
  redactor.add('second-value');
  expect(text(chunks.push('second-value '))).toBe('[redacted] ');
  expect(text(chunks.end())).toBe('');
});

test('after its end an object of chunks begins a new text', () => {
  const chunks = redactorOf('first-value').chunks();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  expect(text(chunks.push('first-'))).toBe('');
  expect(text(chunks.end())).toBe('first-');
  expect(text(chunks.push('value'))).toBe('value');
});

test('thousands of values are each masked', () => {
  const all = Array.from({ length: 3_000 }, (_, index) => `value-${index * 7919}-end`);
  const redactor = redactorOf(...all);
  expect(redactor.redact(all.join(' '))).toBe(all.map(() => '[redacted]').join(' '));
  expect(redactor.redact('value-1-end')).toBe('value-1-end');
});
