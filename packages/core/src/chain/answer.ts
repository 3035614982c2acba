/**
 * What one provider answers in its chain, once caching, sharing and time limits have had their say.
 */
import type { SecretError } from '../contract/secret-error.ts';
import type { SecretBatch, SecretRecord } from '../contract/secret-provider.ts';

/** What a provider answers for one name. */
export type Answer =
  | {
      readonly kind: 'held';
      readonly record: SecretRecord;
      /** Milliseconds since it was read. */
      readonly age: number;
      /** Milliseconds that it stays fresh without another look at the clocks; 0 if it must be looked at. */
      readonly freshFor: number;
      /** Why it is second-hand, where the provider is a chain that fell back itself. */
      readonly degraded?: string | undefined;
    }
  | {
      readonly kind: 'absent';
      readonly age: number;
      readonly freshFor: number;
      readonly missingDocument?: SecretBatch['missingDocument'];
    }
  /** It could not be asked; this is its last good value. */
  | {
      readonly kind: 'stale';
      readonly record: SecretRecord;
      readonly age: number;
      readonly error: SecretError;
    }
  | { readonly kind: 'failed'; readonly age: number; readonly error: SecretError };

/** What a provider answers when it is asked for everything. */
export type WholeAnswer =
  | {
      readonly kind: 'held';
      readonly entries: ReadonlyMap<string, SecretRecord | SecretError>;
      readonly missingDocument?: SecretBatch['missingDocument'];
      readonly degraded?: string | undefined;
      readonly revision?: string | undefined;
    }
  | {
      readonly kind: 'stale';
      readonly entries: ReadonlyMap<string, SecretRecord>;
      readonly error: SecretError;
    }
  | { readonly kind: 'failed'; readonly error: SecretError };
