export { assertOptions } from './arguments/assert-options.ts';
export type { Clock } from './calls/clock.ts';
export { systemClock } from './calls/clock.ts';
export type { Duration } from './calls/duration.ts';
export { toMilliseconds } from './calls/duration.ts';
export type { CallBounds } from './calls/limited-call.ts';
export { createSecrets } from './chain/create-secrets.ts';
export { describeExplanation, describeStatus } from './chain/describe.ts';
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
} from './chain/secrets.ts';
export type { SecretsEvent, SecretsEvents, SecretsEventType } from './contract/events.ts';
export type {
  Applied,
  ProviderAttempt,
  SecretErrorChanges,
  SecretErrorCode,
  SecretErrorDetails,
  SecretSetting,
} from './contract/secret-error.ts';
export { isSecretError, SecretError, withApplied } from './contract/secret-error.ts';
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
  StorePlace,
  WriteContext,
  WriteReceipt,
} from './contract/secret-provider.ts';
export { labelOf, limitedCall } from './for-strangers.ts';
export type { LoadOptions } from './loading/load.ts';
export type { StandardSchemaV1 } from './loading/standard-schema.ts';
export type { WithMappingOptions } from './providers/composition.ts';
export { readOnly, withDefaults, withMapping, withPrefix } from './providers/composition.ts';
export type { EnvProviderOptions } from './providers/env-provider.ts';
export { envProvider } from './providers/env-provider.ts';
export { failedCheck } from './providers/failed-check.ts';
export type { MemoryProviderOptions } from './providers/memory-provider.ts';
export { memoryProvider } from './providers/memory-provider.ts';
export type { PollOptions } from './providers/poll-for-changes.ts';
export { pollForChanges } from './providers/poll-for-changes.ts';
export type { ChunkRedactor, Redactor, RedactorOptions } from './redaction/redactor.ts';
export { createRedactor } from './redaction/redactor.ts';
export { Secret } from './redaction/secret.ts';
export { nearNames } from './words/near-names.ts';
export type { TextPairs } from './words/text-pairs.ts';
