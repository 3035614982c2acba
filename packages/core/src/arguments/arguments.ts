/**
 * What a caller without types may have given instead: a wrong argument is named, and is not a TypeError
 * from somewhere inside.
 */
import { SecretError } from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';

/** What an argument may have to be, in the words of the error. */
export type ArgumentKind =
  | 'text'
  | 'true or false'
  | 'a function'
  | 'an object'
  | 'a list'
  | 'a list of objects'
  | 'a list of texts'
  | 'a map'
  | 'an AbortSignal'
  | 'a clock';

/** What an argument of each kind is. */
interface Kinds extends Readonly<Record<ArgumentKind, unknown>> {
  readonly text: string;
  readonly 'true or false': boolean;
  readonly 'an object': object;
  readonly 'a list of objects': readonly object[];
  readonly 'a list of texts': readonly string[];
  readonly 'an AbortSignal': AbortSignal;
}

const isText = (value: unknown) => typeof value === 'string';
const isObject = (value: unknown) => Object(value) === value;

const kinds: Readonly<Record<ArgumentKind, (value: unknown) => boolean>> = {
  text: isText,
  'true or false': (value) => typeof value === 'boolean',
  'a function': (value) => typeof value === 'function',
  'an object': isObject,
  'a list': Array.isArray,
  'a list of objects': (value) => Array.isArray(value) && value.every(isObject),
  'a list of texts': (value) => Array.isArray(value) && value.every(isText),
  'a map': (value) => value instanceof Map,
  // of whatever realm
  'an AbortSignal': (value) => {
    const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
    return typeof aborted === 'boolean' && !!addEventListener;
  },
  'a clock': (value) => typeof Object(value).schedule === 'function',
};

/** The error for something wrong that a caller gave; `option` is the name of the option that it is. */
export function configError(reason: string, option?: string, hint?: string): SecretError {
  const setting = option === undefined ? option : { option };
  return new SecretError('ERR_SECRET_CONFIG', reason, { hint, setting });
}

/** The error for a wrong argument; `what` names it. */
export function wrongArgument(what: string, must: string, option?: string): SecretError {
  return configError(`${what} must be ${must}`, option);
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is of that kind */
export function assertKind<Kind extends ArgumentKind>(
  value: unknown,
  kind: Kind,
  what: string,
  option?: string,
): asserts value is Kinds[Kind] {
  if (!kinds[kind](value)) throw wrongArgument(what, kind, option);
}

/** @throws `ERR_SECRET_CONFIG` unless `value` has what makes a provider */
export function assertProvider(value: unknown, what: string): asserts value is SecretProvider {
  const provider = Object(value) as { readonly [member: string]: unknown };
  if (typeof provider['read'] !== 'function')
    throw configError(`${what} is not a provider`, undefined, 'Call its factory.');
  // an empty one would name nothing in an error
  for (const member of ['name', 'store'])
    assertKind(provider[member] || 0, 'text', `the ${member} of ${what}`);
}
