/**
 * One provider of a chain with all that the chain knows of it: what it said last, the reads under
 * way, and whether it can be asked at all. It gathers the names asked for in one tick into one read,
 * shares a read among everybody who waits, and answers every name with one of four answers.
 *
 * It is long because it is one state: memory, reads under way, circuit and what failed change together
 * with each read, and no part of them means anything without the others.
 */

import type { Clock } from '../calls/clock.ts';
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
import { Circuit } from './circuit.ts';
import { Flight, type Landing, type Patience } from './flight.ts';
import {
  letGo,
  Memory,
  type MemoryLimits,
  type ReadAt,
  type Seen,
  type SeenWhole,
} from './memory.ts';
import type { Notifier } from './notifier.ts';
import { isRefusal, Refusals } from './refusals.ts';
import type { ProviderStatus } from './secrets.ts';

/** The settings of a provider in its chain, all defaults filled in. */
export interface SourceOptions {
  readonly provider: SecretProvider;
  readonly required: boolean;
  readonly standby: boolean;
  readonly timeout: number;
  readonly onDenied: 'stop' | 'next';
  readonly limits: MemoryLimits;
  readonly clock: Clock;
  readonly notifier: Notifier;
  /** Learns every value that the provider answers, under its name. */
  readonly values: {
    /** What the provider holds now; `undefined` for nothing. */
    readonly put: (name: string, value: string | undefined) => void;
    /** What it held before, or may have. */
    readonly pass: (name: string, value: string) => void;
  };
  /** Is called when an answer of the provider may be another one than before. */
  readonly changed: () => void;
}

/** How many reads of one provider may be under way; further names wait together for the next. */
const mostReads = 8;

/** Milliseconds between background refreshes of a store that answers them with a refusal. */
const refusedPause = 5_000;

/** Milliseconds for which what a store refused is repeated to whoever calls, and not asked for again. */
const refusalLimit = 1_000;

/** How many names that failed are kept: anybody may ask for any name. */
const mostFailing = 100;

/** Milliseconds for which a name that failed keeps an outage going, asked for again or not. */
const failingLimit = 60_000;

/** Milliseconds that closing a provider may take. */
const closeLimit = 5_000;

