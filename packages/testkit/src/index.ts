export type {
  ConformanceCapabilities,
  ConformanceFaults,
  ConformanceHarness,
  ConformanceSubject,
  ConformanceTest,
  Induce,
} from './conformance.ts';
export { conformanceTests } from './conformance.ts';
export { assertNoLeak, leaksOf } from './leaks.ts';
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
