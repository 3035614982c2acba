/**
 * `@keyfall/provider-vault/kv`: a KV engine by its own verbs, for scripts and tools beside a chain.
 */
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
