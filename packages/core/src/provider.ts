/**
 * `@keyfall/core/provider`: what the author of a provider needs, the contract and the helpers that every
 * provider here is built with. An application does not need it.
 */
export type { ArgumentKind } from './arguments/arguments.ts';
export type { OptionKind, OptionKinds } from './arguments/assert-options.ts';
export { assertOptions } from './arguments/assert-options.ts';
export type { Clock } from './calls/clock.ts';
export { systemClock } from './calls/clock.ts';
export { deadlineIn } from './calls/deadline.ts';
export type { Duration } from './calls/duration.ts';
export type { CallBounds } from './calls/limited-call.ts';
export { type AnsweredRequest, answerError } from './contract/answer-error.ts';
export type { OptionSchema, OptionsSchema } from './contract/options-schema.ts';
export { durationSchema } from './contract/options-schema.ts';
export type {
  Applied,
  SecretErrorCode,
  SecretErrorDetails,
  SecretSetting,
} from './contract/secret-error.ts';
export { isSecretError, SecretError } from './contract/secret-error.ts';
export type {
  NameReading,
  ProviderCheck,
  ReadContext,
  ReferenceHop,
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
export { withApplied } from './contract/with-applied.ts';
export { labelOf, limitedCall, nearNames, toMilliseconds } from './for-strangers.ts';
export { checked } from './providers/checked.ts';
export type { Page, PagesSubject } from './providers/each-page.ts';
export { eachPage } from './providers/each-page.ts';
export { envOptionsSchema } from './providers/env-options-schema.ts';
export { failedCheck } from './providers/failed-check.ts';
export { forEachLimited } from './providers/for-each-limited.ts';
export type { LazySettings } from './providers/lazy-settings.ts';
export { lazySettings } from './providers/lazy-settings.ts';
export type { NameEntries, NameRequests } from './providers/name-reader.ts';
export { nameReader } from './providers/name-reader.ts';
export type { NameWrites } from './providers/name-writer.ts';
export { nameWriter } from './providers/name-writer.ts';
export type { PollOptions } from './providers/poll-for-changes.ts';
export { pollForChanges } from './providers/poll-for-changes.ts';
export { unconfiguredProvider } from './providers/unconfigured-provider.ts';
