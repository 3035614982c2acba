/**
 * Keeps the last answers of one provider with their ages. An age is measured by the monotonic and by the wall
 * clock, and the larger one counts: a suspended machine may stop the former, and the latter may be set back.
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

/** The moment at which a store was asked for an answer. */
export interface ReadAt extends Instant {
  /** Larger for a later request, even if the clocks do not show the difference. */
  readonly order: number;
}

/** One name as it was read. */
export interface CachedAnswer {
  /** `undefined`: the store answered "not here". */
  readonly record: SecretRecord | undefined;
  readonly at: ReadAt;
  /** The revision of the store that the answer belongs to, if the store has revisions. */
  readonly revision: string | undefined;
  /** Why the answer was already second-hand when it was read, if it was. */
  readonly degraded: string | undefined;
  /** Set once the store refused the name, or it was written: the answer must not stand in for a store that fails. */
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
  /** The names that were an error. With one of them the store is not known as a whole, but every other name is. */
  readonly failed: ReadonlySet<string>;
}

/** A `fresh` answer is served, an `aging` one is served and refreshed, and one that is `gone` is read again first. */
export type Freshness = 'fresh' | 'aging' | 'gone';

/** The moment at which a name was written, and the store's revision afterwards, if it is known. */
interface Write {
  readonly order: number;
  readonly revision: string | undefined;
}

/** Returns which of two revisions of a store is the newer one: see `SecretProvider.compareRevisions`. */
export type CompareRevisions = (one: string, other: string) => 'older' | 'newer' | undefined;

/** The largest number of names that are kept of a store that answers name by name. */
const mostNames = 10_000;

/** The shortest time for which a store's comparison of revisions counts, however short `ttl` is. Milliseconds. */
const shortestWord = 10_000;

export class AnswerCache {
  readonly #clock: Clock;
  readonly #lifetimes: CacheLifetimes;
  readonly #compare: CompareRevisions;
  readonly #names = new Map<string, CachedAnswer>();
  #whole: (CachedStore & { readonly records: Map<string, SecretRecord> }) | undefined;
  /** What puts the end of freshness at other moments than in other processes: a share of a period. */
  readonly #phase = Math.random();
  #order = 0;
  /** The order of the last moment at which every answer was invalidated. */
  #invalidatedAt = 0;
  /** The last write of each name that has not been read since. */
  readonly #written = new Map<string, Write>();
  /** The newest answer for such a name from before its write. It is not served to new callers. */
  readonly #before = new Map<string, CachedAnswer>();
  /** The order of the last read that the store refused as a whole. */
  #refusedAt = 0;

  /** @param compare - returns which of two revisions is newer, if the store can compare them */
  constructor(
    clock: Clock,
    lifetimes: CacheLifetimes,
    compare: CompareRevisions = () => undefined,
  ) {
    this.#clock = clock;
    this.#lifetimes = lifetimes;
    this.#compare = compare;
  }

  /** Returns the present moment, for a request that goes out now. */
  now(): ReadAt {
    this.#order += 1;
    return {
      monotonic: this.#clock.monotonic(),
      wall: this.#clock.wall(),
      order: this.#order,
    };
  }

