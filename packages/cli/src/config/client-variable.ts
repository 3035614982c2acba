/**
 * The variables of Vault's and OpenBao's own clients.
 */

/** The variable of a setting such as `ADDR`, as OpenBao's client reads it: `BAO_X` before `VAULT_X`, even one that is empty. */
export function clientVariable(
  env: Readonly<Record<string, string | undefined>>,
  setting: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const name of [`BAO_${setting}`, `VAULT_${setting}`]) {
    const value = env[name];
    if (value !== undefined) return { name, value };
  }
  return undefined;
}
