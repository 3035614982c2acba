/**
 * One provider of a chain with all that the chain knows of it: what it said last, the reads under
 * way, and whether it can be asked at all. It gathers the names asked for in one tick into one read,
 * shares a read among everybody who waits, and answers every name with one of four answers.
 *
 * It is long because it is one state: memory, reads under way, circuit and what failed change together
 * with each read, and no part of them means anything without the others.
 */
import type { Answer, WholeAnswer } from './answer.ts';
import { Circuit } from './circuit.ts';
import type { Clock } from './clock.ts';
import { Flight, type Landing, type Patience } from './flight.ts';
import { labelOf } from './label.ts';
import { limitedCall } from './limited-call.ts';
import { Memory, type MemoryLimits, type ReadAt } from './memory.ts';
import type { Notifier } from './notifier.ts';
import {
  type Applied,
  closedError,
  isSecretError,
  type SecretError,
  withApplied,
} from './secret-error.ts';
import type {
  ReadContext,
  SecretBatch,
  SecretChanges,
  SecretProvider,
  SecretRecord,
  WriteReceipt,
} from './secret-provider.ts';
import type { ProviderStatus } from './secrets.ts';

/** The settings of a provider in its chain, all defaults filled in. */
export interface SourceOptions {
  readonly provider: SecretProvider;
  readonly required: boolean;
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

/** How many warnings are remembered as told. */
const mostWarned = 100;

/** How many names that failed are kept: anybody may ask for any name. */
const mostFailing = 100;

/** Milliseconds for which a name that failed keeps an outage going, asked for again or not. */
const failingLimit = 60_000;

/** Milliseconds that closing a provider may take. */
const closeLimit = 5_000;

/** Errors by which a store refuses, as against not answering. */
const refusals: ReadonlySet<string> = new Set([
  'ERR_SECRET_DENIED',
  'ERR_SECRET_UNAUTHENTICATED',
  'ERR_SECRET_TLS',
]);

export class Source {
  readonly provider: SecretProvider;
  readonly required: boolean;
  readonly onDenied: 'stop' | 'next';
  readonly timeout: number;
  /** How many answers came from what was read before. */
  hits = 0;
  readonly #options: SourceOptions;
  readonly #memory: Memory;
  readonly #circuit: Circuit;
  /** Reads under way whose answers still count, oldest first. */
  #flights: Flight[] = [];
  /** The read that this tick's names go into. */
  #gathering: Flight | undefined;
  /** Whether a read of some names answers all: learned from the first batch. */
  #bag: boolean | undefined;
  /** What to ask when nobody asks: the names of the last read. */
  #lastAsked: readonly string[] | 'all' = [];
  /** Monotonic time before which a refused refresh is not tried again. */
  #refreshNotBefore = 0;
  /** How the last read ended. */
  #last: { readonly at: ReadAt; readonly error?: SecretError; readonly names?: number } | undefined;
  /** Names whose last answer was an error, and when (monotonic). Old ones are let go. */
  readonly #failing = new Map<string, { readonly error: SecretError; readonly since: number }>();
  /** Reads under way, those included whose answers do not count any more. */
  readonly #reads = new Set<Flight>();
  readonly #warned = new Set<string>();
  /** Settles with the last write that was asked for; never a rejection. */
  #writing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.provider = options.provider;
    this.required = options.required;
    this.onDenied = options.onDenied;
    this.timeout = options.timeout;
    this.#memory = new Memory(options.clock, options.limits);
    this.#circuit = new Circuit(options.clock, () => this.#readInBackground(this.#lastAsked));
  }

  /** Name and store for a message, without saying the name twice. */
  get label(): string {
    return labelOf(this.provider.name, this.provider.store);
  }

