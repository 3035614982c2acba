/**
 * What one provider said last, and how old that is. Durations are judged by the monotonic and by the
 * wall clock, the older age counting: a suspended machine stops the one, a clock set back the other.
 */
import type { Clock } from './clock.ts';
import { isSecretError } from './secret-error.ts';
import type { SecretBatch, SecretRecord } from './secret-provider.ts';

/** The lengths of time that a memory goes by, in milliseconds. */
export interface MemoryLimits {
  /** How long a held value is fresh. */
  readonly ttl: number;
  /** How long "not here" is fresh. */
  readonly negativeTtl: number;
  /** How long past `ttl` a value is served while it is read anew. */
  readonly staleWhileRevalidate: number;
  /** How old a last good value may be when the store cannot be asked. */
  readonly staleIfError: number;
}

/** A moment by both clocks. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

/** When a store was read. */
export interface ReadAt extends Instant {
  /** Shortens every `ttl` by up to a tenth, so that a fleet started at once does not refresh at once. */
  readonly jitter: number;
  /** How often everything had been forgotten before. */
  readonly era: number;
}

/** One name as it was read. */
export interface Seen {
  /** `undefined`: the store answered "not here". */
  readonly record: SecretRecord | undefined;
  readonly at: ReadAt;
  /** Why it was second-hand already when it was read, where it was. */
  readonly degraded: string | undefined;
  /** Set when the store has refused or been given the name since: it must not stand in for a store that fails. */
  readonly refused?: boolean;
}

/** A whole store as it was read. */
export interface SeenWhole {
  readonly at: ReadAt;
  readonly missingDocument: SecretBatch['missingDocument'];
  readonly revision: string | undefined;
  readonly degraded: string | undefined;
  /** Every name that the store held. */
  readonly records: ReadonlyMap<string, SecretRecord>;
  /** Names that were an error: with one the store is not known whole, but every other name is. */
  readonly failed: ReadonlySet<string>;
}

/** `fresh`: serve it. `aging`: serve it and read it anew. `gone`: read it first. */
export type Freshness = 'fresh' | 'aging' | 'gone';

/** How many names of a store that answers name by name are kept. */
const mostNames = 10_000;

export class Memory {
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #names = new Map<string, Seen>();
  #whole: SeenWhole | undefined;
  #era = 0;
  /** Monotonic time of the last read that the store refused as a whole. */
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, limits: MemoryLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The moment at which a read begins. */
  now(): ReadAt {
    const jitter = 1 - Math.random() / 10;
    return {
      monotonic: this.#clock.monotonic(),
      wall: this.#clock.wall(),
      jitter,
      era: this.#era,
    };
  }

