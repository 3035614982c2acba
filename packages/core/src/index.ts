export { assertOptions } from './assert-options.ts';
export type { Clock } from './clock.ts';
export { systemClock } from './clock.ts';
export type { WithMappingOptions } from './composition.ts';
export { readOnly, withDefaults, withMapping, withPrefix } from './composition.ts';
export { createSecrets } from './create-secrets.ts';
export { describeExplanation, describeStatus } from './describe.ts';
export type { Duration } from './duration.ts';
export { toMilliseconds } from './duration.ts';
export type { EnvProviderOptions } from './env-provider.ts';
export { envProvider } from './env-provider.ts';
export type { SecretsEvent, SecretsEvents, SecretsEventType } from './events.ts';
export { failedCheck } from './failed-check.ts';
export { labelOf, limitedCall } from './for-strangers.ts';
export type { CallBounds } from './limited-call.ts';
export type { LoadOptions } from './load.ts';
export type { MemoryProviderOptions } from './memory-provider.ts';
export { memoryProvider } from './memory-provider.ts';
export { nearNames } from './near-names.ts';
export type { PollOptions } from './poll-for-changes.ts';
export { pollForChanges } from './poll-for-changes.ts';
export type { ChunkRedactor, Redactor, RedactorOptions } from './redaction/redactor.ts';
export { createRedactor } from './redaction/redactor.ts';
export { Secret } from './redaction/secret.ts';
export type {
  Applied,
  ProviderAttempt,
  SecretErrorCode,
  SecretErrorDetails,
} from './secret-error.ts';
export { isSecretError, SecretError, withApplied } from './secret-error.ts';
export type {
  NameReading,
  ProviderCheck,
  ReadContext,
  SecretBatch,
  SecretChanges,
  SecretLease,
  SecretProvider,
  SecretRecord,
  SecretVersion,
  WriteContext,
  WriteReceipt,
} from './secret-provider.ts';
export type {
  CallOptions,
  ChainEntry,
  DeleteResult,
  Explanation,
  ProviderStatus,
  SecretChange,
  Secrets,
  SecretsOptions,
  SetResult,
} from './secrets.ts';
export type { StandardSchemaV1 } from './standard-schema.ts';
export type { TextPairs } from './text-pairs.ts';