  /** Returns the milliseconds since `at`. */
  age(at: Instant): number {
    return Math.max(this.#clock.monotonic() - at.monotonic, this.#clock.wall() - at.wall);
  }

  /** Returns the known answer for `name` if it is newer than the one that the store gave to a request at `at`. */
  newer(name: string, at: ReadAt, revision: string | undefined): CachedAnswer | undefined {
    const seen = this.lookup(name);
    if (seen === undefined || seen.refused || !this.#isOlder(at, revision, seen)) return undefined;
    return seen.record && this.#expired(seen.record, seen.at) ? undefined : seen;
  }

  /** The same for a call that began before the name was written, and may be answered with the value from before. */
  newerBefore(name: string, at: ReadAt, revision: string | undefined): CachedAnswer | undefined {
    const seen = this.#before.get(name);
    return seen && this.#isOlder(at, revision, seen) ? seen : undefined;
  }

  /** The same for the whole store. */
  newerWhole(at: ReadAt, revision: string | undefined): CachedStore | undefined {
    const whole = this.#known;
    if (!whole || !this.#isOlder(at, revision, whole)) return undefined;
    return this.#someExpired(whole) ? undefined : whole;
  }

  /**
   * Returns whether the answer to a request at `at` is news about `name`. It is not if a newer answer is known, or
   * if the name was written after the request went out.
   */
  isNews(name: string, at: ReadAt, revision: string | undefined): boolean {
    const write = this.#written.get(name);
    if (write && this.#isBefore(at, revision, write)) return false;
    const seen = this.lookup(name);
    return seen === undefined || !this.#isOlder(at, revision, seen);
  }

  /** Stores the part of an answer that is news. The answer is for the names `asked`, and was requested at `at`. */
  store(asked: readonly string[] | 'all', batch: SecretBatch, at: ReadAt): void {
    const { degraded, missingDocument, revision } = batch;
    const isNews = (name: string) => this.isNews(name, at, revision);
    // an answer is not the whole store if a name was written after its request went out
    const isWhole =
      batch.complete &&
      !(this.#whole && this.#isOlder(at, revision, this.#whole)) &&
      ![...this.#written.values()].some((write) => this.#isBefore(at, revision, write));
    const take = (name: string, record: SecretRecord | undefined) => {
      this.#names.set(name, { record, at, revision, degraded });
      this.#written.delete(name);
      this.#before.delete(name);
      if (isWhole) return;
      // if a store answers name by name, no name may be older in the whole than by itself
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
      // the document exists by now
      if (this.#whole?.missingDocument) this.#whole = undefined;
      evictOldest(this.#names);
      return;
    }
    if (isWhole) {
      this.#written.clear();
      this.#before.clear();
    }
    const records = new Map<string, SecretRecord>();
    // a name that could not be read keeps its answer, which may be needed as a last good value
    for (const [name, seen] of this.#names)
      if (!batch.entries.has(name) && isNews(name)) this.#names.delete(name);
      else if (seen.record) records.set(name, seen.record);
    if (isWhole) this.#whole = { at, missingDocument, revision, degraded, records, failed };
  }

  /** Returns whether the answer to a request at `at` may be from before a write. */
  #isBefore(at: ReadAt, revision: string | undefined, write: Write): boolean {
    if (at.order > write.order) return false;
    const said = this.#said(revision, write.revision);
    return said !== 'same' && said !== 'newer';
  }

  /** Returns how the store compares its state at `revision` with that at `other`. */
  #said(revision: string | undefined, other: string | undefined) {
    if (revision === undefined || other === undefined) return undefined;
    return revision === other ? 'same' : this.#compare(revision, other);
  }

  /** Returns whether the answer to a request at `at` is older than a known one. */
  #isOlder(
    at: ReadAt,
    revision: string | undefined,
    known: Pick<CachedAnswer, 'at' | 'revision'>,
  ): boolean {
    const said = this.#said(revision, known.revision);
    if (said === 'newer') return false;
    if (at.order < known.at.order) return true;
    if (said !== 'older') return false;
    // a store that was restored to an older state must be accepted after a while
    const { ttl, staleWhileRevalidate } = this.#lifetimes;
    return this.age(known.at) < Math.max(ttl + staleWhileRevalidate, shortestWord);
  }

  /**
   * Makes every answer `gone` until the next read. Answers remain as last good values, except for names that were
   * written.
   *
   * @param revision - the revision of the store after the write, if it is known
   */
  invalidate(written: readonly string[], revision: string | undefined): void {
    const { order } = this.now();
    this.#invalidatedAt = order;
    for (const name of written) {
      this.#written.delete(name);
      this.#written.set(name, { order, revision });
      const seen = this.lookup(name);
      // the answer is kept to find out whether a write without an answer has changed the value
      if (seen) {
        this.#names.set(name, { ...seen, refused: true });
        this.#before.set(name, seen);
      }
    }
    if (written.length > 0) this.#whole = undefined;
    evictOldest(this.#written);
    evictOldest(this.#before);
  }

  /** Drops the answer for a name, except for calls that began before it was written. */
  drop(name: string): void {
    this.#names.delete(name);
  }

  /** Returns the names with an answer. */
  names(): Iterable<string> {
    return this.#names.keys();
  }

  /** Returns the names for which an answer may be too old: those with an answer, and those that were written since. */
  contested(): Iterable<string> {
    return new Set([...this.#names.keys(), ...this.#before.keys()]);
  }

  /** Records that the store refused to answer: answers from before no longer count as last good values. */
  refuse(at: ReadAt): void {
    this.#refusedAt = Math.max(this.#refusedAt, at.order);
  }

  /** Returns the known answer for `name`. */
  lookup(name: string): CachedAnswer | undefined {
    const seen = this.#names.get(name);
    const whole = this.#whole;
    // a second-hand answer does not show which names the store lacks
    if (seen || !whole || whole.degraded !== undefined || whole.failed.has(name)) return seen;
    return {
      record: undefined,
      at: whole.at,
      revision: whole.revision,
      degraded: whole.degraded,
    };
  }

  /** Returns whether an answer may still be served. */
  freshness({ at, record, degraded }: CachedAnswer): Freshness {
    if (record && this.#expired(record, at)) return 'gone';
    return this.#freshness(at, record !== undefined, degraded);
  }

  /**
   * Returns for how many more milliseconds an answer is fresh. This is 0 for a record with an expiry or a lease of
   * its own, which is compared with the clocks each time.
   */
  freshFor({ record, at, degraded }: CachedAnswer): number {
    if (record?.expiresAt !== undefined || record?.lease) return 0;
    return this.#freshTime(at, record !== undefined, degraded) - this.age(at);
  }

  /** The whole store as it was read, even if it may no longer be served. */
  get whole(): CachedStore | undefined {
    return this.#whole;
  }

  /** Returns the whole store, if it is known, and whether it may be served. */
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

  /** Returns the last good value of `name`, if it is young enough to stand in for a store that fails. */
  lastGood(name: string): CachedAnswer | undefined {
    const seen = this.#names.get(name);
    if (seen?.record === undefined || seen.refused || this.#expired(seen.record, seen.at))
      return undefined;
    return this.#mayStandIn(seen.at) ? seen : undefined;
  }

  /** Returns the last good whole store, likewise. A store with a record that has expired does not count. */
  lastGoodWhole(): CachedStore | undefined {
    const whole = this.#known;
    if (!whole || whole.missingDocument || !this.#mayStandIn(whole.at)) return undefined;
    return this.#someExpired(whole) ? undefined : whole;
  }

  /** Returns whether an answer to a request at `at` may stand in for a store that fails. */
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

  /**
   * Returns for how many milliseconds after its read an answer is fresh: until a moment that comes once in nine tenths of
   * its `ttl`, and is the cache's own. So the refreshes of a fleet are spread over the whole time, even if all of it has read
   * at one moment: at a start, after an outage, after a change that its store has announced.
   */
  #freshTime({ monotonic }: ReadAt, isHeld: boolean, degraded: string | undefined): number {
    const { ttl, negativeTtl } = this.#lifetimes;
    // a second-hand answer of another chain must not outlast that chain's recovery by a whole ttl
    const longest = isHeld && !degraded ? ttl : negativeTtl;
    const period = longest * 0.9;
    return longest - ((monotonic + this.#phase * period) % period);
  }

  #someExpired({ records, at }: CachedStore): boolean {
    for (const record of records.values()) if (this.#expired(record, at)) return true;
    return false;
  }

  #expired({ expiresAt = Number.POSITIVE_INFINITY, lease }: SecretRecord, at: Instant): boolean {
    // the time that was left at the read counts, since the wall clock may have been set back
    const left = expiresAt - at.wall;
    return this.age(at) >= Math.min(left, lease?.duration ?? left);
  }
}

/** Drops the oldest entries beyond `many`, since any name may be requested or written. */
export function evictOldest(
  names: Pick<Set<string>, 'size' | 'keys' | 'delete'>,
  many: number = mostNames,
): void {
  for (const name of names.keys()) {
    if (names.size <= many) return;
    names.delete(name);
  }
}
