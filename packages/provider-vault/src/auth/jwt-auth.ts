/**
 * Logins with a signed token that a third party vouches for: a CI system, a cloud, Kubernetes.
 * https://openbao.org/docs/auth/jwt and https://openbao.org/docs/auth/kubernetes
 */
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import { type CredentialSource, type VaultAuth, variablesOf } from './vault-auth.ts';

/** Options of {@link jwtAuth}. */
export interface JwtAuthOptions {
  /** The role. Left out: the method's default role. */
  readonly role?: string | undefined;
  /** The JWT: from a file that its issuer rotates, or from a function that asks for a new one. */
  readonly jwt: CredentialSource;
  /** Where the method is enabled. Default `jwt`. */
  readonly mount?: string | undefined;
}

/** Options of {@link kubernetesAuth}. */
export interface KubernetesAuthOptions {
  /** The role of the service account. */
  readonly role: string;
  /**
   * The service account's token. Default: the file
   * `/var/run/secrets/kubernetes.io/serviceaccount/token`. A projected token with an audience of its own
   * is the better one: the role's `audience` must be the same.
   */
  readonly jwt?: CredentialSource | undefined;
  /** Where the method is enabled. Default `kubernetes`. */
  readonly mount?: string | undefined;
}

const optionKinds: OptionKinds<JwtAuthOptions> = { role: 'text', jwt: 'anything', mount: 'text' };

/**
 * Logs in with a JWT or OIDC token of a machine.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another kind
 * @example
 * ```ts
 * import { jwtAuth, vaultProvider } from '@keyfall/provider-vault';
 *
 * const provider = vaultProvider({
 *   path: 'aiogram-shop',
 *   auth: jwtAuth({ role: 'ci', jwt: { env: 'CI_JOB_JWT' } }),
 * });
 * ```
 */
export function jwtAuth(options: JwtAuthOptions): VaultAuth {
  assertOptions(options, 'jwtAuth', optionKinds);
  const { role, jwt, mount = 'jwt' } = options;
  return methodOf('JWT', mount, role, jwt);
}

/**
 * Logs in as the service account of a pod.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another kind
 * @example
 * ```ts
 * import { kubernetesAuth, vaultProvider } from '@keyfall/provider-vault';
 *
 * const provider = vaultProvider({ path: 'aiogram-shop', auth: kubernetesAuth({ role: 'shop' }) });
 * ```
 */
export function kubernetesAuth(options: KubernetesAuthOptions): VaultAuth {
  assertOptions(options, 'kubernetesAuth', optionKinds);
  const { role, mount = 'kubernetes' } = options;
  const { jwt = { file: '/var/run/secrets/kubernetes.io/serviceaccount/token' } } = options;
  return methodOf('Kubernetes', mount, role, jwt);
}

function methodOf(
  name: string,
  mount: string,
  role: string | undefined,
  source: CredentialSource,
): VaultAuth {
  return {
    name,
    credentialVariables: variablesOf(source),
    async login(context) {
      // a line break at its end would travel on to the server that checks it
      const jwt = (await context.read(source, 'the JWT')).trim();
      return { path: `auth/${mount}/login`, body: role === undefined ? { jwt } : { role, jwt } };
    },
  };
}
