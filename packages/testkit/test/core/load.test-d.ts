// Compiled, not run: what the compiler knows of what `load` answers, for three libraries, and what it
// refuses.
import { createSecrets, type StandardSchemaV1 } from '@keyfall/core';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';

/** Compiles only if the two types are one and the same. */
type Same<One, Other> =
  (<Each>() => Each extends One ? 1 : 2) extends <Each>() => Each extends Other ? 1 : 2
    ? true
    : false;
function assertType<_Holds extends true>(): void {}

const secrets = createSecrets({ providers: [] });

export async function zodOutput() {
  const schema = z.object({
    TOKEN: z.string(),
    ADMIN_ID_LIST: z.string().transform((list) => list.split(',').map(Number)),
    DEBUG: z.stringbool().default(false),
    BOT_LANGUAGE: z.enum(['en', 'de']),
    SENTRY_DSN: z.url().optional(),
    PORT: z.coerce.number(),
  });
  const config = await secrets.load(schema);
  assertType<
    Same<
      typeof config,
      {
        TOKEN: string;
        ADMIN_ID_LIST: number[];
        DEBUG: boolean;
        BOT_LANGUAGE: 'en' | 'de';
        SENTRY_DSN?: string | undefined;
        PORT: number;
      }
    >
  >();
  assertType<Same<typeof config, z.output<typeof schema>>>();
  // @ts-expect-error a name that the schema does not have
  config.TOKEN_;
  // @ts-expect-error what need not be set may be undefined
  config.SENTRY_DSN.length;
  // @ts-expect-error the schema made a number of it
  config.PORT.length;
}

export async function valibotOutput() {
  const schema = v.object({
    TOKEN: v.string(),
    PORT: v.pipe(v.string(), v.transform(Number)),
    DEBUG: v.optional(v.picklist(['true', 'false']), 'false'),
    SENTRY_DSN: v.optional(v.string()),
  });
  const config = await secrets.load(schema);
  assertType<Same<typeof config, v.InferOutput<typeof schema>>>();
  assertType<Same<(typeof config)['PORT'], number>>();
  assertType<Same<(typeof config)['DEBUG'], 'true' | 'false'>>();
  assertType<Same<(typeof config)['SENTRY_DSN'], string | undefined>>();
  // @ts-expect-error the schema made a number of it
  config.PORT satisfies string;
}

export async function arktypeOutput() {
  const schema = type({
    TOKEN: 'string',
    PORT: 'string.integer.parse',
    BOT_LANGUAGE: '"en" | "de"',
    'SENTRY_DSN?': 'string',
  });
  const config = await secrets.load(schema);
  assertType<Same<typeof config, typeof schema.infer>>();
  assertType<Same<(typeof config)['PORT'], number>>();
  assertType<Same<(typeof config)['BOT_LANGUAGE'], 'en' | 'de'>>();
  // @ts-expect-error what need not be set may be undefined
  config.SENTRY_DSN.length;
}

export async function anySchema(schema: StandardSchemaV1<unknown, { readonly limit: bigint }>) {
  const output = await secrets.load(schema);
  assertType<Same<typeof output, { readonly limit: bigint }>>();
  const alternatives = await secrets.load(
    z.discriminatedUnion('DB', [
      z.object({ DB: z.literal('sqlite') }),
      z.object({ DB: z.literal('postgres'), DB_PASS: z.string() }),
    ]),
    { names: ['DB', 'DB_PASS'] },
  );
  if (alternatives.DB === 'postgres') assertType<Same<(typeof alternatives)['DB_PASS'], string>>();
  // @ts-expect-error only one of the alternatives has it
  alternatives.DB_PASS;
}

export async function wrongUse() {
  // @ts-expect-error no schema
  await secrets.load(undefined);
  // @ts-expect-error the fields of a schema are no schema
  await secrets.load({ TOKEN: z.string() });
  // @ts-expect-error a validating function is no Standard Schema
  await secrets.load((values: unknown) => String(values));
  const { vendor, validate } = z.object({})['~standard'];
  // @ts-expect-error another version of the standard
  await secrets.load({ '~standard': { version: 2, vendor, validate } });
  // @ts-expect-error names are a list
  await secrets.load(z.object({}), { names: 'TOKEN' });
}
