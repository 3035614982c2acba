/**
 * What a configuration may hold, checked by zod, and the same as a JSON schema for editors. Imported
 * only where there is a configuration.
 */
import { toMilliseconds } from '@keyfall/core/provider';
import { dotenvReaders } from '@keyfall/provider-dotenv';
import { z } from 'zod';
import { didYouMean } from '../terminal/near-names.ts';

// zod's own rules that cannot be told in a JSON schema come with what says the same there
const duration = z
  .custom<number | string>(
    isDuration,
    "a length of time: milliseconds, or text such as '30s' or '5m'",
  )
  .meta({
    type: ['number', 'string'],
    minimum: 0,
    pattern: String.raw`^\d+(\.\d+)?(ms|s|m|h|d)$`,
  });

const texts = z
  .custom<string | readonly string[]>(
    (value) => [value].flat().every((each) => typeof each === 'string'),
    'text or a list of texts',
  )
  .meta({ type: ['string', 'array'], items: { type: 'string' } });

/** The chain's settings for one provider. */
const entrySettings = {
  required: z.boolean().optional(),
  standby: z.boolean().optional(),
  timeout: duration.optional(),
  onDenied: z.enum(['stop', 'next']).optional(),
};

/** Options that every provider has. */
const common = { name: z.string().min(1).optional(), ...entrySettings };

/** Where a Vault is and how it is asked, whatever it is asked for. */
const vaultConnection = {
  address: z.string().optional(),
  nodes: z.array(z.string()).optional(),
  wire: z.enum(['direct', 'node-vault']).optional(),
  proxy: z.string().optional(),
  tokenFile: z.string().optional(),
  tokenHelper: z.boolean().optional(),
  countedUses: z.boolean().optional(),
  agentToken: z.boolean().optional(),
  profile: z.string().optional(),
  namespace: z.string().optional(),
  maxRetries: z.int().min(0).optional(),
  caCert: z.string().optional(),
  caCertPem: z.string().optional(),
  caPath: z.string().optional(),
  clientCert: z.string().optional(),
  clientKey: z.string().optional(),
  tlsServerName: z.string().optional(),
  skipVerify: z.boolean().optional(),
};

/** The options of the providers by their ids, without those that hold a secret. */
const providerOptions = {
  vault: {
    ...common,
    ...vaultConnection,
    mount: z.string().optional(),
    path: texts.optional(),
    kvVersion: z.literal([1, 2]).optional(),
    writeLimits: z
      .strictObject({ strings: z.int().optional(), bytes: z.int().optional() })
      .optional(),
  },
  'vault-dynamic': {
    ...common,
    ...vaultConnection,
    path: z.string().min(1),
    parameters: z.record(z.string(), z.unknown()).optional(),
    grace: duration.optional(),
  },
  sops: {
    ...common,
    path: z.string().min(1),
    format: z.enum(['yaml', 'json', 'dotenv', 'ini']).optional(),
    separator: z.string().optional(),
    ageKeyFile: z.string().optional(),
    ageRecipients: z.array(z.string()).optional(),
    keyServers: z.array(z.string()).optional(),
  },
  files: {
    ...common,
    directory: z
      .custom<string | { readonly variable: string }>(
        (value) => typeof value === 'string' || isVariable(value),
        "a path, or { variable: 'NAME' }",
      )
      .meta({ type: ['string', 'object'], required: ['variable'] })
      .optional(),
    variables: z.array(z.string()).optional(),
    binary: z.array(z.string()).optional(),
    trailingNewline: z.enum(['remove', 'keep']).optional(),
    links: z.enum(['inside', 'anywhere']).optional(),
  },
  'aws-secrets-manager': {
    ...common,
    secretId: z.string().optional(),
    prefix: z.string().optional(),
    region: z.string().optional(),
    versionStage: z.string().optional(),
    separator: z.string().optional(),
    pollInterval: duration.optional(),
  },
  doppler: {
    ...common,
    project: z.string().optional(),
    config: z.string().optional(),
    fallbackFile: z.string().optional(),
    pollInterval: duration.optional(),
    address: z.string().optional(),
  },
  'doppler-fallback': {
    ...common,
    path: z.string().min(1),
    project: z.string().optional(),
    config: z.string().optional(),
  },
  dotenv: {
    ...common,
    path: texts.optional(),
    profile: z.string().optional(),
    mustExist: z.boolean().optional(),
    expand: z.boolean().optional(),
    reader: z.enum(dotenvReaders).optional(),
  },
  env: { ...common, prefix: z.string().optional() },
};

/** Options that hold a secret, and so have no place in a file of the repository. */
const credentials: readonly string[] = ['token', 'ageKey', 'passphrase'];

