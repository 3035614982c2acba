/**
 * A store that a `.env` names, or a configuration that is data and is not trusted. Who wrote the file chose the server, and
 * perhaps everything that it answers. So such a store has the trust of a `.env` and no more: what it holds never replaces
 * an inherited variable, and a value that the user stores does not go there unannounced.
 */
import { labelOf, type SecretProvider } from '@keyfall/core/provider';
import { notice, printable } from '../terminal/terminal.ts';

const namedBy = new WeakMap<SecretProvider, string>();

/**
 * The same provider, with the trust of a `.env`.
 * @param variable - what names it there, and where, for messages: `VAULT_ADDR in .env`, `providers[0].address in keyfall.config.json`
 */
export function asNamedByFile(provider: SecretProvider, variable: string): SecretProvider {
  const marked: SecretProvider = { ...provider, plainText: true };
  namedBy.set(marked, variable);
  return marked;
}

/** What in such a file names the store of this provider; `undefined` where none does. */
export function settingThatNames(provider: SecretProvider | undefined): string | undefined {
  return provider && namedBy.get(provider);
}

/** Says where a value of the user's is about to go, if only such a file says so. */
export function announceDestination(provider: SecretProvider | undefined, what: string): void {
  const variable = settingThatNames(provider);
  if (provider === undefined || variable === undefined) return;
  notice(
    `${what} to ${printable(labelOf(provider.name, provider.store))}, which ${printable(variable)} names.`,
  );
}
