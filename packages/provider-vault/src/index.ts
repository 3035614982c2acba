export type { VaultDynamicOptions } from './dynamic-provider.ts';
export { vaultDynamic } from './dynamic-provider.ts';
export { vaultProvider } from './vault-provider.ts';
export type { VaultProviderOptions } from './vault-settings.ts';
export type { VaultEnvironmentSources } from './vault-variables.ts';
export { vaultEnvironment, vaultVariableNames } from './vault-variables.ts';
