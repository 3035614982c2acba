// Typed loading with three libraries of schemas: what comes out, and what one error says of every
// name that is missing, unavailable, denied or malformed.
import {
  type CallOptions,
  createSecrets,
  type LoadOptions,
  type SecretError,
  SecretError as SecretErrorClass,
  type Secrets,
  type SecretsOptions,
  type StandardSchemaV1,
} from '@keyfall/core';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { scripted } from './scripted-provider.ts';

const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .transform((text) => text === 'true');

/** The same settings for each library: two that must be there, two that need not. */
const libraries = {
  zod: z.object({
    TOKEN: z.string().min(8, 'must have 8 characters'),
    PORT: z
      .string()
      .regex(/^\d{1,5}$/, 'must be a port')
      .transform(Number),
    DEBUG: flag.default(false),
    SENTRY_DSN: z.string().optional(),
  }),
  valibot: v.object({
    TOKEN: v.pipe(v.string(), v.minLength(8)),
    PORT: v.pipe(v.string(), v.regex(/^\d{1,5}$/), v.transform(Number)),
    DEBUG: v.optional(
      v.pipe(
        v.picklist(['true', 'false']),
        v.transform((text) => text === 'true'),
      ),
      'false',
    ),
    SENTRY_DSN: v.optional(v.string()),
  }),
  arktype: type({
    TOKEN: 'string>=8',
    PORT: type('/^\\d{1,5}$/').pipe((text) => Number(text)),
    DEBUG: type('"true"|"false"')
      .pipe((text) => text === 'true')
      .default('false'),
    'SENTRY_DSN?': 'string',
  }),
};
const names = ['TOKEN', 'PORT', 'DEBUG', 'SENTRY_DSN'];
const token = 'canary-token-1f9a';
const good = { TOKEN: token, PORT: '5001', DEBUG: 'true', SENTRY_DSN: 'https://sentry.example' };

interface Loaded {
  readonly value?: unknown;
  readonly error?: SecretError;
  readonly warnings: readonly string[];
}

async function load(
  schema: StandardSchemaV1,
  providers: SecretsOptions['providers'],
  options: LoadOptions = {},
): Promise<Loaded> {
  const secrets = createSecrets({ providers });
  secrets.on('fallback', () => {});
  const warnings: string[] = [];
  secrets.on('warning', ({ message }) => warnings.push(message));
  try {
    const value = await secrets.load(schema, options);
    return { value, warnings };
  } catch (error) {
    if (!(error instanceof SecretErrorClass)) throw error;
    return { error, warnings };
  } finally {
    await secrets.close();
  }
}

/** Denies one name, as a store does that answers name by name. */
function denying(name: string, values: Record<string, string>) {
  const provider = scripted('aws', values, { byName: true });
  provider.held.set(name, new SecretErrorClass('ERR_SECRET_DENIED', 'denied'));
  return provider;
}

