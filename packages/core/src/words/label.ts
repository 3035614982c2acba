/**
 * What a provider is called in a message.
 */

/** Its name, with where its secrets are: `vault (https://vault.example:8200 secret/shop)`. */
export function labelOf(name: string, store: string): string {
  return `${name} (${store})`;
}
