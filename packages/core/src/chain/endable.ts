/**
 * An iteration that can be ended from outside while it waits. A generator by itself puts `return` into its
 * queue, behind a `next` that may wait for ever.
 */
/**
 * The generator that `steps` makes, whose `return` and `throw` end it although a `next` is under way.
 *
 * @param steps - is given what ends it, whose signal fires when it is to end
 */
export function endable<Item>(
  steps: (stop: AbortController) => AsyncGenerator<Item, void, undefined>,
): AsyncGenerator<Item, void, undefined> {
  const stop = new AbortController();
  const end = () => stop.abort();
  const generator = steps(stop);
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
