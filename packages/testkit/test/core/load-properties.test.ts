// Typed loading, whatever the values and whatever the providers answer: no message of a schema shows
// anything of a value, and `load` says of each name what `get` says.
import {
  createSecrets,
  isSecretError,
  type SecretError,
  type SecretErrorCode,
  type SecretsOptions,
  type StandardSchemaV1,
} from '@keyfall/core';
import { type } from 'arktype';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { leaksOf } from '../../src/index.ts';
import { type Mood, scripted } from './scripted-provider.ts';

/** What a message can quote of a value. */
const quotes: Readonly<Record<string, (text: string) => string>> = {
  WHOLE: (text) => text,
  UPPER: (text) => text.toUpperCase(),
  START: (text) => text.slice(0, 3),
  END: (text) => text.slice(-1),
  REVERSED: (text) => [...text].reverse().join(''),
  SPACED: (text) => [...text].join(' '),
  ESCAPED: (text) => JSON.stringify(text),
  URL: (text) => encodeURIComponent(text),
  BASE64: (text) => Buffer.from(text).toString('base64'),
  HEX: (text) => Buffer.from(text).toString('hex'),
  CODES: (text) => [...text].map((character) => character.codePointAt(0)).join(),
  LENGTH: (text) => `length=${text.length}`,
};
type Entry = [string, (text: string) => string];
const quoting = Object.entries(quotes) as Entry[];
/** What a message that quotes looks like: at its start, in its midst, at its end. */
const around: readonly ((quote: string) => string)[] = [
  (quote) => `${quote} is not what is wanted here`,
  (quote) => `wanted is something else than ${quote} in this place`,
  (quote) => `wanted is something else than ${quote}`,
  (quote) => quote,
];

/** Every value is malformed for each of these. */
const schemas: Readonly<Record<string, (say: (quote: string) => string) => StandardSchemaV1>> = {
  zod: (say) =>
    z.object({
      ...Object.fromEntries(
        quoting.map(([name, quote]) => [
          name,
          z.string().refine(() => false, { error: ({ input }) => say(quote(String(input))) }),
        ]),
      ),
      NUMBER: z.coerce.number(),
      ENUM: z.enum(['en', 'de']),
      LONG: z.string().min(1_000),
      SHORT: z.string().max(3),
      EMAIL: z.email(),
      NESTED: z
        .string()
        .transform((text) => ({ [text]: 1 }))
        .pipe(z.record(z.string(), z.number().max(0))),
    }),
  valibot: (say) =>
    v.object({
      ...Object.fromEntries(
        quoting.map(([name, quote]): [string, v.GenericSchema<string>] => [
          name,
          v.pipe(
            v.string(),
            v.check(
              () => false,
              ({ input }) => say(quote(input)),
            ),
          ),
        ]),
      ),
      NUMBER: v.pipe(v.string(), v.transform(Number), v.integer()),
      ENUM: v.picklist(['en', 'de']),
      LONG: v.pipe(v.string(), v.minLength(1_000)),
      SHORT: v.pipe(v.string(), v.maxLength(3)),
      EMAIL: v.pipe(v.string(), v.toUpperCase(), v.email()),
      NESTED: v.pipe(
        v.string(),
        v.transform((text): Record<string, unknown> => ({ [text]: text })),
        v.record(v.string(), v.number()),
      ),
    }),
  arktype: (say) =>
    type({
      ...Object.fromEntries(
        quoting.map(([name, quote]) => [
          name,
          type('string').narrow((text, context) => context.reject({ message: say(quote(text)) })),
        ]),
      ),
      NUMBER: 'string.numeric.parse',
      ENUM: '"en"|"de"',
      LONG: 'string>=1000',
      SHORT: 'string<4',
      EMAIL: 'string.email',
      NESTED: 'string.json.parse',
    } as never) as unknown as StandardSchemaV1,
};
const fields = [...Object.keys(quotes), 'NUMBER', 'ENUM', 'LONG', 'SHORT', 'EMAIL', 'NESTED'];

/** None of these characters is in any text of ours or of a library's, so one of them is a leak. */
const letters = 'ЖЩЮЯФЦЪЭжщюяфцъэ';
const secretText = fc.oneof(
  fc.string({ unit: fc.constantFrom(...letters), minLength: 6, maxLength: 60 }),
  fc
    .tuple(
      fc.string({ unit: fc.constantFrom(...letters), minLength: 6, maxLength: 20 }),
      fc.constantFrom('\n', '"', "'", ' ', '`', '\u0000', '%', '🔑'),
    )
    .map(([text, special]) => `${text}${special}${text}`),
);

function holding(text: string): Record<string, string> {
  return Object.fromEntries(fields.map((name) => [name, text]));
}

async function errorOf(schema: StandardSchemaV1, held: Record<string, string>) {
  const secrets = createSecrets({ providers: [scripted('vault', held)] });
  try {
    await secrets.load(schema);
  } catch (error) {
    if (isSecretError(error)) return error;
    throw error;
  }
  throw new Error('the schema was content');
}

