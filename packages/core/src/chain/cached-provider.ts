/**
 * One provider of a chain with all that the chain knows of it: what it said last, the reads under
 * way, and whether it can be asked at all. It gathers the names asked for in one tick into one read,
 * shares a read among all callers that wait, and answers every name with one of four answers.
 *
 * It is long because it is one state: cache, reads under way, circuit and what failed change together
 * with each read, and no part of them means anything without the others.
 */

import type { Clock } from '../calls/clock.ts';
import { deadlineIn } from '../calls/deadline.ts';
import { limitedCall } from '../calls/limited-call.ts';
import { closedError, isSecretError, type SecretError } from '../contract/secret-error.ts';
import type {
  ReadContext,
  SecretBatch,
  SecretProvider,
  SecretRecord,
} from '../contract/secret-provider.ts';
import { labelOf } from '../words/label.ts';
import type { Answer, WholeAnswer } from './answer.ts';
import {
  AnswerCache,
  type CachedAnswer,
  type CachedStore,
  type CacheLifetimes,
  evictOldest,
  type ReadAt,
} from './answer-cache.ts';
import { Circuit } from './circuit.ts';
import type { Notifier } from './notifier.ts';
import { isRefusal, Refusals } from './refusals.ts';
import type { ChainEntry, ProviderStatus } from './secrets.ts';
import { type ReadOutcome, SharedRead, type WaitLimits } from './shared-read.ts';

/** A provider in its chain, with what the chain has for all of them. */
export interface CachedProviderOptions {
  readonly entry: Omit<ChainEntry, 'provider'> & { readonly provider: SecretProvider };
  /** That of the entry, in milliseconds. */
  readonly timeout: number | undefined;
  readonly lifetimes: CacheLifetimes;
  readonly clock: Clock;
  readonly notifier: Notifier;
  /** Learns every value that the provider answers, under its name. */
  readonly values: {
    /** What the provider holds now; `undefined` for nothing. */
    readonly put: (name: string, value: string | undefined) => void;
    /** What it held before, or may have. */
    readonly putPrevious: (name: string, value: string) => void;
  };
  /** Is called when an answer of the provider may be another one than before. */
  readonly changed: () => void;
}

/** How many reads of one provider may be under way; further names wait together for the next. */
const mostReads = 8;

/** Milliseconds between background refreshes of a store that answers them with a refusal. */
const refusedPause = 5_000;

/** Milliseconds for which a refusal is repeated to every caller without a new request. */
const refusalPause = 1_000;

/** How many failed names are kept: any name may be asked for. */
const mostFailing = 100;

/** Milliseconds for which a name that failed keeps an outage going, asked for again or not. */
const failingLifetime = 60_000;

/** Milliseconds that closing a provider may take. */
const closeTimeout = 5_000;

const never = Number.POSITIVE_INFINITY;

export class CachedProvider {
  readonly provider: SecretProvider;
  readonly required: boolean | undefined;
  readonly standby: boolean | undefined;
  /** How many answers came from what was read before. */
  hits = 0;
  readonly #options: CachedProviderOptions;
  readonly #cache: AnswerCache;
  readonly #circuit: Circuit;
  readonly #refusals: Refusals;
  /** Reads under way that a call may wait for, oldest first. */
  #joinable: SharedRead[] = [];
  /** The read that this tick's names go into. */
  #gathering: SharedRead | undefined;
  /** Whether a read of some names answers all: learned from the first batch. */
  #bag: boolean | undefined;
  /** What to ask without a caller: the names of the last read. */
  #lastAsked: readonly string[] | 'all' = [];
  /** Monotonic time before which a refused refresh is not tried again. */
  #refreshNotBefore = 0;
  /** Monotonic time of the last moment at which something was allowed, or may have been. */
  #askedAgain = -never;
  /** How the latest read ended: the one whose request went out last. */
  #last:
    | {
        readonly at: ReadAt;
        readonly error?: SecretError;
        /** Monotonic time at which the error came. */
        readonly failedAt?: number;
        readonly names?: number;
      }
    | undefined;
  /** Names whose last answer was an error, and when (monotonic). Old ones are let go. */
  readonly #failing = new Map<string, { readonly error: SecretError; readonly since: number }>();
  /** Reads under way, those included that no call waits for any more. */
  readonly #running = new Set<SharedRead>();
  #closed = false;

