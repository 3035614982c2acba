export { callContext } from './call-context.ts';
export { conformanceTests } from './conformance/conformance.ts';
export type {
  ConformanceCapabilities,
  ConformanceFault,
  ConformanceFaults,
  ConformanceHarness,
  ConformanceSubject,
  ConformanceTest,
  HttpAnswer,
  Induce,
  OneNameFaults,
} from './conformance/harness.ts';
export { assertNoLeak, leaksOf } from './conformance/leaks.ts';
export type {
  ControllableProvider,
  ControllableProviderOptions,
  ProviderCall,
} from './controllable-provider.ts';
export { controllableProvider } from './controllable-provider.ts';
export { denyAccess, withoutPrivileges } from './machine/deny-access.ts';
export { freePort } from './machine/free-port.ts';
export type { TemporaryFolder } from './machine/temporary-folder.ts';
export { temporaryFolder } from './machine/temporary-folder.ts';
export type { ManualClock } from './manual-clock.ts';
export { manualClock } from './manual-clock.ts';
export type { CuttingProxy, CuttingProxyOptions, LineState } from './servers/cutting-proxy.ts';
export { cuttingProxy } from './servers/cutting-proxy.ts';
export type { DrongoServer } from './servers/drongo-server.ts';
export { startDrongoServer } from './servers/drongo-server.ts';
export type { Fault, FaultyServer } from './servers/faulty-server.ts';
export { faultyServer } from './servers/faulty-server.ts';
export type { ReceivedRequest } from './servers/http-requests.ts';
export type { KeyringSession } from './servers/keyring-session.ts';
export { missingKeyringPrograms, startKeyringSession } from './servers/keyring-session.ts';
export type {
  KubernetesAccount,
  KubernetesAnswer,
  KubernetesServer,
} from './servers/kubernetes-server.ts';
export { missingKubernetesPrograms, startKubernetesServer } from './servers/kubernetes-server.ts';
export type { MotoServer } from './servers/moto-server.ts';
export { startMotoServer } from './servers/moto-server.ts';
export type { PostgresServer } from './servers/postgres-server.ts';
export { startPostgresServer } from './servers/postgres-server.ts';
export type { StartVaultOptions, VaultForTests } from './servers/start-vault.ts';
export { startVault } from './servers/start-vault.ts';
export { findVaultBinary } from './servers/vault-binary.ts';
export type { VaultCluster, VaultClusterOptions, VaultNode } from './servers/vault-cluster.ts';
export { startVaultCluster } from './servers/vault-cluster.ts';
export type {
  VaultAnswer,
  VaultBody,
  VaultRequestOptions,
  VaultServer,
  VaultServerOptions,
  VaultTokenOptions,
} from './servers/vault-server.ts';
export { sharedVaultServer, startVaultServer } from './servers/vault-server.ts';
