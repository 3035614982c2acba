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
export type { VaultDynamicOptions } from './dynamic-provider.ts';
export { vaultDynamic } from './dynamic-provider.ts';
export type { VaultEnvironmentSources } from './environment/vault-variables.ts';
export { vaultEnvironment, vaultVariableNames } from './environment/vault-variables.ts';
export type { VaultMetadata, VaultVersion } from './kv/kv-metadata.ts';
export type {
  VaultCallOptions,
  VaultContent,
  VaultDocument,
  VaultDocumentSettings,
  VaultKv,
  VaultKvOptions,
} from './kv/vault-kv.ts';
export { vaultKv } from './kv/vault-kv.ts';
export type { ConfiguredVaultClient } from './settings/configured-client.ts';
export type { VaultProviderOptions } from './settings/vault-settings.ts';
export { vaultProvider } from './vault-provider.ts';