describe.each(Object.entries(libraries))('with %s', (library, schema) => {
  test('texts become what the schema says', async () => {
    const { value } = await load(schema, [scripted('vault', good)]);
    expect(value).toMatchObject({ ...good, PORT: 5001, DEBUG: true });
    const { value: least } = await load(schema, [scripted('vault', { TOKEN: token, PORT: '1' })]);
    expect(least).toEqual({ TOKEN: token, PORT: 1, DEBUG: false });
  });

  test('names that the schema does not know are no problem', async () => {
    const provider = scripted('vault', {
      ...good,
      OTHER: 'x',
      constructor: 'y',
      ['__proto__']: 'z',
    });
    expect((await load(schema, [provider])).value).toMatchObject({ TOKEN: token, PORT: 5001 });
  });

  test('all are missing: every provider answered', async () => {
    const { error } = await load(schema, [
      scripted('vault', { OTHER: '1' }),
      scripted('dotenv', {}, { mood: 'no-file' }),
    ]);
    expect(error).toMatchObject({ code: 'ERR_SECRET_NOT_FOUND', retryable: false });
    expect(error?.message).toMatch(
      /: (TOKEN, PORT|PORT, TOKEN): missing \(vault \(somewhere\/shop\) .*; dotenv \(somewhere\/shop\) .*\)\. .*`keyfall set NAME`\.$/,
    );
  });

  test('one is missing: the error is about that one', async () => {
    const { error } = await load(schema, [scripted('vault', { PORT: '1' })]);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      secretName: 'TOKEN',
      attempts: [{ provider: 'vault', outcome: 'absent' }],
      hint: expect.stringContaining('`keyfall set TOKEN`'),
    });
  });

  test('an empty text is a value, and the error says that it is empty', async () => {
    const { error } = await load(schema, [scripted('dotenv', { ...good, PORT: '' })]);
    expect(error?.code).toBe('ERR_SECRET_INVALID');
    expect(error?.message).toContain('PORT: malformed (from dotenv (somewhere/shop); it is empty;');
  });

  test('a name is missing only if everybody answered, else it is unavailable', async () => {
    const { error } = await load(schema, [
      scripted('vault', {}, { mood: 'unavailable' }),
      scripted('dotenv', { TOKEN: token }),
    ]);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      secretName: 'PORT',
      retryable: true,
    });
    expect(error?.message).toContain(
      'PORT: unavailable (vault (somewhere/shop): it is unavailable)',
    );
    expect(error?.message).not.toMatch(/missing|DEBUG|SENTRY/);
  });

  test('no provider can be asked: every name that the schema reads is unavailable', async () => {
    const { error } = await load(schema, [scripted('vault', {}, { mood: 'unavailable' })]);
    expect(error?.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(error?.message).toContain('unavailable');
    for (const name of names) expect(error?.message).toContain(name);
    expect(error?.message).not.toContain('missing');
  });

  test.each(['denied', 'unauthenticated', 'tls', 'invalid', 'config'] as const)(
    'a provider that is %s makes that the kind of every issue',
    async (mood) => {
      const { error } = await load(schema, [
        scripted('vault', {}, { mood }),
        scripted('dotenv', good),
      ]);
      expect(error?.code).toBe(`ERR_SECRET_${mood.toUpperCase()}`);
      for (const name of names) expect(error?.message).toContain(name);
    },
  );

  test('goes without optional names while a store is down, and names them', async () => {
    const { value, warnings } = await load(schema, [
      scripted('vault', good, { mood: 'unavailable' }),
      scripted('dotenv', { TOKEN: token, PORT: '5001' }),
    ]);
    expect(value).toEqual({ TOKEN: token, PORT: 5001, DEBUG: false });
    expect(warnings).toEqual([
      expect.stringMatching(/: DEBUG, SENTRY_DSN: unavailable \(vault \(somewhere\/shop\): .*\)$/),
    ]);
  });

  test('does not go without them where each name was asked for', async () => {
    const { error } = await load(
      schema,
      [
        scripted('vault', good, { mood: 'unavailable' }),
        scripted('dotenv', { TOKEN: token, PORT: '5001' }),
      ],
      { names },
    );
    expect(error?.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(error?.message).toContain('DEBUG, SENTRY_DSN: unavailable');
  });

  test('with names, one read of just these', async () => {
    const store = scripted('aws', { ...good, OTHER: 'x' }, { byName: true });
    const { value } = await load(schema, [store], { names });
    expect(value).toEqual({ ...good, PORT: 5001, DEBUG: true });
    expect(store.reads).toEqual([names]);
  });

  test('a name that names leaves out is a mistake of the caller, not a missing secret', async () => {
    const { error } = await load(schema, [scripted('vault', good)], { names: ['PORT'] });
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', secretName: 'TOKEN' });
  });

  test('everything that is wrong is in one error, under the worst code', async () => {
    const { error } = await load(schema, [
      denying('SENTRY_DSN', { PORT: 'canary-port-77c1' }),
      scripted('vault', {}, { mood: 'unavailable' }),
    ]);
    expect(error?.code).toBe('ERR_SECRET_DENIED');
    expect(error?.retryable).toBe(false);
    const lines = error?.message.split('\n  ').slice(1).join('\n');
    expect(lines).toContain('SENTRY_DSN: denied (aws');
    expect(lines).toMatch(/TOKEN.*: unavailable \(vault/);
    expect(lines).toContain('PORT: malformed (from aws (somewhere/shop)');
    expect(JSON.stringify(error)).not.toContain('canary');
  });

  test('a denied name that the schema does not read does not matter', async () => {
    const { value, error } = await load(schema, [denying('OTHERS', good)]);
    // arktype hands on what it was given besides, so that it cannot do with a part
    if (library === 'arktype') expect(error?.code).toBe('ERR_SECRET_DENIED');
    else expect(value).toEqual({ ...good, PORT: 5001, DEBUG: true });
    const named = await load(schema, [denying('OTHERS', good)], { names });
    expect(named.value).toEqual({ ...good, PORT: 5001, DEBUG: true });
  });
});

describe('messages', () => {
  const bad = { TOKEN: 'short', PORT: 'canary-port-77c1', DEBUG: 'canary-debug-0b2d' };
  const shown: Record<keyof typeof libraries, readonly string[]> = {
    zod: [
      'TOKEN: malformed (from vault (somewhere/shop); must have 8 characters)',
      'PORT: malformed (from vault (somewhere/shop); must be a port)',
      'DEBUG: malformed (from vault (somewhere/shop); must be true or false)',
    ],
    valibot: [
      'TOKEN: malformed (from vault (somewhere/shop); Invalid length: Expected >=8 but received …)',
      'PORT: malformed (from vault (somewhere/shop); Invalid format: Expected /^\\d{1,5}$/ but received "…")',
      'DEBUG: malformed (from vault (somewhere/shop); Invalid type: Expected ("true" | "false") but received "…")',
    ],
    arktype: [
      'TOKEN: malformed (from vault (somewhere/shop); must be at least length 8 (was …))',
      'PORT: malformed (from vault (somewhere/shop); must be matched by ^\\d{1,5}$ (was "…"))',
      'DEBUG: malformed (from vault (somewhere/shop); must be "false" or "true" (was "…"))',
    ],
  };

  test.each(Object.entries(libraries))(
    'of %s are shown without the values',
    async (name, schema) => {
      const { error } = await load(schema, [scripted('vault', bad)]);
      expect(error?.code).toBe('ERR_SECRET_INVALID');
      const lines = error?.message.slice(0, -1).split('\n  ').slice(1) ?? [];
      expect(lines.sort()).toEqual([...shown[name as keyof typeof libraries]].sort());
    },
  );

  test('a message that depends on the value in any other way is not shown', async () => {
    const schema = z.object({
      TOKEN: z.string().refine(() => false, {
        error: ({ input }) => `${Buffer.from(String(input)).toString('hex')} is no token`,
      }),
      PORT: z.string().refine((text) => !text.startsWith('canary'), 'starts with canary'),
    });
    const { error } = await load(schema, [scripted('vault', bad)]);
    expect(error?.message).toMatch(
      /:\n {2}TOKEN: malformed \(from vault \(somewhere\/shop\); … is no token\)\n {2}PORT: malformed \(from vault \(somewhere\/shop\); (?!.*canary).*\)\.$/,
    );
  });

  test('not even the first letter of an encoded value is shown', async () => {
    // the texts that begin with a digit begin with 3 in hex, as the value does
    const schema = z.object({
      TOKEN: z.string().refine((text) => !/^\d/.test(text), {
        error: ({ input }) => `must not begin with ${Buffer.from(String(input)).toString('hex')}`,
      }),
    });
    const { error } = await load(schema, [scripted('vault', { TOKEN: '7canary' })]);
    expect(error?.message).toContain('; must not begin with …).');
  });

  test('what a schema throws is not shown', async () => {
    const schema = z.object({ TOKEN: z.string().transform((text) => JSON.parse(text)) });
    const { error } = await load(schema, [scripted('vault', { TOKEN: token })]);
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: undefined });
    expect(error?.issues).toMatchObject([{ kind: 'malformed', path: [] }]);
    expect(error?.message).not.toContain(token);
    expect(error?.cause).toBeUndefined();
  });

  test('a name that a schema makes of a value is not shown, and no provider is asked for it', async () => {
    const schema = z
      .object({ TOKEN: z.string() })
      .transform(({ TOKEN }) => ({ [TOKEN]: 1 }))
      .pipe(z.record(z.string(), z.number().max(0)));
    const store = scripted('aws', { TOKEN: token }, { byName: true });
    const { error } = await load(schema, [store], { names: ['TOKEN'] });
    expect(error?.issues).toMatchObject([{ kind: 'malformed' }]);
    expect(JSON.stringify(error)).not.toContain(token);
    await load(schema, [store]);
    expect(JSON.stringify(store.reads)).not.toContain(token);
  });
});

