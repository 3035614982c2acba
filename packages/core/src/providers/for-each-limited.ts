/**
 * Many requests, a few at a time, for a store that answers name by name.
 */
import { assertKind } from '../arguments/arguments.ts';

/** Requests under way at most, so that a large store does not run into its own rate limit. */
const maxConcurrent = 5;

/**
 * Calls `work` for each item, five at a time. Rejects with the first failure.
 *
 * @throws `ERR_SECRET_CONFIG` for wrong arguments
 */
export async function forEachLimited<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  assertKind(items, 'a list', 'forEachLimited: the items');
  assertKind(work, 'a function', 'forEachLimited: the work');
  const rest = [...items].reverse();
  const worker = async () => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: maxConcurrent }, worker));
}
