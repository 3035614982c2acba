// A line of a JSON log stays one: programs read it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../src/index.ts';

function redactorOf(...values: readonly string[]) {
  const redactor = createRedactor();
  for (const value of values) redactor.add(value);
  return redactor;
}

describe('a line of JSON', () => {
  test('whose number is a value has a text in its place', () => {
    const { redact } = redactorOf('12345678');
    expect(redact('{"level":30,"pin":12345678,"list":[12345678, 1]}')).toBe(
      '{"level":30,"pin":"[redacted]","list":["[redacted]", 1]}',
    );
    // a number that holds it is hidden as a whole
    expect(JSON.parse(redact('{"n":9123456780,"m":-12345678.5e3}'))).toEqual({
      n: '[redacted]',
      m: '[redacted]',
    });
  });

  test('keeps its names that are plain words', () => {
    const { redact } = redactorOf('orders', 'hunter2hunter2');
    expect(redact('{"orders":{"url":"/orders/7","user" : "orders"}}')).toBe(
      '{"orders":{"url":"/[redacted]/7","user" : "[redacted]"}}',
    );
    expect(redact('{"hunter2hunter2":1}')).toBe('{"[redacted]":1}');
  });

  test('has its texts masked within their quotes, whatever is escaped in them', () => {
    const value = 'say "so"\n\\ twice';
    const { redact } = redactorOf(value);
    const line = redact(JSON.stringify({ msg: `it is ${value}!`, inner: JSON.stringify(value) }));
    expect(JSON.parse(line)).toEqual({ msg: 'it is [redacted]!', inner: '"[redacted]"' });
  });

  test('shows no document that is itself the value', () => {
    const document = '{"type":"service_account","key":"abc"}';
    const masked = redactorOf(document, 'service_account').redact(`{"credentials":${document}}`);
    expect(masked).toBe('{"credentials":[redacted]}');
  });

  test('hides a value with the quotes that it has', () => {
    expect(redactorOf('"abcdef"').redact('{"a":"abcdef","b":1}')).toBe('{"a":"[redacted]","b":1}');
    const { redact } = redactorOf('123456,234567');
    expect(redact('{"ids":[123456,234567]}')).toBe('{"ids":[[redacted]]}');
  });

  test('is masked as any other text if it is not valid JSON', () => {
    const { redact } = redactorOf('12345678');
    expect(redact('{"pin":12345678')).toBe('{"pin":[redacted]');
    expect(redact('pin 12345678, {}')).toBe('pin [redacted], {}');
    expect(redact('12345678')).toBe('[redacted]');
  });

  test('without a value comes back as it was', () => {
    const line = '{ "pin" : 1.0e3 , "text":"\\u0061" }';
    expect(redactorOf('12345678').redact(line)).toBe(line);
  });
});

test('any JSON stays JSON, of the same shape, and shows no value', () => {
  const value = fc.oneof(
    fc.string({ minLength: 6, maxLength: 12 }),
    fc.integer({ min: 100_000, max: 2 ** 40 }).map(String),
  );
  fc.assert(
    fc.property(value, fc.jsonValue(), (secret, other) => {
      fc.pre(secret.trim() === secret);
      const redactor = redactorOf(secret);
      const number = Number(secret);
      const log = {
        other,
        texts: [secret, `a ${secret} b`],
        number: Number.isFinite(number) ? number : 0,
      };
      const line = redactor.redact(JSON.stringify(log));
      const now = JSON.parse(line);
      expect(Object.keys(now)).toEqual(['other', 'texts', 'number']);
      expect(now.texts).toEqual(['[redacted]', 'a [redacted] b']);
    }),
  );
});