const [first, ...others] = Object.entries(providerOptions).map(([id, options]) =>
  z.strictObject({ provider: z.literal(id), ...options }),
);
const namedProvider = z.discriminatedUnion('provider', [
  first as NonNullable<typeof first>,
  ...others,
]);

/** The settings of a chain, but for its providers. */
const chainSettings = {
  names: z.array(z.string().min(1)).optional(),
  only: z.record(z.string(), z.string()).optional(),
  ttl: duration.optional(),
  staleIfError: duration.optional(),
  budget: duration.optional(),
};

function configSchema(providers: z.ZodType): z.ZodType {
  const chain = { providers: providers.optional(), ...chainSettings };
  return z.strictObject({
    $schema: z.string().optional(),
    ...chain,
    profiles: z.record(z.string().min(1), z.strictObject(chain)).optional(),
  });
}

/** The JSON form. */
const jsonConfig = configSchema(z.array(namedProvider).min(1));

/** What a program exports: its providers are checked when they are used, by {@link checkEntry}. */
const programConfig = configSchema(
  z.custom<unknown>(
    (value) => typeof value === 'function' || Array.isArray(value),
    'a list, or a function that returns one',
  ),
);

/** A provider that a program made, with the chain's settings for it. */
const chainEntry = z.strictObject({
  provider: z.custom<object>(
    (value) => typeof (value as { read?: unknown } | null)?.read === 'function',
    'a provider',
  ),
  ...entrySettings,
});

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
  return complaintOf(form === 'json' ? jsonConfig : programConfig, config);
}

/** The first thing wrong with one of a chain's providers. */
export function checkEntry(entry: unknown): SchemaComplaint | undefined {
  const { provider, read } = (entry ?? {}) as { provider?: unknown; read?: unknown };
  if (typeof read === 'function') return undefined;
  return complaintOf(typeof provider === 'object' ? chainEntry : namedProvider, entry);
}

/** The JSON schema of the JSON form. */
export function configJsonSchema(): unknown {
  const { $schema, ...schema } = z.toJSONSchema(jsonConfig, { unrepresentable: 'any' });
  return {
    $schema,
    title: 'The configuration of Keyfall (keyfall.config.json)',
    ...schema,
  };
}

function complaintOf(schema: z.ZodType, value: unknown): SchemaComplaint | undefined {
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  if (issue === undefined) return undefined;
  // a key that may not be there is a matter of what it is in
  const option = issue.code === 'invalid_key' ? issue.path.slice(0, -1) : issue.path;
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return credentials.includes(key)
      ? {
          option: [...option, key],
          reason: 'is a secret, which has no place in a configuration',
          hint: 'Give it in the environment.',
        }
      : {
          option: [...option, key],
          reason: 'there is no such option',
          ...meant([key], optionsAt(option, value)),
        };
  }
  const isId = issue.code === 'invalid_union' && option.at(-1) === 'provider';
  return {
    option,
    reason: `must be ${expectationOf(issue)}`,
    ...(isId && meant([String(valueAt(option, value))], Object.keys(providerOptions))),
  };
}

/** A hint that names what was perhaps meant: our own words, never one of the file. */
function meant(given: readonly string[], known: readonly string[]): { hint?: string } {
  const hint = didYouMean(given, known);
  return hint === undefined ? {} : { hint };
}

function valueAt(option: readonly PropertyKey[], value: unknown): unknown {
  return option.reduce((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

/** The options that there are where this path leads: in a provider, or in a chain. */
function optionsAt(option: readonly PropertyKey[], value: unknown): readonly string[] {
  const { provider: id } = (valueAt(option, value) ?? {}) as { provider?: unknown };
  if (typeof id === 'string' && Object.hasOwn(providerOptions, id))
    return Object.keys(providerOptions[id as keyof typeof providerOptions]);
  if (id !== undefined) return Object.keys(entrySettings);
  return ['providers', 'profiles', ...Object.keys(chainSettings)];
}

function isVariable(value: unknown): boolean {
  return typeof (value as { variable?: unknown } | null)?.variable === 'string';
}

function isDuration(value: unknown): boolean {
  try {
    toMilliseconds(value as number, '');
    return true;
  } catch {
    return false;
  }
}

const kinds: Readonly<Record<string, string>> = {
  record: 'an object',
  object: 'an object',
  array: 'a list',
  string: 'text',
  int: 'a whole number',
};

/** In our words: those of others may repeat what they were given. */
function expectationOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return kinds[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_union':
      return `the id of a provider: ${Object.keys(providerOptions).join(', ')}`;
    case 'too_small':
      return issue.origin === 'number' ? `at least ${issue.minimum}` : 'not empty';
    case 'invalid_key':
      return 'an object without an empty name';
    case 'custom':
      return issue.message; // our own, from above
    default:
      return 'something else';
  }
}
