import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SecretError } from '../../src/contract/secret-error.ts';
import { createRedactor } from '../../src/redaction/redactor.ts';
import { Secret } from '../../src/redaction/secret.ts';

const canary = 'correct horse battery';
const redactor = createRedactor();
redactor.add(canary);
redactor.add('123456789');

test('texts are masked wherever they stand, and the rest is as it was', () => {
  const original = {
    level: 30,
    ok: true,
    nothing: null,
    missing: undefined,
    text: `as ${canary}`,
    nested: [{ deep: [canary] }, 'plain'],
    [`key ${canary}`]: 1,
    map: new Map([[canary, { inner: canary }]]),
    set: new Set([canary]),
    when: new Date(0),
    url: new URL(`https://me:${encodeURIComponent(canary)}@host/`),
    pin: 123_456_789,
    big: 123_456_789n,
    boxed: new String(canary),
    bytes: Buffer.from(canary),
    call() {},
    symbol: Symbol(canary),
  };
  expect(redactor.serialize(original)).toEqual({
    level: 30,
    ok: true,
    nothing: null,
    missing: undefined,
    text: 'as [redacted]',
    nested: [{ deep: ['[redacted]'] }, 'plain'],
    'key [redacted]': 1,
    map: new Map([['[redacted]', { inner: '[redacted]' }]]),
    set: new Set(['[redacted]']),
    when: '1970-01-01T00:00:00.000Z',
    url: 'https://me:[redacted]@host/',
    pin: '[redacted]',
    big: '[redacted]',
    boxed: '[redacted]',
    bytes: '[bytes]',
    call: '[function]',
    symbol: 'Symbol([redacted])',
  });
  expect(original.text).toBe(`as ${canary}`);
});

test('an error stays one, with message, stack, cause and fields masked', () => {
  const cause = new TypeError(`no ${canary}`);
  const error = Object.assign(new RangeError(`bad ${canary}`, { cause }), {
    code: 'E_BAD',
    config: { password: canary },
  });
  const copy = redactor.serialize(error) as typeof error;
  expect(copy).toBeInstanceOf(Error);
  expect(copy).toMatchObject({ name: 'RangeError', message: 'bad [redacted]', code: 'E_BAD' });
  expect(copy.cause).toMatchObject({ name: 'TypeError', message: 'no [redacted]' });
  expect(copy.stack).toContain('RangeError: bad [redacted]\n    at ');
  expect(copy.stack).toContain('serialize.test');
  const all = redactor.serialize(
    new AggregateError([new Error(canary)], 'several'),
  ) as AggregateError;
  expect(all.errors[0]).toMatchObject({ message: '[redacted]' });
  const failure = redactor.serialize(new SecretError('ERR_SECRET_INVALID', `broken ${canary}`));
  expect(failure).toMatchObject({ code: 'ERR_SECRET_INVALID', reason: 'broken [redacted]' });
  for (const each of [copy, all, failure])
    expect(inspect(each, { depth: 9, showHidden: true })).not.toContain('horse');
});

test('circles, depth and many ways to one object', () => {
  const circle: Record<string, unknown> = { name: canary };
  circle['self'] = circle;
  expect(redactor.serialize(circle)).toEqual({ name: '[redacted]', self: '[circular]' });
  const shared = { canary };
  const [first, second] = redactor.serialize([shared, shared]) as unknown[];
  expect(first).toEqual({ canary: '[redacted]' });
  expect(second).toBe(first);
  let deep: unknown = canary;
  for (let level = 0; level < 100; level += 1) deep = { deep };
  expect(JSON.stringify(redactor.serialize(deep))).toMatch(/^(\{"deep":){13}"\[deep\]"\}+$/);
  // a copy for each way to the same array would be 1,000 ** 12 of them
  let wide: unknown = canary;
  for (let level = 0; level < 12; level += 1) wide = Array.from({ length: 1_000 }, () => wide);
  expect(redactor.serialize(wide)).toHaveLength(1_000);
});

