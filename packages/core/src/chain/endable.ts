/**
 * An iteration that can be ended from outside while it waits. A generator by itself puts `return` into its
 * queue, behind a `next` that may wait for ever.
 */
import { onAbort } from '../calls/on-abort.ts';

/**
 * The generator that `steps` makes, whose `return` and `throw` end it although a `next` is under way.
 *
 * @param signalOf - gives a signal that ends it as well, when it takes its first step
 * @param steps - is given a signal that fires when it is to end
 */
export function endable<Item>(
  signalOf: () => AbortSignal | undefined,
  steps: (stop: AbortSignal) => AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  const stop = new AbortController();
  const end = () => stop.abort();
  async function* all() {
    const signal = signalOf();
    if (signal?.aborted) return;
    const leave = signal && onAbort(signal, end);
    try {
      yield* steps(stop.signal);
    } finally {
      leave?.();
    }
  }
  const generator = all();
  const { return: finish, throw: fail } = generator;
  return Object.assign(generator, {
    return(value: void | PromiseLike<void>) {
      end();
      return finish.call(generator, value);
    },
    throw(error: unknown) {
      end();
      return fail.call(generator, error);
    },
  });
}
