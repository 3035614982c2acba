export { callContext } from './call-context.ts';
export type {
  ConformanceCapabilities,
  ConformanceFaults,
  ConformanceHarness,
  ConformanceSubject,
  ConformanceTest,
  Induce,
} from './conformance/harness.ts';
export { conformanceTests } from './conformance.ts';
export type { CuttingProxy, LineState } from './cutting-proxy.ts';
export { cuttingProxy } from './cutting-proxy.ts';
export { denyAccess, withoutPrivileges } from './deny-access.ts';
export type { Fault, FaultyServer } from './faulty-server.ts';
export { faultyServer } from './faulty-server.ts';
export type { ReceivedRequest } from './http-requests.ts';
export { assertNoLeak, leaksOf } from './leaks.ts';
export type { ManualClock } from './manual-clock.ts';
export { manualClock } from './manual-clock.ts';
export type { MotoServer } from './moto-server.ts';
export { startMotoServer } from './moto-server.ts';
export type { PostgresServer } from './postgres-server.ts';
export { startPostgresServer } from './postgres-server.ts';
export { findVaultBinary } from './vault-binary.ts';
export type { VaultCluster, VaultClusterOptions, VaultNode } from './vault-cluster.ts';
export { startVaultCluster } from './vault-cluster.ts';
export type {
  VaultAnswer,
  VaultBody,
  VaultRequestOptions,
  VaultServer,
  VaultServerOptions,
  VaultTokenOptions,
} from './vault-server.ts';
export { startVaultServer } from './vault-server.ts';
