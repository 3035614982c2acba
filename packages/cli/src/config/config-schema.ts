/**
 * What a configuration may hold: a JSON schema, which is published for editors and checked here. What it says of
 * a provider's options comes from that provider's package; `test/config-schema.test.ts` puts it together.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { durationSchema, type OptionSchema } from '@keyfall/core/provider';
import { didYouMean } from '../terminal/near-names.ts';

/** A JSON schema, and what none can say. */
export interface ConfigSchema extends OptionSchema {
  readonly properties?: Readonly<Record<string, ConfigSchema>>;
  readonly additionalProperties?: false | ConfigSchema;
  readonly items?: ConfigSchema;
  /** Objects that differ in their `provider`. */
  readonly oneOf?: readonly ConfigSchema[];
  /** Whether a program may give it; a `title` says what it must be. */
  readonly accepts?: (value: unknown) => boolean;
}

const text = { type: 'string' } as const;

/** The chain's settings for one provider. */
export const entrySettings: Readonly<Record<string, OptionSchema>> = {
  required: { type: 'boolean' },
  standby: { type: 'boolean' },
  timeout: durationSchema,
  onDenied: { enum: ['stop', 'next'] },
  ifUnconfigured: { enum: ['fail', 'skip'] },
};

/** The option of each provider that says where its secrets are: what a reference may say in its place. */
export const placeOptions: Readonly<Partial<Record<string, readonly string[]>>> = {
  vault: ['path'],
  'vault-dynamic': ['path'],
  dotenv: ['path'],
  sops: ['path'],
  files: ['directory', 'variables'],
  'aws-secrets-manager': ['secretId', 'prefix'],
  'aws-parameter-store': ['path'],
  'gcp-secret-manager': ['project'],
  keychain: ['service'],
  kubernetes: ['secret'],
};

/** What references may lead to: the same providers, without the chain's settings, and without the place if they say it. */
export function targetSchema({ items }: ConfigSchema): ConfigSchema {
  return {
    oneOf: (items?.oneOf ?? []).map(({ properties = {}, required = [], ...schema }) => ({
      ...schema,
      properties: Object.fromEntries(
        Object.entries(properties).filter(([name]) => !Object.hasOwn(entrySettings, name)),
      ),
      required: required.filter(
        (name) => !placeOptions[properties['provider']?.const ?? '']?.includes(name),
      ),
    })),
  };
}

/** The schema of a configuration whose list of providers and whose references' targets have these. */
export function configSchema(providers: ConfigSchema, target: ConfigSchema): ConfigSchema {
  const chain: Readonly<Record<string, ConfigSchema>> = {
    providers,
    references: {
      type: 'object',
      propertyNames: { minLength: 1 },
      additionalProperties: target,
    },
    values: { type: 'object', propertyNames: { minLength: 1 }, additionalProperties: text },
    names: { type: 'array', items: { ...text, minLength: 1 } },
    only: { type: 'object', additionalProperties: text },
    ttl: durationSchema,
    staleIfError: durationSchema,
    budget: durationSchema,
  };
  return {
    type: 'object',
    properties: {
      $schema: text,
      ...chain,
      profiles: {
        type: 'object',
        propertyNames: { minLength: 1 },
        additionalProperties: { type: 'object', properties: chain, additionalProperties: false },
      },
    },
    additionalProperties: false,
  };
}

/** What a program exports: its providers are checked when they are used, by {@link checkEntry}. */
const ofPrograms = configSchema(
  {
    title: 'a list, or a function that returns one',
    accepts: (value) => typeof value === 'function' || Array.isArray(value),
  },
  { title: 'a provider, a function that makes one, or a provider by its id', accepts: isTarget },
);

/** A provider that a program made, with the chain's settings for it. */
const chainEntry: ConfigSchema = {
  type: 'object',
  properties: {
    provider: { title: 'a provider', accepts: isProvider },
    ...entrySettings,
  },
  required: ['provider'],
  additionalProperties: false,
};

let published: ConfigSchema | undefined;

/** The list of providers in a configuration that is data. */
function namedProviders(): ConfigSchema {
  // beside `src` and `dist` alike
  // by its name: this file is elsewhere once it is built
  const file = createRequire(import.meta.url).resolve('keyfall/schema.json');
  published ??= JSON.parse(readFileSync(file, 'utf8')).$defs.providers as ConfigSchema;
  return published;
}

/** What is wrong with an option, without what it holds. */
export interface SchemaComplaint {
  readonly option: readonly PropertyKey[];
  readonly reason: string;
  readonly hint?: string;
}

/** The first thing wrong with a configuration, if there is any. */
export function checkConfig(
  config: unknown,
  form: 'json' | 'program',
): SchemaComplaint | undefined {
  const schema =
    form === 'json' ? configSchema(namedProviders(), targetSchema(namedProviders())) : ofPrograms;
  return complaintAbout(config, schema, []);
}

/** The first thing wrong with one of a chain's providers. */
export function checkEntry(entry: unknown): SchemaComplaint | undefined {
  if (isProvider(entry)) return undefined;
  const { provider } = (entry ?? {}) as { readonly provider?: unknown };
  const schema = typeof provider === 'object' ? chainEntry : namedProviders().items;
  return schema && complaintAbout(entry, schema, []);
}

