/**
 * A chunk of its own: a chain that is not used as a provider does not need it.
 */
import { assertKind } from './arguments.ts';

/**
 * The signal of what a provider's method is given as its context.
 *
 * @throws `ERR_SECRET_CONFIG` if that is not an object, or its signal is not one
 */
export function contextSignal(context: unknown, method: string): AbortSignal | undefined {
  assertKind(context, 'an object', `${method}: the context`);
  const { signal } = context as { readonly signal?: unknown };
  if (signal !== undefined) assertKind(signal, 'an AbortSignal', `${method}: the option signal`);
  return signal;
}