describe.each(Object.entries(schemas))('messages of %s', (_, schemaOf) => {
  test('show nothing of any value, in any form', async () => {
    await fc.assert(
      fc.asyncProperty(secretText, secretText, fc.constantFrom(...around), async (...given) => {
        const [text, another, say] = given;
        const error = await errorOf(schemaOf(say), holding(text));
        for (const name of fields)
          expect(error.message).toMatch(new RegExp(`^  .*${name}.*:`, 'm'));
        expect(leaksOf([text], error)).toEqual([]);
        const seen = JSON.stringify(error) + error.stack;
        expect([...letters].filter((letter) => seen.includes(letter))).toEqual([]);
        // nor does it depend on the value: another one gives the same text, to the letter (but for
        // V8's own error of JSON.parse, which has two wordings)
        const other = await errorOf(schemaOf(say), holding(another));
        const wording = (each: SecretError) => each.message.replace(/SyntaxError.*/, '');
        expect(wording(other)).toBe(wording(error));
      }),
      { numRuns: 50 },
    );
  });

  test('do quote values when they are shown as they are', async () => {
    for (const say of around) {
      const result = await schemaOf(say)['~standard'].validate(holding(letters));
      const said = (result.issues ?? []).map(({ message }) => message).join('\n');
      for (const quote of quoting) expect(said).toContain(quote[1](letters));
    }
  });

  test('keep what does not depend on the value', async () => {
    const { message } = await errorOf(
      schemaOf(() => 'is wrong whatever it is'),
      holding(letters),
    );
    const line = message.split('\n').find((each) => each.includes('WHOLE'));
    expect(line).toContain(': malformed (from vault (somewhere/shop); is wrong whatever it is)');
    for (const name of Object.keys(quotes)) expect(line).toContain(name);
  });
});

describe('load and get', () => {
  const required = ['A', 'B', 'C'];
  const optional = ['D', 'E'];
  const names = [...required, ...optional];
  const schema = z.object({
    ...Object.fromEntries(required.map((name) => [name, z.string()])),
    ...Object.fromEntries(optional.map((name) => [name, z.string().optional()])),
  });
  const kinds: Readonly<Partial<Record<SecretErrorCode, string>>> = {
    ERR_SECRET_NOT_FOUND: 'missing',
    ERR_SECRET_UNAVAILABLE: 'unavailable',
    ERR_SECRET_DENIED: 'denied',
    ERR_SECRET_TLS: 'tls',
    ERR_SECRET_INVALID: 'invalid',
  };
  const moods: readonly Mood[] = [
    'answers',
    'unavailable',
    'denied',
    'tls',
    'invalid',
    'missing-document',
    'no-file',
  ];
  const provider = fc.record({
    mood: fc.oneof(
      { weight: 3, arbitrary: fc.constant('answers' as const) },
      fc.constantFrom(...moods),
    ),
    held: fc.subarray(names),
    byName: fc.boolean(),
    required: fc.boolean(),
    onDenied: fc.constantFrom('stop' as const, 'next' as const),
  });

  test.each([undefined, names])('say the same of each name (names: %j)', async (given) => {
    await fc.assert(
      fc.asyncProperty(fc.array(provider, { minLength: 1, maxLength: 3 }), async (chain) => {
        const providers: SecretsOptions['providers'] = chain.map(
          ({ mood, held, byName, ...entry }, index) => {
            const values = Object.fromEntries(held.map((name) => [name, `${name}${index}`]));
            return { ...entry, provider: scripted(`p${index}`, values, { mood, byName }) };
          },
        );
        const open = () => {
          const secrets = createSecrets({ providers });
          secrets.on('fallback', () => {});
          return secrets;
        };
        const secrets = open();
        const expected = new Map<string, string | SecretError>();
        for (const name of names)
          expected.set(
            name,
            await secrets.get(name).catch((error: unknown) => {
              if (isSecretError(error)) return error;
              throw error;
            }),
          );
        const all = await open()
          .getAll()
          .then(
            () => true,
            () => false,
          );

        const problems = names.filter((name) => {
          const answer = expected.get(name);
          if (!isSecretError(answer)) return false;
          if (required.includes(name)) return true;
          if (answer.code === 'ERR_SECRET_NOT_FOUND') return false;
          // while a later store answers in its place, what need not be set may be left out
          return answer.code !== 'ERR_SECRET_UNAVAILABLE' || given !== undefined || !all;
        });
        const warnings: string[] = [];
        const loading = open();
        loading.on('warning', ({ message }) => warnings.push(message));
        const outcome = await loading
          .load(schema, given ? { names: given } : {})
          .catch((error: unknown) => error);
        if (problems.length === 0) {
          const values = names.flatMap((name) =>
            typeof expected.get(name) === 'string' ? [[name, expected.get(name)]] : [],
          );
          expect(outcome).toEqual(Object.fromEntries(values));
          const unknown = optional.filter((name) =>
            isSecretError(expected.get(name), 'ERR_SECRET_UNAVAILABLE'),
          );
          expect(warnings.length).toBe(unknown.length > 0 ? 1 : 0);
          for (const name of unknown) expect(warnings[0]).toMatch(new RegExp(`\\b${name}\\b.*:`));
          return;
        }
        if (!isSecretError(outcome)) throw new Error('load was content');
        const lines = outcome.message.replace(/^.*?schema:/, '').split('\n');
        const told = new Map(
          lines.flatMap((line) => {
            const [, list = '', kind] = /^ *([A-E, ]+): ([a-z ]+) \(/.exec(line) ?? [];
            return list.split(', ').map((name) => [name, kind] as const);
          }),
        );
        told.delete('');
        expect(Object.fromEntries(told)).toEqual(
          Object.fromEntries(
            problems.map((name) => [name, kinds[(expected.get(name) as SecretError).code]]),
          ),
        );
        const codes = new Set(problems.map((name) => (expected.get(name) as SecretError).code));
        const [worst] = (
          [
            'ERR_SECRET_TLS',
            'ERR_SECRET_DENIED',
            'ERR_SECRET_INVALID',
            'ERR_SECRET_UNAVAILABLE',
            'ERR_SECRET_NOT_FOUND',
          ] as const
        ).filter((code) => codes.has(code));
        expect(outcome.code).toBe(worst);
      }),
      { numRuns: 300 },
    );
  });
});
