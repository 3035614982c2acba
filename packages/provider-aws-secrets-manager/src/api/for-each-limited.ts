/**
 * Many requests, a few at a time: AWS answers name by name, and version by version.
 */

/** Requests under way at most, so that a large store does not run into its own rate limit. */
const maxConcurrent = 5;

/** Calls `work` for each item. Rejects with the first failure. */
export async function forEachLimited<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = [...items].reverse();
  const worker = async () => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: maxConcurrent }, worker));
}
