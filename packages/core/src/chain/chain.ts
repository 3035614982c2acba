/**
 * The chain: asks the providers in order, and decides by the kind of each answer whether to stop, to
 * go on, or to fail.
 *
 * | a provider's answer | what the chain does |
 * | --- | --- |
 * | holds it | stop: this is the answer |
 * | does not hold it | ask the next |
 * | could not be asked | its last good value while that is young enough, else ask the next, and say so; `required`: fail |
 * | its whole document is not there | ask the next, and say so; `required`: fail |
 * | it is not configured | fail; `ifUnconfigured: 'skip'`: ask the next, and say so |
 * | denied, not authenticated | fail; `onDenied: 'next'`: ask the next, and say so |
 * | certificate not trusted, broken content, a defect of the provider, wrong configuration | fail, always |
 *
 * One on standby is asked only when one before it could not be asked, or refused and `onDenied` let the chain go on: while the
 * others answer, nothing depends on it.
 */

import { wrongArgument } from '../arguments/arguments.ts';
import type { Clock } from '../calls/clock.ts';
import { deadlineIn } from '../calls/deadline.ts';
import type { SecretsEvents } from '../contract/events.ts';
import {
  errorWith,
  isSecretError,
  type ProviderAttempt,
  SecretError,
} from '../contract/secret-error.ts';
import type { SecretBatch, SecretRecord } from '../contract/secret-provider.ts';
import { labelOf } from '../words/label.ts';
import type { Answer } from './answer.ts';
import type { CachedProvider } from './cached-provider.ts';
import type { Notifier } from './notifier.ts';

/** What a chain is made of. */
export interface ChainOptions {
  readonly providers: readonly CachedProvider[];
  /** Name of a secret to name of the one provider that may answer for it. */
  readonly only: ReadonlyMap<string, string>;
  /** Milliseconds that one question to the whole chain may take. */
  readonly budget: number;
  readonly clock: Clock;
  readonly notifier: Notifier;
}

/** What the chain found for one name, with what each provider said. */
export type Resolution = { readonly attempts: readonly ProviderAttempt[] } & (
  | {
      readonly kind: 'found';
      readonly cached: CachedProvider;
      readonly record: SecretRecord;
      /** Milliseconds since it was read. */
      readonly age: number;
      readonly freshness: 'fresh' | 'stale' | 'fallback';
      /** Milliseconds for which the same question has the same answer; 0 if it must be asked again. */
      readonly freshFor: number;
      /** Why the answer is second-hand, where it is. */
      readonly degraded: string | undefined;
    }
  /** Every provider answered "not here". */
  | {
      readonly kind: 'missing';
      readonly error: SecretError;
      /** Set if the document of each of them is missing; `optional` if that is normal. */
      readonly nowhere?: { readonly optional: boolean };
    }
  | { readonly kind: 'failed'; readonly error: SecretError }
);

/** Why the chain went on to the next provider, which must be reported. */
export interface FallbackCause {
  readonly cached: CachedProvider;
  readonly reason: SecretsEvents['fallback']['reason'];
  /** What the provider said, in one clause. */
  readonly detail: string;
  /** Why it could not answer; left out if it did, and its document is missing. */
  readonly error?: SecretError;
}

/**
 * The part of the budget that is reserved for each later provider when an earlier one is silent; less in a long
 * chain, where at most half is reserved for all of them together.
 */
const reserve = 0.1;

export class Chain {
  readonly providers: readonly CachedProvider[];
  /** The names that may come from one provider alone, each with its name. */
  readonly only: ReadonlyMap<string, string>;
  readonly #options: ChainOptions;

  constructor(options: ChainOptions) {
    this.#options = options;
    this.providers = options.providers;
    this.only = options.only;
  }

  /** Whether `cached` may answer for `name`. */
  allows(cached: CachedProvider, name: string): boolean {
    const bound = this.only.get(name);
    return bound === undefined || bound === cached.provider.name;
  }

