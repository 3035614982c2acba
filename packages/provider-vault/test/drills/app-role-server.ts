/**
 * A real server with one document, and applications that log in to it by AppRole.
 */
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { freshPath, readPolicy } from '../harness.ts';

export interface AppRoleServer {
  readonly server: VaultServer;
  /** A fresh role that may read the document, and its secret id; with `wrap` the token that wraps that. */
  newRole(settings: object, wrap?: boolean): Promise<{ roleId: string; secret: string }>;
}

/** @param canaries - is given every credential that is made */
export async function startAppRoleServer(
  path: string,
  data: object,
  canaries: string[],
): Promise<AppRoleServer> {
  const server = await startVaultServer({ external: false });
  canaries.push(server.token);
  await server.request('POST', `secret/data/${path}`, { data });
  await server.request('POST', 'sys/auth/approle', { type: 'approle' });
  const policy = await server.createPolicy(readPolicy('secret', path));
  return {
    server,
    async newRole(settings, wrap = false) {
      const role = `auth/approle/role/${freshPath()}`;
      await server.request('POST', role, { token_policies: policy, ...settings });
      const read = await server.request('GET', `${role}/role-id`);
      const headers = wrap ? { 'X-Vault-Wrap-TTL': '60s' } : {};
      const made = await server.request('POST', `${role}/secret-id`, {}, { headers });
      const secret = String(wrap ? made.body.wrap_info?.token : made.body.data?.['secret_id']);
      canaries.push(secret);
      return { roleId: String(read.body.data?.['role_id']), secret };
    },
  };
}
