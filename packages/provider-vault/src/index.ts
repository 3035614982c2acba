export type { AppRoleAuthOptions } from './auth/app-role-auth.ts';
export { appRoleAuth } from './auth/app-role-auth.ts';
export type { CertAuthOptions } from './auth/cert-auth.ts';
export { certAuth } from './auth/cert-auth.ts';
export type { JwtAuthOptions, KubernetesAuthOptions } from './auth/jwt-auth.ts';
export { jwtAuth, kubernetesAuth } from './auth/jwt-auth.ts';
export type { UserpassAuthOptions } from './auth/userpass-auth.ts';
export { userpassAuth } from './auth/userpass-auth.ts';
export type {
  CredentialSource,
  VaultAuth,
  VaultLogin,
  VaultLoginContext,
} from './auth/vault-auth.ts';
export { vaultDynamicProvider } from './dynamic-provider.ts';
export type { Variables, VaultEnvironmentSources } from './environment/vault-variables.ts';
export { vaultEnvironment, vaultVariableNames } from './environment/vault-variables.ts';
export type {
  VaultConnectionOptions,
  VaultConsistencyOptions,
  VaultDynamicOptions,
  VaultMountOptions,
  VaultProviderOptions,
  VaultRetryOptions,
  VaultTlsOptions,
  VaultToken,
} from './settings/vault-options.ts';
export { vaultProvider } from './vault-provider.ts';
export type { HttpRequest, VaultWire, WireRequest, WireSender } from './wire/vault-wire.ts';
