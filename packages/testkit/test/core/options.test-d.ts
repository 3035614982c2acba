// Compiled, not run: an option that may be left out may be undefined, too, so that a program with
// `exactOptionalPropertyTypes` can hand on what it may not have: `{ token: process.env.TOKEN }`.
import type {
  CallOptions,
  ChainEntry,
  EnvProviderOptions,
  LoadOptions,
  MemoryProviderOptions,
  RedactorOptions,
  SecretsOptions,
  WithMappingOptions,
} from '@keyfall/core';
import type { CallBounds, PollOptions } from '@keyfall/core/provider';

/** The names of those that may be left out and not be undefined. */
type Strict<Options> = {
  [Option in keyof Options]-?: Record<never, never> extends Pick<Options, Option>
    ? undefined extends Required<Options>[Option]
      ? never
      : Option
    : never;
}[keyof Options];

/** Compiles only if there is none. */
function assertLenient<_Strict extends never>(): void {}

assertLenient<Strict<SecretsOptions>>();
assertLenient<Strict<NonNullable<SecretsOptions['redact']>>>();
assertLenient<Strict<ChainEntry>>();
assertLenient<Strict<CallOptions>>();
assertLenient<Strict<LoadOptions>>();
assertLenient<Strict<RedactorOptions>>();
assertLenient<Strict<EnvProviderOptions>>();
assertLenient<Strict<MemoryProviderOptions>>();
assertLenient<Strict<WithMappingOptions>>();
assertLenient<Strict<PollOptions>>();
assertLenient<Strict<CallBounds>>();

// @ts-expect-error: what this test looks for
assertLenient<Strict<{ readonly strict?: string }>>();
