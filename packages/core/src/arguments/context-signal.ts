/**
 * A chunk of its own: a chain that is no provider of another one needs none of it.
 */
import { assertObject, assertSignal } from './arguments.ts';

/**
 * The signal of what a provider's method is given as its context.
 *
 * @throws `ERR_SECRET_CONFIG` if that is no object, or the signal in it is none
 */
export function contextSignal(context: unknown, method: string): AbortSignal | undefined {
  assertObject(context, `${method}: the context`);
  const { signal } = context as { readonly signal?: unknown };
  if (signal !== undefined) assertSignal(signal, `${method}: the option signal`);
  return signal;
}