  constructor(options: CachedProviderOptions) {
    this.#options = options;
    const { entry, notifier, clock, lifetimes } = options;
    const { provider } = entry;
    this.provider = provider;
    this.required = entry.required;
    this.standby = entry.standby;
    this.#cache = new AnswerCache(clock, lifetimes, (one, other) => compared(provider, one, other));
    this.#circuit = new Circuit(clock, lifetimes.ttl, () =>
      this.#readInBackground(this.#lastAsked),
    );
    this.#refusals = new Refusals(provider, notifier, clock);
  }

  /** Name and store for a message, without saying the name twice. */
  get label(): string {
    return labelOf(this.provider.name, this.provider.store);
  }

  /** Timeout of one read, in milliseconds. */
  get timeout(): number {
    return this.#options.timeout ?? this.provider.timeout ?? 2_500;
  }

  /**
   * What the provider answers for `name`. Does not reject.
   *
   * @param maxAge - milliseconds; an answer that is as old or older is read again
   */
  async ask(
    name: string,
    { signal, timeout }: WaitLimits,
    maxAge: number = never,
  ): Promise<Answer> {
    const remaining = deadlineIn(timeout, this.#options.clock);
    for (;;) {
      const known = this.#recall(name, maxAge);
      if (known) return known;
      const failure = this.#failure ?? this.#failureOf(name);
      if (failure) {
        this.#refusals.report(failure);
        return this.#instead(name, failure);
      }
      const read = this.#readFor([name], this.#cache.lookup(name)?.at, maxAge);
      const outcome = await read.wait({ signal, timeout: remaining() });
      // what another read has found meanwhile may be newer than what this one was answered
      const newer = this.#newerThan(name, outcome);
      if (newer) return this.#answerFrom(newer);
      if (outcome.error) return this.#instead(name, outcome.error);
      const answer = this.#answerOf(name, read, outcome.batch);
      if (answer) return answer;
      // the store turned out to hold one secret a name: this one was not among those asked for
    }
  }

  /** What the provider answers for everything it holds. Does not reject. */
  async askAll({ signal, timeout }: WaitLimits): Promise<WholeAnswer> {
    const remaining = deadlineIn(timeout, this.#options.clock);
    for (;;) {
      const known = this.#cache.lookupWhole();
      if (known && known.freshness !== 'gone') {
        if (known.freshness === 'aging') this.#refresh('all');
        this.hits += 1;
        return wholeFrom(known.seen);
      }
      const failure = this.#failure;
      if (failure) {
        this.#refusals.report(failure);
        return this.#allInstead(failure);
      }
      const read = this.#readFor('all', this.#cache.whole?.at, never);
      const outcome = await read.wait({ signal, timeout: remaining() });
      const newer = outcome.at && this.#cache.newerWhole(outcome.at, outcome.batch?.revision);
      if (newer) return wholeFrom(newer);
      if (outcome.error) return this.#allInstead(outcome.error);
      const { batch, at } = outcome;
      if (batch.complete) return { kind: 'held', ...batch, entries: this.#newest(batch, at) };
    }
  }

  /**
   * Makes the next answer the store's own: what was read before is only a last good value, that of the
   * names just written not even that, and what is being read does not count.
   */
  invalidate(written: readonly string[], revision?: string): void {
    this.#cache.invalidate(written, revision);
    this.askAgain();
    for (const name of written) this.#failing.delete(name);
    this.#joinable = this.#gathering ? [this.#gathering] : [];
    this.#options.changed();
  }

  /** Something was allowed since, or may have been: what was refused is asked for again at the next call. */
  askAgain(): void {
    this.#refreshNotBefore = 0;
    this.#askedAgain = this.#options.clock.monotonic();
  }

  /** Reports that a name was written, with the version that it had before where that is known. */
  reportWritten(name: string, versionAfter: string | undefined): void {
    const before = this.#cache.lookup(name)?.record?.version;
    this.#options.notifier.change(this.provider, name, before, versionAfter);
    // so that the next read does not report the change again
    this.#cache.drop(name);
  }

  /** Asks the provider again for all that it was asked for, whatever is known and however it failed. */
  async reread(limits: WaitLimits): Promise<void> {
    if (this.#closed) return;
    const read = this.#gathering ?? this.#newRead();
    read.add(this.#lastAsked.length > 0 ? this.#lastAsked : 'all');
    // any read of a bag answers for every name
    if (this.#bag === false) read.add([...this.#cache.names()]);
    await read.wait(limits);
  }

  /** The state of the provider, as far as it is known without asking it. */
  status(): ProviderStatus {
    const { name, store } = this.provider;
    const last = this.#last;
    const latest = last?.names === 0 ? [...this.#failing.values()].at(-1) : undefined;
    const error = this.#circuit.failure ?? last?.error ?? latest?.error;
    return {
      provider: name,
      store,
      ...(this.standby && { standby: true }),
      state: error ? 'failing' : last ? 'ready' : 'unknown',
      breaker: this.#circuit.state,
      hits: this.hits,
      ...(error && { code: error.code, detail: error.reason }),
      ...(last && { age: this.#cache.age(last.at) }),
      ...(last?.names !== undefined && { names: last.names }),
    };
  }

  /** Runs one call of the provider other than `read` within the caller's limits. */
  async call<Result>(
    work: (context: ReadContext) => Promise<Result>,
    { signal, timeout }: WaitLimits,
  ): Promise<Result> {
    const { provider } = this;
    const { clock } = this.#options;
    const warn = (message: string) => this.warn(message);
    const bounds = { clock, timeout, signal, provider: provider.name, warn };
    const result = await limitedCall(work, bounds);
    this.#circuit.close();
    return result;
  }

  /** Whether the chain goes on to the next provider when this one answers `error`. */
  allowsFallback({ code }: Pick<SecretError, 'code'>): boolean {
    if (code === 'ERR_SECRET_UNAVAILABLE') return !this.required;
    const denied = code === 'ERR_SECRET_DENIED' || code === 'ERR_SECRET_UNAUTHENTICATED';
    return denied && this.#options.entry.onDenied === 'next';
  }

  /** Warns the user, once for each text. */
  warn(message: string): void {
    this.#options.notifier.warn(this.provider.name, message);
  }

  /** Ends what is under way and closes the provider. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#circuit.close();
    for (const read of [...this.#running, ...this.#joinable]) read.end(closedError());
    this.#cache.invalidate([], undefined);
    const { provider } = this;
    const { clock } = this.#options;
    const bounds = { clock, timeout: closeTimeout, provider: provider.name };
    try {
      await limitedCall(async () => provider.close?.(), bounds);
    } catch {
      // the text of the error may hold anything: only the failure is reported
      this.warn('could not be closed cleanly');
    }
  }

  /** A call goes without what the store could answer: one that is failing is probed soon. */
  need(): void {
    this.#circuit.need();
  }

  /** Why the store need not be asked now; `undefined` where it must be. */
  get #failure(): SecretError | undefined {
    if (this.#closed) return closedError();
    if (this.#circuit.failure) return this.#circuit.failure;
    const { error, failedAt = 0 } = this.#last ?? {};
    return error && this.#isRepeated(error, failedAt) ? error : undefined;
  }

  /** The same for one name of a store that refuses name by name. */
  #failureOf(name: string): SecretError | undefined {
    const failing = this.#failing.get(name);
    return failing && this.#isRepeated(failing.error, failing.since) ? failing.error : undefined;
  }

  /** Whether a refusal is repeated instead of asking: it must not cost every call a request. */
  #isRepeated(error: SecretError, since: number): boolean {
    if (!isRefusal(error) || since <= this.#askedAgain) return false;
    const pause = this.allowsFallback(error) ? refusedPause : refusalPause;
    return this.#options.clock.monotonic() - since < pause;
  }

  /** The error of a name, if it is younger than `age`. */
  #failingNow(name: string, age: number): SecretError | undefined {
    const failing = this.#failing.get(name);
    if (failing && this.#options.clock.monotonic() - failing.since < age) return failing.error;
    return undefined;
  }

  /** Whether a name is failing still in a way that `matters`. */
  #someNameFails(matters: (error: SecretError) => boolean): boolean {
    for (const name of this.#failing.keys()) {
      const error = this.#failingNow(name, failingLifetime);
      if (error === undefined) this.#failing.delete(name);
      else if (matters(error)) return true;
    }
    return false;
  }

  /** Whether the chain went on to the next provider for some name of late: then the outage goes on. */
  get #someNameIsBypassed(): boolean {
    return this.#someNameFails(
      (error) => error.code === 'ERR_SECRET_UNAVAILABLE' || this.allowsFallback(error),
    );
  }

  get #refreshIsPaused(): boolean {
    return this.#options.clock.monotonic() < this.#refreshNotBefore;
  }

  #recall(name: string, maxAge: number): Answer | undefined {
    const seen = this.#cache.lookup(name);
    const freshness = seen && this.#cache.freshness(seen);
    if (!seen || freshness === 'gone' || this.#cache.age(seen.at) >= maxAge) return undefined;
    if (freshness === 'aging' && !this.#failingNow(name, refusedPause)) this.#refresh([name]);
    this.hits += 1;
    return this.#answerFrom(seen);
  }

  /** What is known of `name` and is newer than what a read came to. */
  #newerThan(name: string, { at, batch, error }: ReadOutcome): CachedAnswer | undefined {
    const newer = at && this.#cache.newer(name, at, batch?.revision);
    if (newer || error) return newer;
    return this.#cache.newerBefore(name, at, batch.revision);
  }

  #answerFrom(seen: CachedAnswer): Answer {
    const { record, at, degraded } = seen;
    const freshFor = this.#cache.freshness(seen) === 'fresh' ? this.#cache.freshFor(seen) : 0;
    const age = this.#cache.age(at);
    if (record) return { kind: 'held', record, age, freshFor, degraded };
    const missingDocument = this.#cache.lookupWhole()?.seen.missingDocument;
    return { kind: 'absent', age, freshFor, missingDocument };
  }

  /** What was answered when the store was asked at `at`, with what is newer of it in its place. */
  #newest({ entries: answered, revision }: SecretBatch, at: ReadAt): SecretBatch['entries'] {
    const entries = new Map(answered);
    for (const name of this.#cache.contested()) {
      const newer =
        this.#cache.newer(name, at, revision) ?? this.#cache.newerBefore(name, at, revision);
      if (newer?.record) entries.set(name, newer.record);
      else if (newer) entries.delete(name);
    }
    return entries;
  }

  #answerOf(name: string, { names }: SharedRead, batch: SecretBatch): Answer | undefined {
    const { degraded, missingDocument } = batch;
    const entry = batch.entries.get(name);
    if (isSecretError(entry)) return this.#instead(name, entry);
    if (entry !== undefined) return { kind: 'held', record: entry, age: 0, freshFor: 0, degraded };
    // what a chain fell back to says nothing of what it lacks, unless it was asked for that name
    const isWhole = batch.complete && degraded === undefined;
    const wasAsked = isWhole || (names !== 'all' && names.has(name));
    return wasAsked ? { kind: 'absent', age: 0, freshFor: 0, missingDocument } : undefined;
  }

  /** The last good value where the store could not be asked, else the failure. */
  #instead(name: string, error: SecretError): Answer {
    const seen = error.code === 'ERR_SECRET_UNAVAILABLE' ? this.#cache.lastGood(name) : undefined;
    if (seen?.record)
      return { kind: 'stale', record: seen.record, age: this.#cache.age(seen.at), error };
    // where the store was known not to hold it, a later provider answers as it did before
    if (!this.#cache.lookup(name)) this.need();
    return { kind: 'failed', age: this.#last ? this.#cache.age(this.#last.at) : 0, error };
  }

  #allInstead(error: SecretError): WholeAnswer {
    const seen = error.code === 'ERR_SECRET_UNAVAILABLE' ? this.#cache.lastGoodWhole() : undefined;
    if (seen) return { kind: 'stale', entries: seen.records, error };
    this.need();
    return { kind: 'failed', error };
  }

  /** The read that will answer `wanted`: one under way, the one being gathered, or a new one. */
  #readFor(
    wanted: readonly string[] | 'all',
    known: ReadAt | undefined,
    maxAge: number,
  ): SharedRead {
    // one that began before what is known was asked for may bring what is older
    for (const read of this.#joinable)
      if (read.isRunning && (read.startedAt?.order ?? 0) >= (known?.order ?? 0)) {
        const { names, startedAt } = read;
        if (startedAt && this.#cache.age(startedAt) >= maxAge) continue;
        // a bag answers everything; while it is not known to be none, waiting costs no request
        if (this.#bag !== false || names === 'all') return read;
        if (wanted !== 'all' && wanted.every((name) => names.has(name))) return read;
      }
    const gathering = this.#gathering ?? this.#newRead();
    gathering.add(wanted);
    return gathering;
  }

  #newRead(): SharedRead {
    const { provider, timeout } = this;
    const { clock } = this.#options;
    const read = new SharedRead({
      provider,
      clock,
      timeout,
      warn: (message) => this.warn(message),
      askAgain: () => {
        this.askAgain();
        this.#options.changed();
      },
      now: () => this.#cache.now(),
    });
    this.#gathering = read;
    this.#joinable.push(read);
    // after the promise jobs of this tick, so that names asked for one after another still meet; by a promise, since
    // Jest's fake timers hold back what is given to queueMicrotask
    void Promise.resolve().then(() => this.#startGathered());
    return read;
  }

  #startGathered(): void {
    const read = this.#gathering;
    if (read === undefined || this.#closed || this.#running.size >= mostReads) return;
    this.#gathering = undefined;
    this.#lastAsked = read.asked;
    this.#running.add(read);
    void this.#run(read);
  }

  async #run(read: SharedRead): Promise<void> {
    const outcome = this.#unlessSkipped(await read.start());
    this.#joinable = this.#joinable.filter((other) => other !== read);
    this.#running.delete(read);
    if (this.#closed) return read.settle({ error: closedError() });
    const duration = read.startedAt ? this.#cache.age(read.startedAt) : 0;
    if (outcome.error) this.#takeError(outcome.error, outcome.at, duration);
    else this.#takeBatch(read, outcome.batch, outcome.at, duration);
    read.settle(outcome);
    this.#options.changed();
    this.#startGathered();
  }

  /** What a read came to; that of a provider without settings which may be skipped is that it holds nothing. */
  #unlessSkipped(outcome: ReadOutcome & { readonly at: ReadAt }): typeof outcome {
    const { error, at } = outcome;
    if (!error?.setting?.isMissing || this.#options.entry.ifUnconfigured !== 'skip') return outcome;
    const missingDocument = {
      description: `is skipped: ${error.reason}`,
      optional: false,
      unconfigured: true,
    } as const;
    return { batch: { entries: new Map(), complete: true, missingDocument }, at };
  }

  /** Whether what was answered when the store was asked at `at` is the latest that it said. */
  #isLatest(at: ReadAt): boolean {
    return this.#last === undefined || this.#last.at.order < at.order;
  }

  /** A read that has ended may have been, or may have kept away, the probe of a store that is failing: another one must follow. */
  #probeAgain(): void {
    if (this.#circuit.failure) this.#circuit.fail(this.#circuit.failure);
  }

  #takeError(error: SecretError, at: ReadAt, duration: number): void {
    const { code } = error;
    if (code === 'ERR_SECRET_ABORTED') {
      this.#probeAgain();
      return;
    }
    this.#reportFailure(error, duration);
    // a store that has answered since is not failing
    if (!this.#isLatest(at)) {
      this.#probeAgain();
      return;
    }
    const failedAt = this.#options.clock.monotonic();
    this.#last = { at, error, failedAt };
    if (code === 'ERR_SECRET_UNAVAILABLE') this.#circuit.fail(error);
    else {
      this.#circuit.close();
      this.#cache.refuse(at);
    }
    this.#refreshNotBefore = failedAt + refusedPause;
    this.#refusals.report(error);
  }

  /** Reports a failed read, of one name or of all. */
  #reportFailure({ code, reason: detail }: SecretError, duration: number): void {
    const { name: provider, store } = this.provider;
    this.#options.notifier.emit({ type: 'failed', provider, store, code, detail, duration });
  }

  #takeBatch(read: SharedRead, batch: SecretBatch, at: ReadAt, duration: number): void {
    const { notifier } = this.#options;
    const { name } = this.provider;
    let names = 0;
    // of many names that fail alike one speaks for all
    const failures = new Map<string, SecretError>();
    for (const [name, entry] of batch.entries)
      if (isSecretError(entry)) failures.set(entry.code, failures.get(entry.code) ?? entry);
      else {
        names += 1;
        if (!this.#cache.isNews(name, at, batch.revision))
          this.#options.values.putPrevious(name, entry.value);
      }
    // a document that is not there says nothing of how it would be read
    if (this.#bag === undefined && read.asked !== 'all' && !batch.missingDocument)
      this.#bag = batch.complete;
    this.#reportChanges(read.asked, batch, at);
    this.#cache.store(read.asked, batch, at);
    notifier.emit({ type: 'refreshed', provider: name, names: batch.entries.size, duration });
    for (const failure of failures.values()) {
      this.#reportFailure(failure, duration);
      this.#refusals.report(failure);
    }
    // it may have failed since it was asked for this
    if (!this.#isLatest(at)) {
      this.#probeAgain();
      return;
    }
    this.#last = { at, names };
    this.#circuit.close();
    if (!this.#someNameFails(isRefusal)) this.#refusals.end();
    if (!this.#someNameIsBypassed && (!batch.missingDocument || batch.missingDocument.optional))
      notifier.recover(this.provider);
  }

  /** Reports every known name whose value is another one now, new or gone. */
  #reportChanges(asked: readonly string[] | 'all', batch: SecretBatch, at: ReadAt): void {
    const { complete, entries, revision } = batch;
    const known = complete ? [...this.#cache.names(), ...this.#failing.keys()] : asked;
    const gone = [...new Set(known)].filter((name) => !entries.has(name));
    for (const name of [...entries.keys(), ...gone])
      if (this.#cache.isNews(name, at, revision)) this.#reportChange(name, entries.get(name));
  }

  #reportChange(name: string, now: SecretRecord | SecretError | undefined): void {
    this.#failing.delete(name);
    if (isSecretError(now)) {
      // at the end: the order is that of time
      this.#failing.set(name, { error: now, since: this.#options.clock.monotonic() });
      evictOldest(this.#failing, mostFailing);
      return;
    }
    this.#options.values.put(name, now?.value);
    const seen = this.#cache.lookup(name);
    const before = seen?.record;
    if (seen && before?.value !== now?.value)
      this.#options.notifier.change(this.provider, name, before?.version, now?.version);
  }

  /** One refresh or probe, unless a read is under way already. */
  #readInBackground(names: readonly string[] | 'all'): void {
    if (this.#closed || this.#joinable.length > 0) return;
    const read = this.#newRead();
    read.add(names);
    read.pin();
  }

  /** A refresh of what is aging, unless the store is known to fail. */
  #refresh(names: readonly string[] | 'all'): void {
    if (!this.#circuit.failure && !this.#refreshIsPaused) this.#readInBackground(names);
  }
}

function wholeFrom({ records, missingDocument, degraded, revision }: CachedStore): WholeAnswer {
  return { kind: 'held', entries: records, missingDocument, degraded, revision };
}

/** How a provider compares two revisions; a third-party provider may do anything else instead. */
function compared(provider: SecretProvider, one: string, other: string) {
  try {
    return provider.compareRevisions?.(one, other);
  } catch {
    return undefined;
  }
}
