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
export type { ConfiguredVaultClient } from './configured-client.ts';
export type { VaultDynamicOptions } from './dynamic-provider.ts';
export { vaultDynamic } from './dynamic-provider.ts';
export type { VaultMetadata, VaultVersion } from './kv-metadata.ts';
export type {
  VaultCallOptions,
  VaultContent,
  VaultDocument,
  VaultDocumentSettings,
  VaultKv,
  VaultKvOptions,
} from './vault-kv.ts';
export { vaultKv } from './vault-kv.ts';
export { vaultProvider } from './vault-provider.ts';
export type { VaultProviderOptions } from './vault-settings.ts';
export type { VaultEnvironmentSources } from './vault-variables.ts';
export { vaultEnvironment, vaultVariableNames } from './vault-variables.ts';
