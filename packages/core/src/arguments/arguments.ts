/**
 * What a caller without types may have given instead: a wrong argument is named, and is not a TypeError
 * from somewhere inside.
 */
import { SecretError } from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';

/** The error for a wrong argument; `what` names it. */
export function wrongArgument(what: string, must: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', `${what} must be ${must}`);
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is text */
export function assertText(value: unknown, what: string): asserts value is string {
  if (typeof value !== 'string') throw wrongArgument(what, 'text');
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a function */
export function assertFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw wrongArgument(what, 'a function');
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is an object */
export function assertObject(value: unknown, what: string): asserts value is object {
  if (Object(value) !== value) throw wrongArgument(what, 'an object');
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a list of objects */
export function assertList(value: unknown, what: string): asserts value is readonly object[] {
  if (!Array.isArray(value) || value.some((each) => Object(each) !== each))
    throw wrongArgument(what, 'a list of objects');
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a list of texts */
export function assertTexts(value: unknown, what: string): asserts value is readonly string[] {
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string'))
    throw wrongArgument(what, 'a list of texts');
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a signal, of whatever realm */
export function assertSignal(value: unknown, what: string): asserts value is AbortSignal {
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
  if (typeof aborted !== 'boolean' || !addEventListener)
    throw wrongArgument(what, 'an AbortSignal');
}

/**
 * The signal of a call's options.
 *
 * @param method - for the error
 * @throws `ERR_SECRET_CONFIG` if the options are no object, or the signal in them is none
 */
export function signalOf(options: unknown, method: string): AbortSignal | undefined {
  if (options === undefined) return undefined;
  assertObject(options, `${method}: the second argument, the options,`);
  const { signal } = options as { readonly signal?: unknown };
  if (signal !== undefined) assertSignal(signal, `${method}: the option signal`);
  return signal;
}

/** @throws `ERR_SECRET_CONFIG` unless `value` has what makes a provider */
export function assertProvider(value: unknown, what: string): asserts value is SecretProvider {
  const provider = Object(value) as { readonly [member: string]: unknown };
  if (typeof provider['read'] !== 'function')
    throw new SecretError('ERR_SECRET_CONFIG', `${what} is not a provider`, {
      hint:
        'asProvider' in provider
          ? 'Call its asProvider().'
          : 'Call the function that makes it, such as dotenvProvider().',
    });
  for (const member of ['name', 'store']) assertText(provider[member], `the ${member} of ${what}`);
  const { credentialVariables = [] } = provider;
  if (!Object(credentialVariables)[Symbol.iterator])
    throw wrongArgument(`the credentialVariables of ${what}`, 'a set of names');
}
