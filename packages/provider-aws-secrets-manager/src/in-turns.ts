/**
 * Many requests, a few at a time: AWS answers name by name, and version by version.
 */

/** Requests under way at the most, so that a large store meets no rate limit of its own making. */
const mostRequests = 5;

/** Does the work for each item. Rejects as the first that fails does. */
export async function inTurns<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = [...items].reverse();
  const worker = async () => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: mostRequests }, worker));
}