  /**
   * Finds the provider that holds `name`. Does not reject.
   *
   * @param maxAge - milliseconds; an older answer is read again
   */
  async resolve(
    name: string,
    signal: AbortSignal | undefined,
    maxAge?: number,
  ): Promise<Resolution> {
    const { providers } = this;
    const timeoutOf = this.timeouts();
    const attempts: ProviderAttempt[] = [];
    const causes: FallbackCause[] = [];
    const absences: SecretBatch['missingDocument'][] = [];
    let freshFor = Number.POSITIVE_INFINITY;
    for (const [position, cached] of providers.entries()) {
      if (!this.allows(cached, name)) {
        attempts.push(attempt(cached, 'skipped', 'may not answer for this name'));
        continue;
      }
      if (cached.standby && !causes.some(couldNotAnswer)) {
        attempts.push(attempt(cached, 'skipped', 'is on standby and was not needed'));
        continue;
      }
      const answer = await cached.ask(name, { signal, timeout: timeoutOf(position) }, maxAge);
      attempts.push(attemptOf(cached, answer));
      freshFor = Math.min(freshFor, 'freshFor' in answer ? answer.freshFor : 0);
      if (answer.kind === 'held' || answer.kind === 'stale') {
        for (const later of providers.slice(position + 1))
          attempts.push(attempt(later, 'skipped', 'was not asked'));
        return this.#found(name, cached, { ...answer, freshFor }, causes, attempts);
      }
      if (answer.kind === 'absent') absences.push(answer.missingDocument);
      const classified = classifyAnswer(cached, answer);
      if (isSecretError(classified))
        return { kind: 'failed', error: failure(name, cached, classified, attempts), attempts };
      if (classified) causes.push(classified);
    }
    const unknown = causes.find((cause) => cause.error);
    if (unknown?.error)
      return {
        kind: 'failed',
        error: failure(name, unknown.cached, unknown.error, attempts),
        attempts,
      };
    this.reportFallback(causes, [name], 'none');
    const nowhere = absences.every((missing) => missing !== undefined);
    const optional = absences.every((missing) => missing?.optional);
    return {
      kind: 'missing',
      error: notFound(name, attempts),
      ...(nowhere && { nowhere: { optional } }),
      attempts,
    };
  }

  #found(
    name: string,
    cached: CachedProvider,
    answer: Extract<Answer, { kind: 'held' | 'stale' }> & { readonly freshFor: number },
    causes: readonly FallbackCause[],
    attempts: readonly ProviderAttempt[],
  ): Resolution {
    const { record, age, freshFor } = answer;
    this.reportFallback(causes, [name], cached.provider.name);
    const stale = answer.kind === 'stale' ? outage(cached, answer.error) : undefined;
    if (stale) this.reportFallback([stale], [name], 'last-good');
    const cause = causes[0] ?? stale;
    const degraded = cause
      ? degradation(cause)
      : answer.kind === 'held'
        ? answer.degraded
        : undefined;
    const freshness =
      causes.length > 0 ? 'fallback' : stale ? 'stale' : degraded ? 'fallback' : 'fresh';
    return { kind: 'found', cached, record, age, freshFor, freshness, degraded, attempts };
  }

  /** Reports why the chain went on, and which provider answered for which names instead. */
  reportFallback(
    causes: readonly FallbackCause[],
    names: readonly string[],
    answeredBy: string,
  ): void {
    for (const { cached, reason, detail, error } of causes)
      this.#options.notifier.fallBack(cached.provider, {
        reason,
        detail,
        names,
        answeredBy,
        ...(error && { code: error.code }),
      });
  }

  /** The timeout of the provider at each position: the rest of the budget, less what is reserved for those after it. */
  timeouts(): (position: number) => number {
    const { providers, budget, clock } = this.#options;
    const remaining = deadlineIn(budget, clock);
    const kept = budget * Math.min(reserve, 0.5 / providers.length);
    return (position) => Math.max(0, remaining() - (providers.length - 1 - position) * kept);
  }
}

