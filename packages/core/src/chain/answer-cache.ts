/**
 * What one provider answered last, and how old that is. Ages are measured by the monotonic and by the
 * wall clock, and the larger age counts: a suspended machine stops the one, a clock set back the other.
 */
import type { Clock } from '../calls/clock.ts';
import { isSecretError } from '../contract/secret-error.ts';
import type { SecretBatch, SecretRecord } from '../contract/secret-provider.ts';

/** How long an answer may be served, in milliseconds. */
export interface CacheLifetimes {
  /** How long a held value is fresh. */
  readonly ttl: number;
  /** How long "not here" is fresh. */
  readonly negativeTtl: number;
  /** How long after `ttl` a value is served during a refresh. */
  readonly staleWhileRevalidate: number;
  /** How old a last good value may be when the store cannot be asked. */
  readonly staleIfError: number;
}

/** A moment by both clocks. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

/** When a store was asked for what it answered. */
export interface ReadAt extends Instant {
  /** Larger for what was asked later, also where no clock shows it. */
  readonly order: number;
  /** Shortens every `ttl` by up to a tenth, so that a fleet started at once does not refresh at once. */
  readonly jitter: number;
}

/** One name as it was read. */
export interface CachedAnswer {
  /** `undefined`: the store answered "not here". */
  readonly record: SecretRecord | undefined;
  readonly at: ReadAt;
  /** Which state of the store it is of, where the store has a word for that. */
  readonly revision: string | undefined;
  /** Why it was second-hand already when it was read, where it was. */
  readonly degraded: string | undefined;
  /** Set when the store has refused or been given the name since: it must not stand in for a store that fails. */
  readonly refused?: boolean;
}

/** A whole store as it was read. */
export interface CachedStore {
  readonly at: ReadAt;
  readonly missingDocument: SecretBatch['missingDocument'];
  readonly revision: string | undefined;
  readonly degraded: string | undefined;
  /** Every name that the store held. */
  readonly records: ReadonlyMap<string, SecretRecord>;
  /** Names that were an error: with one the store is not known whole, but every other name is. */
  readonly failed: ReadonlySet<string>;
}

/** `fresh`: serve it. `aging`: serve it and refresh it. `gone`: read it first. */
export type Freshness = 'fresh' | 'aging' | 'gone';

/** When a name was written, and the store's revision after that, if known. */
interface Write {
  readonly order: number;
  readonly revision: string | undefined;
}

/** Which of two revisions of a store is the newer one: see `SecretProvider.compareRevisions`. */
export type CompareRevisions = (one: string, other: string) => 'older' | 'newer' | undefined;

/** How many names of a store that answers name by name are kept. */
const mostNames = 10_000;

/** Milliseconds for which a store's word on what is newer counts, however short `ttl` is. */
const shortestWord = 10_000;

export class AnswerCache {
  readonly #clock: Clock;
  readonly #lifetimes: CacheLifetimes;
  readonly #compare: CompareRevisions;
  readonly #names = new Map<string, CachedAnswer>();
  #whole: (CachedStore & { readonly records: Map<string, SecretRecord> }) | undefined;
  #order = 0;
  /** The order of the last moment at which everything was forgotten. */
  #invalidatedAt = 0;
  /** The last write of a name that has not been read since. */
  readonly #written = new Map<string, Write>();
  /** The newest that was read of such a name before its write. It is not served to new callers. */
  readonly #before = new Map<string, CachedAnswer>();
  /** The order of the last read that the store refused as a whole. */
  #refusedAt = 0;

  /** @param compare - which of two revisions is newer, where the store can tell */
  constructor(
    clock: Clock,
    lifetimes: CacheLifetimes,
    compare: CompareRevisions = () => undefined,
  ) {
    this.#clock = clock;
    this.#lifetimes = lifetimes;
    this.#compare = compare;
  }

  /** This moment, as that at which a request goes out. */
  now(): ReadAt {
    this.#order += 1;
    return {
      monotonic: this.#clock.monotonic(),
      wall: this.#clock.wall(),
      jitter: 1 - Math.random() / 10,
      order: this.#order,
    };
  }

