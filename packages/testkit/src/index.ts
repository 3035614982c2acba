export { findVaultBinary } from './vault-binary.ts';
export type {
  VaultAnswer,
  VaultBody,
  VaultRequestOptions,
  VaultServer,
  VaultServerOptions,
  VaultTokenOptions,
} from './vault-server.ts';
export { startVaultServer } from './vault-server.ts';