export class Source {
  readonly provider: SecretProvider;
  readonly required: boolean;
  readonly standby: boolean;
  readonly onDenied: 'stop' | 'next';
  readonly timeout: number;
  /** How many answers came from what was read before. */
  hits = 0;
  readonly #options: SourceOptions;
  readonly #memory: Memory;
  readonly #circuit: Circuit;
  readonly #refusals: Refusals;
  /** Reads under way that a call may wait for, oldest first. */
  #flights: Flight[] = [];
  /** The read that this tick's names go into. */
  #gathering: Flight | undefined;
  /** Whether a read of some names answers all: learned from the first batch. */
  #bag: boolean | undefined;
  /** What to ask when nobody asks: the names of the last read. */
  #lastAsked: readonly string[] | 'all' = [];
  /** Monotonic time before which a refused refresh is not tried again. */
  #refreshNotBefore = 0;
  /** Monotonic time of the last moment at which something was allowed, or may have been. */
  #askedAgain = Number.NEGATIVE_INFINITY;
  /** How the latest read ended: the one whose request went out last. */
  #last:
    | {
        readonly at: ReadAt;
        readonly error?: SecretError;
        /** Monotonic time at which the error came. */
        readonly landed?: number;
        readonly names?: number;
      }
    | undefined;
  /** Names whose last answer was an error, and when (monotonic). Old ones are let go. */
  readonly #failing = new Map<string, { readonly error: SecretError; readonly since: number }>();
  /** Reads under way, those included that no call waits for any more. */
  readonly #reads = new Set<Flight>();
  #closed = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.provider = options.provider;
    this.required = options.required;
    this.standby = options.standby;
    this.onDenied = options.onDenied;
    this.timeout = options.timeout;
    const { provider, notifier, clock, limits } = options;
    this.#memory = new Memory(clock, limits, (one, other) => compared(provider, one, other));
    this.#circuit = new Circuit(clock, () => this.#readInBackground(this.#lastAsked));
    this.#refusals = new Refusals(provider, notifier, clock);
  }

  /** Name and store for a message, without saying the name twice. */
  get label(): string {
    return labelOf(this.provider.name, this.provider.store);
  }

  /** What the provider answers for `name`. Does not reject. */
  async ask(name: string, { signal, limit }: Patience): Promise<Answer> {
    const timeLeft = this.#timeLeft(limit);
    for (;;) {
      const known = this.#recall(name);
      if (known) return known;
      const failure = this.#failure ?? this.#failureOf(name);
      if (failure) {
        this.#refusals.meet(failure);
        return this.#instead(name, failure);
      }
      const flight = this.#flightFor([name], this.#memory.seen(name)?.at);
      const landing = await flight.wait({ signal, limit: timeLeft() });
      // what another read has found meanwhile may be newer than what this one was answered
      const newer = this.#newerThan(name, landing);
      if (newer) return this.#answerFrom(newer);
      if (landing.error) return this.#instead(name, landing.error);
      const answer = this.#answerOf(name, flight, landing.batch);
      if (answer) return answer;
      // the store turned out to hold one secret a name: this one was not among those asked for
    }
  }

  /** What the provider answers for everything it holds. Does not reject. */
  async askAll({ signal, limit }: Patience): Promise<WholeAnswer> {
    const timeLeft = this.#timeLeft(limit);
    for (;;) {
      const known = this.#memory.lookWhole();
      if (known && known.freshness !== 'gone') {
        if (known.freshness === 'aging') this.#refresh('all');
        this.hits += 1;
        return wholeFrom(known.seen);
      }
      const failure = this.#failure;
      if (failure) {
        this.#refusals.meet(failure);
        return this.#allInstead(failure);
      }
      const flight = this.#flightFor('all', this.#memory.whole?.at);
      const landing = await flight.wait({ signal, limit: timeLeft() });
      const newer = landing.at && this.#memory.newerWhole(landing.at, landing.batch?.revision);
      if (newer) return wholeFrom(newer);
      if (landing.error) return this.#allInstead(landing.error);
      const { batch, at } = landing;
      if (batch.complete) return { kind: 'held', ...batch, entries: this.#newest(batch, at) };
    }
  }

  /**
   * Makes the next answer the store's own: what was read before is only a last good value, that of the
   * names just written not even that, and what is being read does not count.
   */
  forget(written: readonly string[], revision?: string): void {
    this.#memory.forget(written, revision);
    this.askAgain();
    for (const name of written) this.#failing.delete(name);
    this.#flights = this.#gathering ? [this.#gathering] : [];
    this.#options.changed();
  }

  /** Something was allowed since, or may have been: what was refused is asked for again at the next call. */
  askAgain(): void {
    this.#refreshNotBefore = 0;
    this.#askedAgain = this.#options.clock.monotonic();
  }

  /** Tells that a name was written; what was known of it must not be forgotten yet. */
  tellWritten(name: string, versionAfter: string | undefined): void {
    const before = this.#memory.seen(name)?.record?.version;
    this.#options.notifier.change(this.provider, name, before, versionAfter);
    // the next read finds what has been told
    this.#memory.drop(name);
  }

  /** Asks the provider again for all that it was asked for, whatever is known and however it failed. */
  async reread(patience: Patience): Promise<void> {
    if (this.#closed) return;
    const flight = this.#gathering ?? this.#newFlight();
    flight.add(this.#lastAsked.length > 0 ? this.#lastAsked : 'all');
    // any read of a bag answers for every name
    if (this.#bag === false) flight.add([...this.#memory.names()]);
    await flight.wait(patience);
  }

  /** How the provider fares, as far as is known without asking it. */
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
      ...(last && { age: this.#memory.age(last.at) }),
      ...(last?.names !== undefined && { names: last.names }),
    };
  }

  /** Runs one call of the provider other than `read` inside the caller's patience. */
  async call<Result>(
    work: (context: ReadContext) => Promise<Result>,
    { signal, limit }: Patience,
  ): Promise<Result> {
    const { clock, provider } = this.#options;
    const warn = (message: string) => this.warn(message);
    const result = await limitedCall(work, { clock, limit, signal, provider: provider.name, warn });
    this.#circuit.close();
    return result;
  }

  /** Milliseconds since it was read; 0 for one that was not, or fails, which is probed anyway. */
  get age(): number {
    return this.#last && !this.#failure ? this.#memory.age(this.#last.at) : 0;
  }

  /** Whether the chain would go past it now. */
  get isPassed(): boolean {
    const error = this.#circuit.failure ?? this.#last?.error;
    return error !== undefined && this.passes(error);
  }

  /** Whether the chain goes past it when it answers `error`. */
  passes({ code }: SecretError): boolean {
    if (code === 'ERR_SECRET_UNAVAILABLE') return !this.required;
    const denied = code === 'ERR_SECRET_DENIED' || code === 'ERR_SECRET_UNAUTHENTICATED';
    return denied && this.onDenied === 'next';
  }

  /** Tells the user once per text. */
  warn(message: string): void {
    this.#options.notifier.warn(this.provider.name, message);
  }

  /** Ends what is under way and closes the provider. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#circuit.close();
    for (const flight of [...this.#reads, ...this.#flights]) flight.end(closedError());
    this.#memory.forget([], undefined);
    const { clock, provider } = this.#options;
    const bounds = { clock, limit: closeLimit, provider: provider.name };
    try {
      await limitedCall(async () => provider.close?.(), bounds);
    } catch {
      // the text of what was thrown may hold anything: only that it failed is told
      this.warn('could not be closed cleanly');
    }
  }

  /** Milliseconds that are left of `limit`, however often it is asked for. */
  #timeLeft(limit: number): () => number {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + limit;
    return () => Math.max(0, deadline - clock.monotonic());
  }

  /** Why the store need not be asked now; `undefined` where it must be. */
  get #failure(): SecretError | undefined {
    if (this.#closed) return closedError();
    if (this.#circuit.failure) return this.#circuit.failure;
    const { error, landed = 0 } = this.#last ?? {};
    return error && this.#isRepeated(error, landed) ? error : undefined;
  }

  /** The same for one name of a store that refuses name by name. */
  #failureOf(name: string): SecretError | undefined {
    const failing = this.#failing.get(name);
    return failing && this.#isRepeated(failing.error, failing.since) ? failing.error : undefined;
  }

  /** Whether a refusal is repeated instead of asking: it must not cost every call a request. */
  #isRepeated(error: SecretError, since: number): boolean {
    if (!isRefusal(error) || since <= this.#askedAgain) return false;
    const limit = this.passes(error) ? refusedPause : refusalLimit;
    return this.#options.clock.monotonic() - since < limit;
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
      const error = this.#failingNow(name, failingLimit);
      if (error === undefined) this.#failing.delete(name);
      else if (matters(error)) return true;
    }
    return false;
  }

  /** Whether a name could not be had of late, so that the chain went past it: the outage goes on. */
  get #passesNames(): boolean {
    return this.#someNameFails(
      (error) => error.code === 'ERR_SECRET_UNAVAILABLE' || this.passes(error),
    );
  }

  get #refreshIsPaused(): boolean {
    return this.#options.clock.monotonic() < this.#refreshNotBefore;
  }

  #recall(name: string): Answer | undefined {
    const seen = this.#memory.seen(name);
    const freshness = seen && this.#memory.freshness(seen);
    if (!seen || freshness === 'gone') return undefined;
    if (freshness === 'aging' && !this.#failingNow(name, refusedPause)) this.#refresh([name]);
    this.hits += 1;
    return this.#answerFrom(seen);
  }

  /** What is known of `name` and is newer than what a read came to. */
  #newerThan(name: string, { at, batch, error }: Landing): Seen | undefined {
    const newer = at && this.#memory.newer(name, at, batch?.revision);
    if (newer || error) return newer;
    return this.#memory.newerBefore(name, at, batch.revision);
  }

  #answerFrom(seen: Seen): Answer {
    const { record, at, degraded } = seen;
    const freshFor = this.#memory.freshness(seen) === 'fresh' ? this.#memory.freshFor(seen) : 0;
    const age = this.#memory.age(at);
    if (record) return { kind: 'held', record, age, freshFor, degraded };
    const missingDocument = this.#memory.lookWhole()?.seen.missingDocument;
    return { kind: 'absent', age, freshFor, missingDocument };
  }

  /** What was answered when the store was asked at `at`, with what is newer of it in its place. */
  #newest({ entries: answered, revision }: SecretBatch, at: ReadAt): SecretBatch['entries'] {
    const entries = new Map(answered);
    for (const name of this.#memory.contested()) {
      const newer =
        this.#memory.newer(name, at, revision) ?? this.#memory.newerBefore(name, at, revision);
      if (newer?.record) entries.set(name, newer.record);
      else if (newer) entries.delete(name);
    }
    return entries;
  }

  #answerOf(name: string, { names }: Flight, batch: SecretBatch): Answer | undefined {
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
    const seen = error.code === 'ERR_SECRET_UNAVAILABLE' ? this.#memory.lastGood(name) : undefined;
    return seen?.record
      ? { kind: 'stale', record: seen.record, age: this.#memory.age(seen.at), error }
      : { kind: 'failed', age: this.#last ? this.#memory.age(this.#last.at) : 0, error };
  }

  #allInstead(error: SecretError): WholeAnswer {
    const seen = error.code === 'ERR_SECRET_UNAVAILABLE' ? this.#memory.lastGoodWhole() : undefined;
    return seen ? { kind: 'stale', entries: seen.records, error } : { kind: 'failed', error };
  }

  /** The read that will answer `wanted`: one under way, the one being gathered, or a new one. */
  #flightFor(wanted: readonly string[] | 'all', known: ReadAt | undefined): Flight {
    // one that began before what is known was asked for may bring what is older
    for (const flight of this.#flights)
      if (flight.flying && (flight.began?.order ?? 0) >= (known?.order ?? 0)) {
        const { names } = flight;
        // a bag answers everything; while it is not known to be none, waiting costs no request
        if (this.#bag !== false || names === 'all') return flight;
        if (wanted !== 'all' && wanted.every((name) => names.has(name))) return flight;
      }
    const gathering = this.#gathering ?? this.#newFlight();
    gathering.add(wanted);
    return gathering;
  }

  #newFlight(): Flight {
    const { provider, clock, timeout } = this.#options;
    const flight = new Flight({
      provider,
      clock,
      timeout,
      warn: (message) => this.warn(message),
      askAgain: () => {
        this.askAgain();
        this.#options.changed();
      },
      now: () => this.#memory.now(),
    });
    this.#gathering = flight;
    this.#flights.push(flight);
    // after the promise jobs of this tick, so that names asked for one after another still meet
    queueMicrotask(() => this.#launch());
    return flight;
  }

  #launch(): void {
    const flight = this.#gathering;
    if (flight === undefined || this.#closed || this.#reads.size >= mostReads) return;
    this.#gathering = undefined;
    this.#lastAsked = flight.asked;
    this.#reads.add(flight);
    void this.#fly(flight);
  }

  async #fly(flight: Flight): Promise<void> {
    const landing = await flight.fly();
    this.#flights = this.#flights.filter((other) => other !== flight);
    this.#reads.delete(flight);
    if (this.#closed) return flight.land({ error: closedError() });
    const duration = flight.began ? this.#memory.age(flight.began) : 0;
    if (landing.error) this.#takeError(landing.error, landing.at, duration);
    else this.#takeBatch(flight, landing.batch, landing.at, duration);
    flight.land(landing);
    this.#options.changed();
    this.#launch();
  }

  /** Whether what was answered when the store was asked at `at` is the latest that it said. */
  #isLatest(at: ReadAt): boolean {
    return this.#last === undefined || this.#last.at.order < at.order;
  }

  /** What has landed may have been, or kept away, the probe of a store that is failing: another one must follow. */
  #probeAgain(): void {
    if (this.#circuit.failure) this.#circuit.fail(this.#circuit.failure);
  }

  #takeError(error: SecretError, at: ReadAt, duration: number): void {
    const { code } = error;
    if (code === 'ERR_SECRET_ABORTED') {
      this.#probeAgain();
      return;
    }
    this.#tellFailure(error, duration);
    // a store that has answered since is not failing
    if (!this.#isLatest(at)) {
      this.#probeAgain();
      return;
    }
    const landed = this.#options.clock.monotonic();
    this.#last = { at, error, landed };
    if (code === 'ERR_SECRET_UNAVAILABLE') this.#circuit.fail(error);
    else {
      this.#circuit.close();
      this.#memory.refuse(at);
    }
    this.#refreshNotBefore = landed + refusedPause;
    this.#refusals.meet(error);
  }

  /** Tells of a failed read, of one name or of all. */
  #tellFailure({ code, reason: detail }: SecretError, duration: number): void {
    const { name: provider, store } = this.provider;
    this.#options.notifier.emit({ type: 'failed', provider, store, code, detail, duration });
  }

  #takeBatch(flight: Flight, batch: SecretBatch, at: ReadAt, duration: number): void {
    const { notifier } = this.#options;
    const { name } = this.provider;
    let names = 0;
    for (const [name, entry] of batch.entries)
      if (!isSecretError(entry)) {
        names += 1;
        if (!this.#memory.isNews(name, at, batch.revision))
          this.#options.values.pass(name, entry.value);
      }
    // a document that is not there says nothing of how it would be read
    if (this.#bag === undefined && flight.asked !== 'all' && !batch.missingDocument)
      this.#bag = batch.complete;
    this.#tellChanges(flight.asked, batch, at);
    this.#memory.remember(flight.asked, batch, at);
    notifier.emit({ type: 'refreshed', provider: name, names: batch.entries.size, duration });
    const told = new Set<string>();
    for (const entry of batch.entries.values()) {
      if (!isSecretError(entry)) continue;
      // of many names that fail alike one speaks for all
      if (!told.has(entry.code)) {
        this.#tellFailure(entry, duration);
        this.#refusals.meet(entry);
      }
      told.add(entry.code);
    }
    // it may have failed since it was asked for this
    if (!this.#isLatest(at)) {
      this.#probeAgain();
      return;
    }
    this.#last = { at, names };
    this.#circuit.close();
    if (!this.#someNameFails(isRefusal)) this.#refusals.end();
    if (!this.#passesNames && (!batch.missingDocument || batch.missingDocument.optional))
      notifier.recover(this.provider);
  }

  /** Tells of every name that was known and is another now, new or gone. */
  #tellChanges(asked: readonly string[] | 'all', batch: SecretBatch, at: ReadAt): void {
    const { complete, entries, revision } = batch;
    const known = complete ? [...this.#memory.names(), ...this.#failing.keys()] : asked;
    for (const name of new Set([...entries.keys(), ...known]))
      if (this.#memory.isNews(name, at, revision)) this.#tellChange(name, entries.get(name));
  }

  #tellChange(name: string, now: SecretRecord | SecretError | undefined): void {
    this.#failing.delete(name);
    if (isSecretError(now)) {
      // at the end: the order is that of time
      this.#failing.set(name, { error: now, since: this.#options.clock.monotonic() });
      letGo(this.#failing, mostFailing);
      return;
    }
    this.#options.values.put(name, now?.value);
    const seen = this.#memory.seen(name);
    const before = seen?.record;
    if (seen && before?.value !== now?.value)
      this.#options.notifier.change(this.provider, name, before?.version, now?.version);
  }

  /** One refresh or probe, unless a read is under way already. */
  #readInBackground(names: readonly string[] | 'all'): void {
    if (this.#closed || this.#flights.length > 0) return;
    const flight = this.#newFlight();
    flight.add(names);
    flight.pin();
  }

  /** A refresh of what is aging, unless the store is known to fail. */
  #refresh(names: readonly string[] | 'all'): void {
    if (!this.#circuit.failure && !this.#refreshIsPaused) this.#readInBackground(names);
  }
}

function wholeFrom({ records, missingDocument, degraded, revision }: SeenWhole): WholeAnswer {
  return { kind: 'held', entries: records, missingDocument, degraded, revision };
}

/** What a provider says of two revisions; a stranger's may do anything else instead. */
function compared(provider: SecretProvider, one: string, other: string) {
  try {
    return provider.compareRevisions?.(one, other);
  } catch {
    return undefined;
  }
}