/** The first thing wrong with what a scheme leads to, if that is named by its id. */
export function checkTarget(target: unknown): SchemaComplaint | undefined {
  return complaintAbout(target, targetSchema(namedProviders()), []);
}

function isTarget(value: unknown): boolean {
  const { asProvider, provider } = Object(value) as Readonly<Record<string, unknown>>;
  return (
    [value, asProvider].some((each) => typeof each === 'function') ||
    isProvider(value) ||
    typeof provider === 'string'
  );
}

function isProvider(value: unknown): boolean {
  return typeof (value as { readonly read?: unknown } | null)?.read === 'function';
}

type Path = readonly PropertyKey[];

/** The first thing wrong with a value. Never repeats it: it may be a secret in the wrong place. */
function complaintAbout(
  value: unknown,
  schema: ConfigSchema,
  at: Path,
): SchemaComplaint | undefined {
  const must = (be: string): SchemaComplaint => ({ option: at, reason: `must be ${be}` });
  const { title, accepts, oneOf, not } = schema;
  if (not !== undefined)
    return {
      option: at,
      reason: 'is a secret, which has no place in a configuration',
      hint: 'Give it in the environment.',
    };
  if (accepts !== undefined) return accepts(value) ? undefined : must(title ?? 'something else');
  if (oneOf !== undefined) return complaintAboutNamed(value, oneOf, at);
  const complaint = complaintAboutContent(value, schema, at, must);
  return complaint !== undefined && title !== undefined ? must(title) : complaint;
}

function complaintAboutContent(
  value: unknown,
  schema: ConfigSchema,
  at: Path,
  must: (be: string) => SchemaComplaint,
): SchemaComplaint | undefined {
  const { enum: allowed, type, minLength = 0, minItems = 0, minimum = -Infinity } = schema;
  if (allowed !== undefined)
    return allowed.includes(value as string) ? undefined : must(`one of ${allowed.join(', ')}`);
  if (type !== undefined && ![type].flat().some((each) => kinds[each]?.holds(value)))
    return must(kinds[String(type)]?.shown ?? 'something else');
  if (typeof value === 'string') {
    const { pattern } = schema;
    const fits = pattern === undefined || new RegExp(pattern).test(value);
    return fits && value.length >= minLength ? undefined : must('text that is not empty');
  }
  if (typeof value === 'number') return value >= minimum ? undefined : must(`at least ${minimum}`);
  if (Array.isArray(value)) {
    if (value.length < minItems) return must('a list that is not empty');
    return first(
      value,
      (each, index) => schema.items && complaintAbout(each, schema.items, [...at, index]),
    );
  }
  return typeof value === 'object' ? complaintAboutMembers(value as object, schema, at) : undefined;
}

function complaintAboutMembers(
  value: object,
  { properties = {}, required = [], additionalProperties: others, propertyNames }: ConfigSchema,
  at: Path,
): SchemaComplaint | undefined {
  const members = new Map<string, unknown>(Object.entries(value));
  const known = first(Object.entries(properties), ([name, schema]) =>
    members.get(name) !== undefined || required.includes(name)
      ? complaintAbout(members.get(name), schema, [...at, name])
      : undefined,
  );
  if (known !== undefined) return known;
  return first([...members], ([name, member]) => {
    if (name.length < (propertyNames?.minLength ?? 0))
      return { option: at, reason: 'must be an object without an empty name' };
    if (Object.hasOwn(properties, name) || others === undefined) return undefined;
    const option = [...at, name];
    if (others !== false) return complaintAbout(member, others, option);
    // a hint is our own words, and never one of the file
    const hint = didYouMean([name], Object.keys(properties));
    return { option, reason: 'there is no such option', ...(hint !== undefined && { hint }) };
  });
}

/** About a provider that is named by its id. */
function complaintAboutNamed(
  value: unknown,
  schemas: readonly ConfigSchema[],
  at: Path,
): SchemaComplaint | undefined {
  if (!kinds['object']?.holds(value)) return { option: at, reason: 'must be an object' };
  const { provider: id } = value as { readonly provider?: unknown };
  const ids = schemas.map(({ properties }) => properties?.['provider']?.const ?? '');
  const schema = schemas[ids.indexOf(id as string)];
  if (schema !== undefined) return complaintAbout(value, schema, at);
  const hint = didYouMean([String(id)], ids);
  return {
    option: [...at, 'provider'],
    reason: `must be the id of a provider: ${ids.join(', ')}`,
    ...(hint !== undefined && { hint }),
  };
}

function first<Item>(
  items: readonly Item[],
  complaint: (item: Item, index: number) => SchemaComplaint | undefined,
): SchemaComplaint | undefined {
  for (const [index, item] of items.entries()) {
    const found = complaint(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}

const kinds: Readonly<
  Record<string, { readonly shown: string; readonly holds: (value: unknown) => boolean }>
> = {
  string: { shown: 'text', holds: (value) => typeof value === 'string' },
  boolean: { shown: 'a boolean', holds: (value) => typeof value === 'boolean' },
  number: { shown: 'a number', holds: Number.isFinite },
  integer: { shown: 'a whole number', holds: Number.isInteger },
  array: { shown: 'a list', holds: Array.isArray },
  object: {
    shown: 'an object',
    holds: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
};