  /** Milliseconds since `at`. */
  age(at: Instant): number {
    return Math.max(this.#clock.monotonic() - at.monotonic, this.#clock.wall() - at.wall);
  }

  /** Whether an answer to what was asked at `at` is older than one of those that are known. */
  isLate(asked: readonly string[] | 'all', { entries }: SecretBatch, at: Instant): boolean {
    const names = [...(asked === 'all' ? [] : asked), ...entries.keys()];
    return [this.#whole, ...names.map((name) => this.#names.get(name))].some(
      (seen) => seen && seen.at.monotonic > at.monotonic,
    );
  }

  /** Takes in an answer that was asked for at `at` and given for `asked`. */
  remember(asked: readonly string[] | 'all', batch: SecretBatch, at: ReadAt): void {
    const { degraded, missingDocument, revision } = batch;
    const records = new Map<string, SecretRecord>();
    if (!batch.complete && asked !== 'all')
      for (const name of asked)
        if (!batch.entries.has(name)) this.#names.set(name, { record: undefined, at, degraded });
    const failed = new Set<string>();
    for (const [name, entry] of batch.entries)
      if (isSecretError(entry)) {
        failed.add(name);
        const seen = this.#names.get(name);
        if (entry.code === 'ERR_SECRET_UNAVAILABLE') continue;
        if (seen) this.#names.set(name, { ...seen, refused: true });
        if (this.#whole?.records.has(name)) this.#whole = undefined;
      } else {
        records.set(name, entry);
        this.#names.set(name, { record: entry, at, degraded });
      }
    if (!batch.complete) {
      // anybody may ask for any name: those that were new first are let go
      for (const name of this.#names.keys())
        if (this.#names.size > mostNames) this.#names.delete(name);
        else break;
      return;
    }
    // a name that could not be read keeps what it had: it may be needed as a last good value
    for (const name of this.#names.keys())
      if (!records.has(name) && !failed.has(name)) this.#names.delete(name);
    this.#whole = { at, missingDocument, revision, degraded, records, failed };
  }

  /**
   * Lets nothing be served before it is read anew. What was read stays as a last good value, the names
   * that were written aside.
   */
  forget(written: readonly string[]): void {
    this.#era += 1;
    for (const name of written) {
      const seen = this.#names.get(name);
      // kept to tell whether a write without an answer changed it
      if (seen) this.#names.set(name, { ...seen, refused: true });
      this.#whole = undefined;
    }
  }

  /** Knows nothing of the name any more. */
  drop(name: string): void {
    this.#names.delete(name);
  }

  /** The names that the store has answered for. */
  names(): Iterable<string> {
    return this.#names.keys();
  }

  /** The store answered that it gives nothing: what was read before is no last good value any more. */
  refuse(at: Instant): void {
    this.#refusedAt = Math.max(this.#refusedAt, at.monotonic);
  }

  /** What is known of `name`. */
  seen(name: string): Seen | undefined {
    const seen = this.#names.get(name);
    const whole = this.#whole;
    // what a chain fell back to says nothing of what it lacks
    if (seen || !whole || whole.degraded !== undefined || whole.failed.has(name)) return seen;
    return { record: undefined, at: whole.at, degraded: whole.degraded };
  }

  /** Whether it may still be served. */
  freshness({ at, record, degraded }: Seen): Freshness {
    return this.#freshness(at, record, degraded);
  }

  /**
   * How many milliseconds longer what is known of `name` is fresh; 0 for what has its own end, which
   * is judged by the clocks each time.
   */
  freshFor({ record, at, degraded }: Seen): number {
    if (record?.expiresAt !== undefined || record?.lease) return 0;
    const { ttl, negativeTtl } = this.#limits;
    return (record && !degraded ? ttl : negativeTtl) * at.jitter - this.age(at);
  }

  /** What is known of the whole store. */
  lookWhole(): { readonly seen: SeenWhole; readonly freshness: Freshness } | undefined {
    const seen = this.#whole;
    if (seen === undefined || seen.failed.size > 0) return undefined;
    const held = seen.missingDocument ? undefined : 'held';
    let freshness = this.#freshness(seen.at, held, seen.degraded);
    for (const record of seen.records.values())
      if (this.#expired(record, seen.at)) freshness = 'gone';
    return { seen, freshness };
  }

  /** The last good value of `name`, if it is young enough to stand in for a store that fails. */
  lastGood(name: string): Seen | undefined {
    const seen = this.#names.get(name);
    if (seen?.record === undefined || seen.refused || this.#expired(seen.record, seen.at))
      return undefined;
    return this.#mayStandIn(seen.at) ? seen : undefined;
  }

  /** The last good whole store, likewise. Records that have expired are left out of it. */
  lastGoodWhole(): SeenWhole | undefined {
    const whole = this.#whole;
    if (!whole || whole.failed.size > 0 || whole.missingDocument || !this.#mayStandIn(whole.at))
      return undefined;
    for (const record of whole.records.values())
      if (this.#expired(record, whole.at)) return undefined;
    return whole;
  }

  /** Whether what was read at `at` may stand in for a store that fails. */
  #mayStandIn(at: ReadAt): boolean {
    return at.monotonic > this.#refusedAt && this.age(at) < this.#limits.staleIfError;
  }

  #freshness(
    at: ReadAt,
    record: SecretRecord | 'held' | undefined,
    degraded: string | undefined,
  ): Freshness {
    const { ttl, negativeTtl, staleWhileRevalidate } = this.#limits;
    if (at.era !== this.#era) return 'gone';
    const age = this.age(at);
    if (record === undefined) return age < negativeTtl * at.jitter ? 'fresh' : 'gone';
    if (record !== 'held' && this.#expired(record, at)) return 'gone';
    // what another chain gave second-hand must not outlast its recovery by a whole ttl
    if (age < (degraded ? negativeTtl : ttl) * at.jitter) return 'fresh';
    return age < ttl + staleWhileRevalidate ? 'aging' : 'gone';
  }

  #expired(record: SecretRecord, at: Instant): boolean {
    const { expiresAt, lease } = record;
    if (expiresAt !== undefined)
      if (this.#clock.wall() >= expiresAt || this.age(at) >= expiresAt - at.wall)
        // the wall clock may have been set back: what was left at the read is all there is
        return true;
    return lease !== undefined && this.age(at) >= lease.duration;
  }
}