  /** What the provider answers for `name`. Does not reject. */
  async ask(name: string, patience: Patience): Promise<Answer> {
    for (;;) {
      const known = this.#recall(name);
      if (known) return known;
      const failure = this.#failure ?? this.#failureOf(name);
      if (failure) return this.#instead(name, failure);
      const flight = this.#flightFor(name);
      const landing = await flight.wait(patience);
      if (landing.error) return this.#instead(name, landing.error);
      const answer = this.#answerOf(name, flight, landing);
      if (answer) return answer;
      // the store turned out to hold one secret a name: this one was not among those asked for
    }
  }

  /** What the provider answers for everything it holds. Does not reject. */
  async askAll(patience: Patience): Promise<WholeAnswer> {
    for (;;) {
      const known = this.#memory.lookWhole();
      if (known && known.freshness !== 'gone') {
        if (known.freshness === 'aging') this.#refresh('all');
        this.hits += 1;
        const { records, missingDocument, degraded, revision } = known.seen;
        return { kind: 'held', entries: records, missingDocument, degraded, revision };
      }
      const failure = this.#failure;
      if (failure) return this.#allInstead(failure);
      const flight = this.#flightFor('all');
      const landing = await flight.wait(patience);
      if (landing.error) return this.#allInstead(landing.error);
      const { batch } = landing;
      if (batch.complete || flight.names === 'all') return { kind: 'held', ...batch };
    }
  }

  /**
   * Makes the next answer the store's own: what was read before is only a last good value, that of the
   * names just written not even that, and what is being read does not count.
   */
  forget(written: readonly string[] = []): void {
    this.#memory.forget(written);
    // it may have been allowed since
    this.#refreshNotBefore = 0;
    for (const name of written) this.#failing.delete(name);
    this.#flights = this.#gathering ? [this.#gathering] : [];
    this.#options.changed();
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
    const [latest] = last?.names === 0 ? [...this.#failing.values()].slice(-1) : [];
    const error = this.#circuit.failure ?? last?.error ?? latest?.error;
    return {
      provider: name,
      store,
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

  /**
   * One write after the other, in the order of the calls. Beside each other they would be the other writer
   * to one another: refused where writes are conditional, and where they are not the last might lose.
   * A rejection says what became of it.
   */
  write(changes: SecretChanges, patience: Patience): Promise<WriteReceipt> {
    const before = this.#writing;
    let applied: Applied | undefined = 'no';
    const written = this.call(async (context) => {
      await before;
      // either may have come before its turn
      context.signal.throwIfAborted();
      if (this.#closed) throw closedError();
      applied = undefined;
      try {
        const receipt = (await this.provider.write?.(changes, context)) as WriteReceipt;
        applied = 'yes';
        return receipt;
      } catch (error) {
        applied = (isSecretError(error) && error.applied) || 'unknown';
        throw error;
      }
    }, patience).catch(async (error) => {
      // nobody waits past a time limit or an abort, but for what the provider says of it at once
      if (applied === undefined) await new Promise((resolve) => setTimeout(resolve, 0));
      throw withApplied(error, applied ?? 'unknown');
    });
    // one that was given up has not had its turn: who comes after it waits for those before it
    this.#writing = written.catch(() => {}).then(() => before);
    return written;
  }

  /** Milliseconds since it was read; 0 for one that was not, or fails, which is probed anyway. */
  get age(): number {
    return this.#last && !this.#failure ? this.#memory.age(this.#last.at) : 0;
  }

  /** Tells the user once per text. */
  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    // the oldest is let go, and never the newest: it may be the one that matters
    const [oldest = ''] = this.#warned;
    if (this.#warned.size > mostWarned) this.#warned.delete(oldest);
    this.#options.notifier.emit({ type: 'warning', provider: this.provider.name, message });
  }

  /** Ends what is under way and closes the provider. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#circuit.close();
    for (const flight of [...this.#reads, ...this.#flights]) flight.end(closedError());
    this.forget();
    const { clock, provider } = this.#options;
    const bounds = { clock, limit: closeLimit, provider: provider.name };
    try {
      await limitedCall(async () => provider.close?.(), bounds);
    } catch {
      // the text of what was thrown may hold anything: only that it failed is told
      this.warn('could not be closed cleanly');
    }
  }

  /** Why the store need not be asked now; `undefined` where it must be. */
  get #failure(): SecretError | undefined {
    if (this.#circuit.failure) return this.#circuit.failure;
    // a store that may be passed when it refuses must not cost every call a request
    const error = this.#last?.error;
    const passed = this.onDenied === 'next' && this.#refreshIsPaused;
    return passed && error && refusals.has(error.code) ? error : undefined;
  }

  /** The same for one name of a store that refuses name by name. */
  #failureOf(name: string): SecretError | undefined {
    const error = this.#failingNow(name, refusedPause);
    return error && this.onDenied === 'next' && refusals.has(error.code) ? error : undefined;
  }

  /** The error of a name, if it is younger than `age`. */
  #failingNow(name: string, age: number): SecretError | undefined {
    const failing = this.#failing.get(name);
    if (failing && this.#memory.now().monotonic - failing.since < age) return failing.error;
    return undefined;
  }

  /** Whether a name could not be had of late, so that the chain went past it: the outage goes on. */
  get #passesNames(): boolean {
    for (const name of this.#failing.keys()) {
      const error = this.#failingNow(name, failingLimit);
      if (error === undefined) this.#failing.delete(name);
      else if (error.code === 'ERR_SECRET_UNAVAILABLE' || this.onDenied === 'next') return true;
    }
    return false;
  }

  get #refreshIsPaused(): boolean {
    return this.#memory.now().monotonic < this.#refreshNotBefore;
  }

  #recall(name: string): Answer | undefined {
    const seen = this.#memory.seen(name);
    const freshness = seen && this.#memory.freshness(seen);
    if (!seen || freshness === 'gone') return undefined;
    if (freshness === 'aging') this.#refresh([name]);
    this.hits += 1;
    const { record, at, degraded } = seen;
    const freshFor = this.#memory.freshFor(seen);
    const age = this.#memory.age(at);
    if (record) return { kind: 'held', record, age, freshFor, degraded };
    const missingDocument = this.#memory.lookWhole()?.seen.missingDocument;
    return { kind: 'absent', age, freshFor, missingDocument };
  }

