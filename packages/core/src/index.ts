export type { TextPairs } from './arguments/text-pairs.ts';
export type { Clock } from './calls/clock.ts';
export { systemClock } from './calls/clock.ts';
export type { Duration } from './calls/duration.ts';
export { createSecrets } from './chain/create-secrets.ts';
export { describeExplanation, describeStatus } from './chain/describe.ts';
export type {
  CallOptions,
  ChainEntry,
  DeleteResult,
  Explanation,
  Falsy,
  GetOptions,
  ProviderStatus,
  SecretChange,
  Secrets,
  SecretsOptions,
  SetResult,
} from './chain/secrets.ts';
export type { SecretsEvent, SecretsEvents, SecretsEventType } from './contract/events.ts';
export { httpStatusOf } from './contract/http-status.ts';
export type {
  Applied,
  ProviderAttempt,
  SecretErrorChanges,
  SecretErrorCode,
  SecretErrorDetails,
  SecretIssue,
  SecretSetting,
  ThrownFacts,
} from './contract/secret-error.ts';
export { isSecretError, SecretError } from './contract/secret-error.ts';
export type { ReferenceHop } from './contract/secret-provider.ts';
export type { LoadOptions } from './loading/load.ts';
export type { StandardSchemaV1 } from './loading/standard-schema.ts';
export type { WithMappingOptions } from './providers/composition.ts';
export { readOnly, withDefaults, withMapping, withPrefix } from './providers/composition.ts';
export type { EnvProviderOptions } from './providers/env-provider.ts';
export { envProvider } from './providers/env-provider.ts';
export type { MemoryProviderOptions } from './providers/memory-provider.ts';
export { memoryProvider } from './providers/memory-provider.ts';
export type { ChunkRedactor, Redactor, RedactorOptions } from './redaction/redactor.ts';
export { createRedactor } from './redaction/redactor.ts';
export { Secret } from './redaction/secret.ts';
export type { ReferenceTarget } from './references/with-references.ts';
export { isReference, withReferences } from './references/with-references.ts';
