/**
 * Logins with a user name and a password.
 * https://openbao.org/docs/auth/userpass and https://openbao.org/docs/auth/ldap
 */
import { assertOptions, type OptionKinds, SecretError } from '@keyfall/core/provider';
import { type CredentialSource, type VaultAuth, variablesOf } from './vault-auth.ts';

/** Options of {@link userpassAuth}. */
export interface UserpassAuthOptions {
  /** The user's name. */
  readonly username: string;
  /** The password. */
  readonly password: CredentialSource;
  /** Where the method is enabled: `ldap` for LDAP, which is asked in the same way. Default `userpass`. */
  readonly mount?: string | undefined;
}

const optionKinds: OptionKinds<UserpassAuthOptions> = {
  username: 'anything',
  password: 'anything',
  mount: 'text',
};

/**
 * Logs in with a user name and a password, of the method userpass, or of LDAP or RADIUS by their mount.
 *
 * @throws `ERR_SECRET_CONFIG` for no username, and for an option that there is not or of another kind
 * @example
 * ```ts
 * import { userpassAuth, vaultProvider } from '@keyfall/provider-vault';
 *
 * const provider = vaultProvider({
 *   path: 'aiogram-shop',
 *   auth: userpassAuth({ username: 'shop', password: { file: '/run/secrets/vault-password' } }),
 * });
 * ```
 */
export function userpassAuth(options: UserpassAuthOptions): VaultAuth {
  assertOptions(options, 'userpassAuth', optionKinds);
  const { username, password, mount = 'userpass' } = options;
  if (typeof username !== 'string' || username === '')
    throw new SecretError('ERR_SECRET_CONFIG', 'the option username of userpassAuth is no name', {
      hint: 'Give the name of the user.',
      setting: { option: 'auth' },
    });
  return {
    name: mount === 'ldap' ? 'LDAP' : 'userpass',
    credentialVariables: variablesOf(password),
    async login(context) {
      return {
        path: `auth/${mount}/login/${username}`,
        body: { password: await context.read(password, 'the password') },
      };
    },
  };
}