describe('kinds of schemas', () => {
  test('asynchronous ones, which never see made-up texts', async () => {
    const seen: unknown[] = [];
    const schema = z.object({
      TOKEN: z.string().refine(async (text) => {
        seen.push(text);
        return text === token;
      }, 'is refused'),
      DB_PASS: z.string(),
    });
    const providers = [scripted('vault', { TOKEN: token, DB_PASS: 'x' })];
    expect((await load(schema, providers)).value).toEqual({ TOKEN: token, DB_PASS: 'x' });
    const { error } = await load(schema, [scripted('vault', { TOKEN: 'other' })]);
    expect(error?.message).toContain('DB_PASS: missing');
    expect(error?.message).toContain('TOKEN: malformed');
    expect(new Set(seen)).toEqual(new Set([token, 'other']));
  });

  test('strict ones refuse other names, unless names keeps those out', async () => {
    const providers = [scripted('vault', { TOKEN: token, OTHER: 'canary-other-5e5e' })];
    const schema = z.strictObject({ TOKEN: z.string() });
    const { error } = await load(schema, providers);
    expect(error?.message).toContain('malformed (Unrecognized key: "OTHER"');
    expect((await load(schema, providers, { names: ['TOKEN'] })).value).toEqual({ TOKEN: token });
  });

  test('records take everything, and so cannot do with a part of it', async () => {
    const schema = z.record(z.string(), z.string());
    expect((await load(schema, [scripted('vault', good)])).value).toEqual(good);
    const down = scripted('vault', {}, { mood: 'unavailable' });
    const { error } = await load(schema, [scripted('env', good), down]);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', provider: 'vault' });
    expect((await load(z.any(), [scripted('env', good), down])).error?.code).toBe(
      'ERR_SECRET_UNAVAILABLE',
    );
  });

  test('a store that is not needed may be down', async () => {
    const providers = [scripted('env', good), scripted('vault', {}, { mood: 'unavailable' })];
    const { value, warnings } = await load(libraries.zod, providers);
    expect(value).toEqual({ ...good, PORT: 5001, DEBUG: true });
    expect(warnings).toEqual([]);
  });

  test('alternatives are asked for as far as they are chosen', async () => {
    const schema = z.discriminatedUnion('DB', [
      z.object({ DB: z.literal('sqlite') }),
      z.object({ DB: z.literal('postgres'), DB_PASS: z.string(), DB_HOST: z.string() }),
    ]);
    const down = scripted('vault', {}, { mood: 'unavailable' });
    const sqlite = await load(schema, [scripted('env', { DB: 'sqlite' }), down]);
    expect(sqlite.value).toEqual({ DB: 'sqlite' });
    const postgres = await load(schema, [scripted('env', { DB: 'postgres', DB_HOST: 'h' }), down]);
    expect(postgres.error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', secretName: 'DB_PASS' });
  });

  test('a library that copies the object before it looks', async () => {
    const copying: StandardSchemaV1<unknown, { A: string }> = {
      '~standard': {
        version: 1,
        vendor: 'copying',
        validate(value) {
          const { A } = { ...(value as { A: string }) };
          return A ? { value: { A } } : { issues: [{ message: 'A?', path: [{ key: 'A' }] }] };
        },
      },
    };
    const { error } = await load(copying, [scripted('vault')]);
    expect(error).toMatchObject({ code: 'ERR_SECRET_NOT_FOUND', secretName: 'A' });
    const down = [scripted('vault', {}, { mood: 'unavailable' })];
    expect((await load(copying, down)).error).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      secretName: 'A',
    });
  });

  test('what is no Standard Schema is refused', async () => {
    for (const wrong of [undefined, {}, { '~standard': { version: 2, validate() {} } }])
      expect((await load(wrong as never, [scripted('vault', good)])).error?.code).toBe(
        'ERR_SECRET_CONFIG',
      );
  });

  test('a schema that refuses without a reason does not pass', async () => {
    const silent: StandardSchemaV1 = {
      '~standard': { version: 1, vendor: 'silent', validate: () => ({ issues: [] }) },
    };
    expect((await load(silent, [scripted('vault', good)])).error?.code).toBe('ERR_SECRET_INVALID');
  });
});

