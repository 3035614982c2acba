/**
 * Logins with the TLS certificate of the connection.
 * https://openbao.org/docs/auth/cert
 */
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import type { VaultAuth } from './vault-auth.ts';

/** Options of {@link certAuth}. */
export interface CertAuthOptions {
  /** The role's name. Left out: the server takes the first whose authority signed the certificate. */
  readonly role?: string | undefined;
  /** Where the method is enabled. Default `cert`. */
  readonly mount?: string | undefined;
}

const optionKinds: OptionKinds<CertAuthOptions> = { role: 'text', mount: 'text' };

/**
 * Logs in with the certificate that the provider's `tls.cert` and `tls.key` name.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another kind
 * @example
 * ```ts
 * import { certAuth, vaultProvider } from '@keyfall/provider-vault';
 *
 * const provider = vaultProvider({
 *   path: 'aiogram-shop',
 *   tls: { cert: '/etc/shop/tls.crt', key: '/etc/shop/tls.key' },
 *   auth: certAuth({ role: 'shop' }),
 * });
 * ```
 */
export function certAuth(options: CertAuthOptions = {}): VaultAuth {
  assertOptions(options, 'certAuth', optionKinds);
  const { role, mount = 'cert' } = options;
  return {
    name: 'TLS certificate',
    login: () => ({ path: `auth/${mount}/login`, body: role === undefined ? {} : { name: role } }),
  };
}
