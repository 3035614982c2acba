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
export type { VaultProvider } from './vault-provider.ts';
export { vaultProvider } from './vault-provider.ts';
export type { VaultProviderOptions } from './vault-settings.ts';
export type { VaultEnvironmentSources } from './vault-variables.ts';
export { vaultEnvironment, vaultVariableNames } from './vault-variables.ts';