describe('ending early', () => {
  test.each([{}, { names }])('an aborted call is just that: %j', async (options) => {
    const silent = scripted('vault', {}, { mood: 'silent' });
    const controller = new AbortController();
    const call: CallOptions = { signal: controller.signal };
    const loading = load(libraries.zod, [silent], { ...options, ...call });
    controller.abort();
    const { error } = await loading;
    expect(error?.code).toBe('ERR_SECRET_ABORTED');
    expect(error?.message).not.toContain('schema');
  });

  test('closed secrets are just that', async () => {
    const secrets: Secrets = createSecrets({ providers: [scripted('vault', good)] });
    await secrets.close();
    await expect(secrets.load(libraries.zod)).rejects.toMatchObject({
      code: 'ERR_SECRET_ABORTED',
    });
  });
});

describe('the issues of the error', () => {
  test('are what the message says, for programs: one for each name and reason', async () => {
    const schema = z.object({
      TOKEN: z.string(),
      PORT: z.string().regex(/^\d+$/, 'must be a port').max(3, 'must be short'),
      LIST: z
        .string()
        .transform((text) => text.split(','))
        .pipe(z.array(z.string().regex(/^\d+$/, 'must be numbers'))),
      DENIED: z.string(),
    });
    const provider = denying('DENIED', { PORT: 'eighty', LIST: 'x,y' });
    const { error } = await load(schema, [provider]);
    expect(error?.issues).toEqual([
      { name: 'TOKEN', kind: 'missing', path: ['TOKEN'], message: expect.any(String) },
      { name: 'DENIED', kind: 'denied', path: ['DENIED'], message: expect.any(String) },
      { name: 'PORT', kind: 'malformed', path: ['PORT'], message: 'must be a port' },
      { name: 'PORT', kind: 'malformed', path: ['PORT'], message: 'must be short' },
      { name: 'LIST', kind: 'malformed', path: ['LIST', 0], message: 'must be numbers' },
    ]);
    expect(error?.code).toBe('ERR_SECRET_DENIED');
    expect(error?.toJSON()).toMatchObject({ issues: error?.issues });
  });

  test('name nothing that a schema took from a value', async () => {
    const schema = z.object({
      SETTINGS: z
        .string()
        .transform((text) => JSON.parse(text))
        .pipe(z.record(z.string(), z.number())),
    });
    const { error } = await load(schema, [scripted('vault', { SETTINGS: '{"canary-8d1f":"x"}' })]);
    expect(error?.issues).toMatchObject([{ name: 'SETTINGS', path: ['SETTINGS'] }]);
    expect(JSON.stringify(error)).not.toContain('canary');
  });

  test('are one for all where the chain could not be asked, and a schema takes what there is', async () => {
    const schema = z.record(z.string(), z.string());
    const { error } = await load(schema, [scripted('vault', {}, { mood: 'unavailable' })]);
    expect(error?.issues).toMatchObject([{ name: '', kind: 'unavailable', path: [] }]);
  });

  test('are of no other error', async () => {
    const secrets = createSecrets({ providers: [scripted('vault')] });
    const error = await secrets.get('A').catch((thrown) => thrown);
    expect(error.issues).toEqual([]);
    expect(error.toJSON()).not.toHaveProperty('issues');
  });
});