test('no getter is called, and what throws is named', () => {
  let called = 0;
  const tricky = {
    get password() {
      called += 1;
      return canary;
    },
  };
  class Account {
    user = 'me';
    password = canary;
    get token() {
      called += 1;
      return canary;
    }
  }
  const inherited = Object.create({
    get toJSON() {
      called += 1;
      return () => canary;
    },
  });
  const error = new Error('x');
  // the engine words a stack when it is first read
  expect(error.stack).toContain('Error: x');
  const message = Object.defineProperty(error, 'message', {
    get() {
      called += 1;
      return canary;
    },
  });
  expect(redactor.serialize(tricky)).toEqual({ password: '[getter]' });
  expect(redactor.serialize(new Account())).toEqual({ user: 'me', password: '[redacted]' });
  expect(redactor.serialize(inherited)).toEqual({});
  expect(redactor.serialize(message)).toMatchObject({ message: '' });
  expect(called).toBe(0);
  const refuses = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error(canary);
      },
    },
  );
  const broken = {
    toJSON() {
      throw new Error(canary);
    },
  };
  expect(redactor.serialize([refuses, broken])).toEqual(['[unreadable]', '[unreadable]']);
});

test('a key named __proto__ is a key', () => {
  const copy = redactor.serialize(JSON.parse(`{"__proto__":{"admin":"${canary}"}}`)) as object;
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(JSON.stringify(copy)).toBe('{"__proto__":{"admin":"[redacted]"}}');
});

test('whatever it is given, nothing of it shows', () => {
  fc.assert(
    fc.property(
      fc.object({
        values: [fc.constant(canary), fc.string().map((text) => text + canary), fc.integer()],
        maxDepth: 5,
        withMap: true,
        withSet: true,
        withNullPrototype: true,
        withSparseArray: true,
      }),
      (value) => {
        const before = inspect(value, { depth: 9 });
        const shown = inspect(redactor.serialize(value), { depth: 9, maxStringLength: null });
        expect(shown).not.toContain(canary);
        expect(inspect(value, { depth: 9 })).toBe(before);
      },
    ),
  );
});

test('a symbol is a text too, as a key and as a value', () => {
  const shown = inspect(redactor.serialize({ [Symbol(canary)]: Symbol.for(canary) }));
  expect(shown).toBe("{ 'Symbol([redacted])': 'Symbol([redacted])' }");
});

test('the symbols that winston keeps its level and line under stay', () => {
  const line = Symbol.for('message');
  expect(redactor.serialize({ level: 'info', [line]: canary })).toEqual({
    level: 'info',
    [line]: '[redacted]',
  });
});

test('a Secret shows itself nowhere, and reveals its value', async () => {
  const secret = new Secret(canary);
  expect(secret.reveal()).toBe(canary);
  expect([`${secret}`, String(secret), `${secret}`.concat(), JSON.stringify({ secret })]).toEqual([
    '[redacted]',
    '[redacted]',
    '[redacted]',
    '{"secret":"[redacted]"}',
  ]);
  const stdout = new PassThrough();
  new Console(stdout).log(secret, { secret }, '%s %o', secret);
  expect(String(stdout.read())).toContain('{ secret: [redacted] }');
  const views = [
    inspect(secret, { showHidden: true }),
    inspect(secret, { customInspect: false, showHidden: true, depth: 9 }),
    inspect(structuredClone(secret), { showHidden: true }),
    inspect(Object.assign({}, secret)),
    JSON.stringify(Object.entries(secret)),
    inspect(redactor.serialize({ secret })),
    (secret as unknown as Record<symbol, () => string>)[Symbol.for('Deno.customInspect')]?.(),
  ];
  for (const view of views) expect(view).not.toContain('horse');
  expect(views.at(-1)).toBe('[redacted]');
  expect(views[0]).toBe('[redacted]');
});
