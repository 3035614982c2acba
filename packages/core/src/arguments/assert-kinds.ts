/**
 * Assertions of what a chain at its start needs none of: apart, so that it does not load them.
 */
import { assertKind, wrongArgument } from './arguments.ts';

/** @throws `ERR_SECRET_CONFIG` unless `value` is an object */
export function assertObject(value: unknown, what: string): asserts value is object {
  assertKind(value, 'an object', what);
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a list of objects */
export function assertList(value: unknown, what: string): asserts value is readonly object[] {
  if (!Array.isArray(value) || value.some((each) => Object(each) !== each))
    throw wrongArgument(what, 'a list of objects');
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a list of texts */
export function assertTexts(value: unknown, what: string): asserts value is readonly string[] {
  assertKind(value, 'a list of texts', what);
}

/** @throws `ERR_SECRET_CONFIG` unless `value` is a signal */
export function assertSignal(value: unknown, what: string): asserts value is AbortSignal {
  assertKind(value, 'an AbortSignal', what);
}
