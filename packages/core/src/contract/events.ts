/**
 * What the chain reports besides its answers: typed events, the same on `node:diagnostics_channel` as
 * `keyfall:<type>`, and a process warning for notices without a listener. Names, providers
 * and durations; never values.
 */
import type { SecretErrorCode, SecretIssue } from './secret-error.ts';

/** The events of a chain by type, with their facts. */
export interface SecretsEvents {
  /**
   * An answer is second-hand: once per outage, when the first one is served.
   * `reason`: `unavailable`, `missing-document` (the store answers, but holds nothing at this path),
   * `denied` (only with `onDenied: 'next'`), or `unconfigured` (an address, a token or a path is missing; only with
   * `ifUnconfigured: 'skip'`).
   */
  readonly fallback: {
    readonly provider: string;
    readonly store: string;
    readonly reason: 'unavailable' | 'missing-document' | 'denied' | 'unconfigured';
    readonly code?: SecretErrorCode;
    /** What the provider said, in one clause. */
    readonly detail: string;
    /** Who answered instead: a provider's name, `last-good` for this one's last good value, or `none`. */
    readonly answeredBy: string;
    /** The names that this first call served second-hand. */
    readonly names: readonly string[];
  };
  /** The provider of an earlier `fallback` answers again. `after` is the outage's length in milliseconds. */
  readonly recovered: {
    readonly provider: string;
    readonly store: string;
    readonly after: number;
  };
  /**
   * A provider refused: denied, not authenticated, or its certificate is not trusted. Reported once,
   * until it refuses for another reason or after `allowed`. `count`: how many calls were refused since the last report,
   * this one included.
   */
  readonly denied: {
    readonly provider: string;
    readonly store: string;
    readonly code: SecretErrorCode;
    readonly detail: string;
    readonly count: number;
  };
  /**
   * The provider of an earlier `denied` gives what it refused. `code`: how it refused last; `after`: for
   * how long, in milliseconds; `count`: how many calls were refused since that was reported.
   */
  readonly allowed: {
    readonly provider: string;
    readonly store: string;
    readonly code: SecretErrorCode;
    readonly after: number;
    readonly count: number;
  };
  /** A read failed, for any reason; a refusal is also reported as `denied`. `duration` in milliseconds. */
  readonly failed: {
    readonly provider: string;
    readonly store: string;
    readonly code: SecretErrorCode;
    readonly detail: string;
    readonly duration: number;
  };
  /** A provider was read. `duration` in milliseconds. */
  readonly refreshed: {
    readonly provider: string;
    readonly names: number;
    readonly duration: number;
  };
  /** A name holds another value than at the last read, is new, or is gone; or it was written here. */
  readonly changed: {
    readonly provider: string;
    readonly name: string;
    readonly versionBefore?: string;
    readonly versionAfter?: string;
  };
  /**
   * The stores have answered, and a view's schema refuses what they answer: the view keeps the last values that it
   * accepted. Reported once for each set of reasons.
   */
  readonly rejected: {
    /** The name of the chain. */
    readonly chain: string;
    /** What is wrong, in one clause. */
    readonly detail: string;
    /** What is wrong with each name, as in the error of `load`. */
    readonly issues: readonly SecretIssue[];
  };
  /** Something about a provider's set-up that the user should know. */
  readonly warning: { readonly provider: string; readonly message: string };
}

/** The name of an event of a chain. */
export type SecretsEventType = keyof SecretsEvents;

/** The names of all events. */
export const eventTypes: readonly SecretsEventType[] = [
  'fallback',
  'recovered',
  'denied',
  'allowed',
  'failed',
  'refreshed',
  'changed',
  'rejected',
  'warning',
];

/** An event with its type. */
export type SecretsEvent = {
  [Type in SecretsEventType]: { readonly type: Type } & SecretsEvents[Type];
}[SecretsEventType];
