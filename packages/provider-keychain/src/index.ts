export type { KeychainProviderOptions } from './keychain-provider.ts';
export { keychainProvider } from './keychain-provider.ts';