  /** Milliseconds since `at`. */
  age(at: Instant): number {
    return Math.max(this.#clock.monotonic() - at.monotonic, this.#clock.wall() - at.wall);
  }

  /** What is known of `name` and is newer than what the store answered of it when it was asked at `at`. */
  newer(name: string, at: ReadAt, revision: string | undefined): CachedAnswer | undefined {
    const seen = this.lookup(name);
    if (seen === undefined || seen.refused || !this.#isOlder(at, revision, seen)) return undefined;
    return seen.record && this.#expired(seen.record, seen.at) ? undefined : seen;
  }

  /** The same for a call that began before the name was written, and is answered from before that. */
  newerBefore(name: string, at: ReadAt, revision: string | undefined): CachedAnswer | undefined {
    const seen = this.#before.get(name);
    return seen && this.#isOlder(at, revision, seen) ? seen : undefined;
  }

  /** The same of the whole store. */
  newerWhole(at: ReadAt, revision: string | undefined): CachedStore | undefined {
    const whole = this.#known;
    if (!whole || !this.#isOlder(at, revision, whole)) return undefined;
    return this.#someExpired(whole) ? undefined : whole;
  }

  /**
   * Whether an answer to what was asked at `at` is news of `name`: not if a newer one is known, or if the
   * name was written after the request went out.
   */
  isNews(name: string, at: ReadAt, revision: string | undefined): boolean {
    const write = this.#written.get(name);
    if (write && this.#isBefore(at, revision, write)) return false;
    const seen = this.lookup(name);
    return seen === undefined || !this.#isOlder(at, revision, seen);
  }

  /** Takes in what is news of an answer that was asked for at `at` and given for `asked`. */
  store(asked: readonly string[] | 'all', batch: SecretBatch, at: ReadAt): void {
    const { degraded, missingDocument, revision } = batch;
    const isNews = (name: string) => this.isNews(name, at, revision);
    const newer = this.#whole && this.#isOlder(at, revision, this.#whole);
    const take = (name: string, record: SecretRecord | undefined) => {
      this.#names.set(name, { record, at, revision, degraded });
      this.#written.delete(name);
      this.#before.delete(name);
      // of a store that answers name by name nothing may be older in the whole than by itself
      if (record) this.#whole?.records.set(name, record);
      else this.#whole?.records.delete(name);
    };
    if (!batch.complete)
      for (const name of asked) if (!batch.entries.has(name) && isNews(name)) take(name, undefined);
    const failed = new Set<string>();
    for (const [name, entry] of batch.entries) {
      if (!isNews(name)) {
        if (
          this.#written.has(name) &&
          !isSecretError(entry) &&
          !this.newerBefore(name, at, revision)
        )
          this.#before.set(name, { record: entry, at, revision, degraded });
        continue;
      }
      if (!isSecretError(entry)) take(name, entry);
      else {
        failed.add(name);
        const seen = this.#names.get(name);
        if (entry.code === 'ERR_SECRET_UNAVAILABLE') continue;
        if (seen) this.#names.set(name, { ...seen, refused: true });
        if (this.#whole?.records.has(name)) this.#whole = undefined;
      }
    }
    if (!batch.complete) {
      // there is a document by now
      if (this.#whole?.missingDocument) this.#whole = undefined;
      evictOldest(this.#names);
      return;
    }
    // what was written after the request went out makes no whole with it
    const whole =
      !newer && ![...this.#written.values()].some((write) => this.#isBefore(at, revision, write));
    if (whole) {
      this.#written.clear();
      this.#before.clear();
    }
    const records = new Map<string, SecretRecord>();
    // a name that could not be read keeps what it had: it may be needed as a last good value
    for (const [name, seen] of this.#names)
      if (!batch.entries.has(name) && isNews(name)) this.#names.delete(name);
      else if (seen.record) records.set(name, seen.record);
    if (whole) this.#whole = { at, missingDocument, revision, degraded, records, failed };
  }

  /** Whether what the store answered when it was asked at `at` may be of before a write. */
  #isBefore(at: ReadAt, revision: string | undefined, write: Write): boolean {
    if (at.order > write.order) return false;
    const said = this.#said(revision, write.revision);
    return said !== 'same' && said !== 'newer';
  }

  /** What the store says of its state at `revision`, as against that at `other`. */
  #said(revision: string | undefined, other: string | undefined) {
    if (revision === undefined || other === undefined) return undefined;
    return revision === other ? 'same' : this.#compare(revision, other);
  }

  /** Whether what the store answered when it was asked at `at` is older than what is known. */
  #isOlder(
    at: ReadAt,
    revision: string | undefined,
    known: Pick<CachedAnswer, 'at' | 'revision'>,
  ): boolean {
    const said = this.#said(revision, known.revision);
    if (said === 'newer') return false;
    // a store that was restored to an older state must be accepted in the end
    const { ttl, staleWhileRevalidate } = this.#lifetimes;
    const counts = this.age(known.at) < Math.max(ttl + staleWhileRevalidate, shortestWord);
    return (said === 'older' && counts) || at.order < known.at.order;
  }

  /**
   * Serves nothing before a new read. What was read stays as a last good value, the names
   * that were written aside.
   *
   * @param revision - of the store after the write, where it is known
   */
  invalidate(written: readonly string[], revision: string | undefined): void {
    const { order } = this.now();
    this.#invalidatedAt = order;
    for (const name of written) {
      this.#written.delete(name);
      this.#written.set(name, { order, revision });
      const seen = this.lookup(name);
      // kept to tell whether a write without an answer changed it
      if (seen) {
        this.#names.set(name, { ...seen, refused: true });
        this.#before.set(name, seen);
      }
    }
    if (written.length > 0) this.#whole = undefined;
    evictOldest(this.#written);
    evictOldest(this.#before);
  }

  /** Knows nothing of the name any more, but for calls that began before it was written. */
  drop(name: string): void {
    this.#names.delete(name);
  }

  /** The names that the store has answered for. */
  names(): Iterable<string> {
    return this.#names.keys();
  }

  /** Those among them, and those that were written since, that an answer may be old for. */
  contested(): Iterable<string> {
    return new Set([...this.#names.keys(), ...this.#before.keys()]);
  }

  /** The store refuses to answer: what was read before no longer counts as a last good value. */
  refuse(at: ReadAt): void {
    this.#refusedAt = Math.max(this.#refusedAt, at.order);
  }

  /** What is known of `name`. */
  lookup(name: string): CachedAnswer | undefined {
    const seen = this.#names.get(name);
    const whole = this.#whole;
    // what a chain fell back to says nothing of what it lacks
    if (seen || !whole || whole.degraded !== undefined || whole.failed.has(name)) return seen;
    return {
      record: undefined,
      at: whole.at,
      revision: whole.revision,
      degraded: whole.degraded,
    };
  }

  /** Whether it may still be served. */
  freshness({ at, record, degraded }: CachedAnswer): Freshness {
    if (record && this.#expired(record, at)) return 'gone';
    return this.#freshness(at, record !== undefined, degraded);
  }

  /**
   * How many milliseconds longer what is known of `name` is fresh; 0 for what has its own end, which
   * is judged by the clocks each time.
   */
  freshFor({ record, at, degraded }: CachedAnswer): number {
    if (record?.expiresAt !== undefined || record?.lease) return 0;
    return this.#freshTime(at, record !== undefined, degraded) - this.age(at);
  }

  /** The whole store as it was read, whether it may be served or not. */
  get whole(): CachedStore | undefined {
    return this.#whole;
  }

  /** What is known of the whole store. */
  lookupWhole(): { readonly seen: CachedStore; readonly freshness: Freshness } | undefined {
    const seen = this.#known;
    if (seen === undefined) return undefined;
    const freshness = this.#someExpired(seen)
      ? 'gone'
      : this.#freshness(seen.at, !seen.missingDocument, seen.degraded);
    return { seen, freshness };
  }

  /** The whole store, if every name of it is known. */
  get #known(): CachedStore | undefined {
    return this.#whole?.failed.size === 0 ? this.#whole : undefined;
  }

  /** The last good value of `name`, if it is young enough to stand in for a store that fails. */
  lastGood(name: string): CachedAnswer | undefined {
    const seen = this.#names.get(name);
    if (seen?.record === undefined || seen.refused || this.#expired(seen.record, seen.at))
      return undefined;
    return this.#mayStandIn(seen.at) ? seen : undefined;
  }

  /** The last good whole store, likewise. Records that have expired are left out of it. */
  lastGoodWhole(): CachedStore | undefined {
    const whole = this.#known;
    if (!whole || whole.missingDocument || !this.#mayStandIn(whole.at)) return undefined;
    return this.#someExpired(whole) ? undefined : whole;
  }

  /** Whether what was read at `at` may stand in for a store that fails. */
  #mayStandIn(at: ReadAt): boolean {
    return at.order > this.#refusedAt && this.age(at) < this.#lifetimes.staleIfError;
  }

  #freshness(at: ReadAt, isHeld: boolean, degraded: string | undefined): Freshness {
    if (at.order < this.#invalidatedAt) return 'gone';
    const { ttl, staleWhileRevalidate } = this.#lifetimes;
    const age = this.age(at);
    if (age < this.#freshTime(at, isHeld, degraded)) return 'fresh';
    return isHeld && age < ttl + staleWhileRevalidate ? 'aging' : 'gone';
  }

  /** How long after its read an answer is fresh, in milliseconds. */
  #freshTime({ jitter }: ReadAt, isHeld: boolean, degraded: string | undefined): number {
    const { ttl, negativeTtl } = this.#lifetimes;
    // what another chain gave second-hand must not outlast its recovery by a whole ttl
    return (isHeld && !degraded ? ttl : negativeTtl) * jitter;
  }

  #someExpired({ records, at }: CachedStore): boolean {
    for (const record of records.values()) if (this.#expired(record, at)) return true;
    return false;
  }

  #expired({ expiresAt = Number.POSITIVE_INFINITY, lease }: SecretRecord, at: Instant): boolean {
    // what was left at the read is all there is: the wall clock may have been set back since
    const left = expiresAt - at.wall;
    return this.age(at) >= Math.min(left, lease?.duration ?? left);
  }
}

/** Any name may be asked for or written, so the oldest entries are dropped when there are too `many`. */
export function evictOldest(
  names: Pick<Set<string>, 'size' | 'keys' | 'delete'>,
  many: number = mostNames,
): void {
  for (const name of names.keys()) {
    if (names.size <= many) return;
    names.delete(name);
  }
}