  #answerOf(name: string, flight: Flight, { batch }: Landing): Answer | undefined {
    const entry = batch?.entries.get(name);
    if (isSecretError(entry)) return this.#instead(name, entry);
    if (entry !== undefined)
      return { kind: 'held', record: entry, age: 0, freshFor: 0, degraded: batch?.degraded };
    const { names } = flight;
    // what a chain fell back to says nothing of what it lacks, unless it was asked for that name
    const isWhole = (names === 'all' || batch?.complete) && batch?.degraded === undefined;
    const wasAsked = isWhole || (names !== 'all' && names.has(name));
    return wasAsked
      ? { kind: 'absent', age: 0, freshFor: 0, missingDocument: batch?.missingDocument }
      : undefined;
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
  #flightFor(wanted: string | 'all'): Flight {
    for (const flight of this.#flights)
      if (flight.flying) {
        // a bag answers everything; while it is not known to be none, waiting costs no request
        if (this.#bag !== false || flight.names === 'all') return flight;
        if (wanted !== 'all' && flight.names.has(wanted)) return flight;
      }
    const gathering = this.#gathering ?? this.#newFlight();
    gathering.add(wanted === 'all' ? 'all' : [wanted]);
    return gathering;
  }

  #newFlight(): Flight {
    const { provider, clock, timeout } = this.#options;
    const flight = new Flight({ provider, clock, timeout, warn: (message) => this.warn(message) });
    this.#gathering = flight;
    this.#flights.push(flight);
    // after the promise jobs of this tick, so that names asked for one after another still meet
    queueMicrotask(() => this.#launch());
    return flight;
  }

  #launch(): void {
    const flight = this.#gathering;
    if (flight === undefined || this.#reads.size >= mostReads) return;
    this.#gathering = undefined;
    this.#lastAsked = flight.asked;
    this.#reads.add(flight);
    void this.#fly(flight);
  }

  async #fly(flight: Flight): Promise<void> {
    const at = this.#memory.now();
    flight.start();
    const landing = await flight.landed;
    // a write in between made its answer old: it is given to those who waited and not kept
    const counts = this.#flights.includes(flight);
    this.#flights = this.#flights.filter((other) => other !== flight);
    this.#reads.delete(flight);
    if (this.#closed) return;
    if (landing.error) this.#takeError(landing.error, at);
    else this.#takeBatch(flight, landing.batch, at, counts);
    this.#options.changed();
    this.#launch();
  }

  #takeError(error: SecretError, at: ReadAt): void {
    const { code } = error;
    if (code === 'ERR_SECRET_ABORTED') {
      // it may have been the probe: another one must follow
      if (this.#circuit.failure) this.#circuit.fail(this.#circuit.failure);
      return;
    }
    this.#last = { at, error };
    if (code === 'ERR_SECRET_UNAVAILABLE') this.#circuit.fail(error);
    else {
      this.#circuit.close();
      this.#memory.refuse(at);
    }
    this.#refreshNotBefore = this.#memory.now().monotonic + refusedPause;
    this.#tellFailure(error, at);
  }

  /** Tells of a failed read, of one name or of all. */
  #tellFailure({ code, reason: detail }: SecretError, at: ReadAt): void {
    const { notifier } = this.#options;
    const { name: provider, store } = this.provider;
    const facts = { provider, store, code, detail };
    notifier.emit({ type: 'failed', ...facts, duration: this.#memory.age(at) });
    if (refusals.has(code)) notifier.emit({ type: 'denied', ...facts });
  }

  #takeBatch(flight: Flight, batch: SecretBatch, at: ReadAt, counts: boolean): void {
    const { notifier } = this.#options;
    const { name } = this.provider;
    this.#circuit.close();
    const isKept = counts && !this.#memory.isLate(flight.asked, batch, at);
    let names = 0;
    for (const [name, entry] of batch.entries)
      if (!isSecretError(entry)) {
        names += 1;
        if (!isKept) this.#options.values.pass(name, entry.value);
      }
    this.#last = { at, names };
    if (this.#bag === undefined && flight.asked !== 'all') this.#bag = batch.complete;
    if (isKept) {
      this.#tellChanges(flight.asked, batch);
      this.#memory.remember(flight.asked, batch, at);
    }
    const duration = this.#memory.age(at);
    notifier.emit({ type: 'refreshed', provider: name, names: batch.entries.size, duration });
    const told = new Set<string>();
    for (const entry of batch.entries.values()) {
      if (!isSecretError(entry)) continue;
      // of many names that fail alike one speaks for all
      if (!told.has(entry.code)) this.#tellFailure(entry, at);
      told.add(entry.code);
    }
    if (!this.#passesNames && (!batch.missingDocument || batch.missingDocument.optional))
      notifier.recover(this.provider);
  }

  /** Tells of every name that was known and is another now, new or gone. */
  #tellChanges(asked: readonly string[] | 'all', { complete, entries }: SecretBatch): void {
    const all = complete || asked === 'all';
    const known = all ? [...this.#memory.names(), ...this.#failing.keys()] : asked;
    for (const [name, now] of entries) this.#tellChange(name, now);
    for (const name of new Set(known)) if (!entries.has(name)) this.#tellChange(name, undefined);
  }

  #tellChange(name: string, now: SecretRecord | SecretError | undefined): void {
    this.#failing.delete(name);
    if (isSecretError(now)) {
      // at the end: the order is that of time
      this.#failing.set(name, { error: now, since: this.#memory.now().monotonic });
      const [oldest] = this.#failing.keys();
      if (this.#failing.size > mostFailing && oldest !== undefined) this.#failing.delete(oldest);
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
    if (this.#circuit.failure || this.#refreshIsPaused) return;
    if (names !== 'all' && names.every((name) => this.#failingNow(name, refusedPause))) return;
    this.#readInBackground(names);
  }
}