/** Whether the chain may go past an answer: `undefined` freely, a `FallbackCause` with a notice, else not. */
export function classifyAnswer(
  cached: CachedProvider,
  answer:
    | {
        readonly kind: 'absent' | 'held' | 'stale';
        readonly missingDocument?: SecretBatch['missingDocument'];
      }
    | { readonly kind: 'failed'; readonly error: SecretError },
): FallbackCause | SecretError | undefined {
  if (answer.kind !== 'failed') {
    const { missingDocument } = answer;
    if (!missingDocument || missingDocument.optional) return undefined;
    const detail = missingDocument.description;
    if (missingDocument.unconfigured) return { cached, reason: 'unconfigured', detail };
    if (!cached.required) return { cached, reason: 'missing-document', detail };
    return new SecretError('ERR_SECRET_NOT_FOUND', `it ${detail}, and it is required`, {
      hint: 'Check the path for a typing error.',
    });
  }
  return classifyFailure(cached, answer.error);
}

/** The same of a failure. */
export function classifyFailure(
  cached: CachedProvider,
  error: SecretError,
): FallbackCause | SecretError {
  return cached.allowsFallback(error) ? outage(cached, error) : error;
}

/** Whether the provider gave no answer, as opposed to answering that it holds nothing. */
export function couldNotAnswer({ error }: FallbackCause): boolean {
  return error !== undefined;
}

export function outage(cached: CachedProvider, error: SecretError): FallbackCause {
  const reason = error.code === 'ERR_SECRET_UNAVAILABLE' ? 'unavailable' : 'denied';
  return { cached, reason, detail: error.reason, error };
}

export function degradation({ cached, detail }: FallbackCause): string {
  return `${cached.label}: ${detail}`;
}

function attempt(
  { provider: { name: provider, store } }: CachedProvider,
  outcome: ProviderAttempt['outcome'],
  reason?: string,
  more?: Pick<ProviderAttempt, 'code' | 'age'>,
): ProviderAttempt {
  return { provider, store, outcome, ...(reason && { reason }), ...more };
}

function attemptOf(cached: CachedProvider, answer: Answer): ProviderAttempt {
  const { kind, age } = answer;
  if (kind === 'held') return attempt(cached, kind, answer.degraded, { age });
  if (kind === 'absent')
    return attempt(cached, kind, answer.missingDocument?.description ?? 'does not hold it', {
      age,
    });
  const { code, reason } = answer.error;
  return attempt(cached, kind, reason, { code, age });
}

/** The chain's error for a provider's: the same facts, with the name and what every provider said. */
export function failure(
  name: string | undefined,
  cached: CachedProvider,
  error: SecretError,
  attempts?: readonly ProviderAttempt[],
  done: 'read' | 'written' | 'deleted' = 'read',
): SecretError {
  const { code, applied } = error;
  // the caller aborted: no provider is to blame
  if (code === 'ERR_SECRET_ABORTED') return error;
  const names = name ?? 'the secrets';
  const what =
    applied === 'unknown'
      ? `${names} may have been ${done} all the same`
      : applied === 'yes'
        ? `an error came after ${names} had been ${done}`
        : `${names} could not be ${done}`;
  return errorWith(error, {
    reason: `${what}: ${cached.label}: ${error.reason}`,
    provider: error.provider ?? cached.provider.name,
    secretName: name,
    attempts,
  });
}

function notFound(name: string, attempts: readonly ProviderAttempt[]): SecretError {
  const asked = attempts.filter(({ outcome }) => outcome !== 'skipped');
  const said = asked.map(({ provider, store, reason }) => `${labelOf(provider, store)} ${reason}`);
  const what =
    asked.length === 1
      ? `${name} was not found`
      : `${name} was found in none of ${asked.length} providers`;
  return new SecretError('ERR_SECRET_NOT_FOUND', `${what}: ${said.join('; ')}`, {
    secretName: name,
    hint: `Store it with \`keyfall set ${name}\`.`,
    attempts,
  });
}

/** @throws `ERR_SECRET_CONFIG` if it cannot be the name of a secret */
export function assertName(name: string): void {
  if (typeof name !== 'string' || name === '')
    throw wrongArgument('the name of a secret', 'text, and not empty');
}
