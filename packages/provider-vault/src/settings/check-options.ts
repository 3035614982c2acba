/**
 * What a factory makes sure of before anything else, for callers without types: that it knows each option, and that
 * each is of its type. `skipVerify: 'false'` must not turn verification off.
 */
import {
  assertOptions,
  type OptionKind,
  type OptionSchema,
  SecretError,
} from '@keyfall/core/provider';

type Schemas = Readonly<Record<string, OptionSchema>>;

/** What only a program can give. */
const ofPrograms: Readonly<Record<string, OptionKind>> = {
  auth: 'an object',
  wire: 'a function',
  env: 'an object',
  clock: 'a clock',
};

/** What the types of the schema are in the words of an error; a `number` has other forms as well. */
const kinds: Readonly<Record<string, OptionKind>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list of texts',
  object: 'an object',
};

const isAboveNothing = (value: unknown) => typeof value === 'number' && value > 0;

/** What the others must be. */
const others: Readonly<Record<string, readonly [is: (value: unknown) => boolean, must: string]>> = {
  path: [
    (value) => [value].flat().every((each) => typeof each === 'string'),
    'text or a list of texts',
  ],
  token: [
    (value) => typeof value === 'string' || typeof value === 'function',
    'text, a function, { file }, { helper: true } or { agent: true }',
  ],
  kvVersion: [(value) => value === 1 || value === 2, '1 or 2'],
  'retry.max': [
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
    'a whole number of 0 or more',
  ],
  'writeLimits.strings': [isAboveNothing, 'a number above 0'],
  'writeLimits.bytes': [isAboveNothing, 'a number above 0'],
};

/**
 * @param factory - for the error: `vaultProvider`
 * @param schema - the options that a configuration may hold
 * @param more - what this factory takes besides
 * @throws `ERR_SECRET_CONFIG` that names the option, and what was perhaps meant by one that there is not
 */
export function checkOptions(
  options: object,
  factory: string,
  { properties }: { readonly properties: Schemas },
  more: Readonly<Record<string, OptionKind>> = {},
): void {
  const { token } = Object(options) as { readonly token?: unknown };
  assertOptions(options, factory, {
    ...kindsOf(properties),
    ...ofPrograms,
    ...more,
    // `others` below says what else it may be
    ...((typeof token !== 'object' || token === null) && { token: 'anything' }),
  });
  for (const [option, value] of valuesOf(options, properties)) {
    if (value === undefined) continue;
    const [is = () => true, must] = others[option] ?? [];
    if (!is(value)) throw configError(`${factory}: the option ${option} must be ${must}`, option);
    // the root namespace is '' to some
    if (value === '' && option !== 'namespace')
      throw configError(`${factory}: the option ${option} is empty`, option);
  }
}

/** The kinds of these options, and of those in their groups. */
function kindsOf(properties: Schemas): Record<string, OptionKind> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { type, properties: members }]) => [
      name,
      members ? kindsOf(members) : (typeof type === 'string' && kinds[type]) || 'anything',
    ]),
  );
}

/** The options with their values; those of a group are called `tls.ca`. */
function valuesOf(options: object, properties: Schemas, group = ''): [string, unknown][] {
  return Object.entries(options).flatMap(([name, value]) => {
    const members = properties[name]?.properties;
    const isGroup = members !== undefined && typeof value === 'object' && value !== null;
    return isGroup ? valuesOf(value, members, `${name}.`) : [[group + name, value]];
  });
}

function configError(reason: string, option: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', reason, {
    hint: 'Correct it, or leave it out.',
    setting: { option },
  });
}
