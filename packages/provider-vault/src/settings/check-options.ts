/**
 * What a factory makes sure of before anything else, for callers without types: that it knows each option, and that
 * each is of its type. `skipVerify: 'false'` must not turn verification off.
 */
import { SecretError } from '@keyfall/core';
import { assertOptions, type OptionKind } from '@keyfall/core/provider';

/** The options of a connection; those of a group by the group's name and their own. */
export const connectionKinds: Readonly<Record<string, OptionKind>> = {
  name: 'text',
  address: 'text',
  nodes: 'a list of texts',
  namespace: 'text',
  token: 'anything',
  'token.file': 'text',
  'token.helper': 'true or false',
  'token.agent': 'true or false',
  auth: 'an object',
  countedUses: 'true or false',
  tls: 'an object',
  'tls.ca': 'text',
  'tls.cert': 'text',
  'tls.key': 'text',
  'tls.serverName': 'text',
  'tls.skipVerify': 'true or false',
  proxy: 'text',
  timeout: 'anything',
  retry: 'an object',
  'retry.max': 'anything',
  consistency: 'an object',
  'consistency.readYourWrites': 'true or false',
  wire: 'a function',
  env: 'an object',
  clock: 'a clock',
};

/** Those of a mounted KV engine besides. */
export const mountKinds: Readonly<Record<string, OptionKind>> = {
  ...connectionKinds,
  mount: 'text',
  kvVersion: 'anything',
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
 * @param kinds - every option that there is
 * @throws `ERR_SECRET_CONFIG` that names the option, and what was perhaps meant by one that there is not
 */
export function checkOptions(
  options: object,
  factory: string,
  kinds: Readonly<Record<string, OptionKind>>,
): void {
  assertOptions(options, factory);
  const given = flattened(options, kinds);
  assertOptions(given, factory, kinds);
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const [is = () => true, must] = others[option] ?? [];
    if (!is(value)) throw wrong(`${factory}: the option ${option} must be ${must}`, option);
    // the root namespace is '' to some
    if (value === '' && option !== 'namespace')
      throw wrong(`${factory}: the option ${option} is empty`, option);
  }
}

/** The options with those of a group beside the group: `tls.ca`. */
function flattened(
  options: object,
  kinds: Readonly<Record<string, OptionKind>>,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const isGroup = Object.keys(kinds).some((option) => option.startsWith(`${name}.`));
    if (isGroup && typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [member, of] of Object.entries(value)) given[`${name}.${member}`] = of;
    else given[name] = Array.isArray(value) && kinds[name] === 'an object' ? 'a list' : value;
  }
  return given;
}

function wrong(reason: string, option: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', reason, {
    hint: 'Correct it, or leave it out.',
    setting: { option },
  });
}
