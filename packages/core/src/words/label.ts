/**
 * How a provider is called in a message.
 */
/** Name and store for a message, without saying the name twice. */
export function labelOf(name: string, store: string): string {
  const place = store.startsWith(`${name} `) ? store.slice(name.length + 1) : store;
  return place === name ? name : `${name} (${place})`;
}
