/**
 * Applications that log in by AppRole.
 */
import type { VaultServer } from '@keyfall/testkit';
import { freshPath } from '../harness.ts';

/** Makes a fresh role with these settings, and its secret id; with `wrap` the token that wraps that. */
export type NewRole = (
  settings: object,
  wrap?: boolean,
) => Promise<{ roleId: string; secret: string }>;

/**
 * Enables AppRole on a server, for roles of one policy.
 *
 * @param canaries - is given every credential that is made
 */
export async function appRoles(
  server: VaultServer,
  policy: string,
  canaries: string[],
): Promise<NewRole> {
  await server.request('POST', 'sys/auth/approle', { type: 'approle' });
  return async (settings, wrap = false) => {
    const role = `auth/approle/role/${freshPath()}`;
    await server.request('POST', role, { token_policies: policy, ...settings });
    const read = await server.request('GET', `${role}/role-id`);
    const headers = wrap ? { 'X-Vault-Wrap-TTL': '60s' } : {};
    const made = await server.request('POST', `${role}/secret-id`, {}, { headers });
    const secret = String(wrap ? made.body.wrap_info?.token : made.body.data?.['secret_id']);
    canaries.push(secret);
    return { roleId: String(read.body.data?.['role_id']), secret };
  };
}
