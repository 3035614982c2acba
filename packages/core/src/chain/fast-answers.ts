/**
 * Answers that need no look at a provider, for hot paths. All of them are dropped at once when anything changes or the
 * first of them ends. The clocks are read for every answer, so that a blocked event loop or a suspended machine makes
 * none older than allowed. Only if calls come so fast that reading the clocks would be most of the work, they are read
 * for one call in many; and every 250 ms while answers are in use, so that no timer runs for an idle application.
 */
import type { Clock } from '../calls/clock.ts';

const tick = 250;

const never = Number.POSITIVE_INFINITY;

/** Milliseconds between two looks that are close together: then the one after may be spared. */
const close = 0.1;

/** How many looks have to be close together, one after another, before any is spared. */
const hot = 1_000;

/** One in so many answers has a look then. */
const stride = 32;

/** The provider of an answer counts how often it was reused. */
interface Counted {
  hits: number;
}

export class FastAnswers {
  readonly #clock: Clock;
  // a settled promise costs a call less than a new one
  readonly #values = new Map<
    string,
    { readonly answer: Promise<string>; readonly cached: Counted }
  >();
  /** How often all were dropped. */
  clears = 0;
  /** All hits when last looked at: an application without more since is idle. */
  #hitsBefore = 0;
  #cancel: (() => void) | undefined;
  /** When the first answer ends, by either clock. */
  #monotonicEnd = never;
  #wallEnd = never;
  /** How many looks came close together, and how many answers are given before the next. */
  #closeLooks = 0;
  #spared = 0;
  #lookedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(name: string): Promise<string> | undefined {
    const kept = this.#values.get(name);
    if (kept === undefined) return undefined;
    if (this.#spared > 0) this.#spared -= 1;
    else if (this.#isOver()) return undefined;
    kept.cached.hits += 1;
    return kept.answer;
  }

  /** Keeps an answer for `freshFor` milliseconds at the most. */
  keep(name: string, value: string, cached: Counted, freshFor: number): void {
    if (freshFor <= tick) return;
    this.#monotonicEnd = Math.min(this.#monotonicEnd, this.#clock.monotonic() + freshFor);
    this.#wallEnd = Math.min(this.#wallEnd, this.#clock.wall() + freshFor);
    this.#values.set(name, { answer: Promise.resolve(value), cached });
    this.#cancel ??= this.#clock.schedule(this.#onTick, tick, true);
  }

  clear(): void {
    this.clears += 1;
    this.#spared = 0;
    this.#values.clear();
    this.#monotonicEnd = never;
    this.#wallEnd = never;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Looks at the clocks, and lets all go if one of them has ended. */
  #isOver(): boolean {
    const now = this.#clock.monotonic();
    const since = now - this.#lookedAt;
    // a process that is put aside for a moment is as busy after it
    if (since < close) this.#closeLooks += 1;
    else if (since > tick) this.#closeLooks = 0;
    this.#spared = this.#closeLooks < hot ? 0 : stride - 1;
    this.#lookedAt = now;
    const over = now >= this.#monotonicEnd || this.#clock.wall() >= this.#wallEnd;
    if (over) this.clear();
    return over;
  }

  readonly #onTick = (): void => {
    this.#cancel = undefined;
    this.#closeLooks = 0;
    this.#spared = 0;
    const over =
      this.#clock.monotonic() + tick >= this.#monotonicEnd ||
      this.#clock.wall() + tick >= this.#wallEnd;
    let hits = 0;
    for (const { cached } of this.#values.values()) hits += cached.hits;
    if (over || hits === this.#hitsBefore) this.clear();
    this.#hitsBefore = hits;
    if (this.#values.size > 0) this.#cancel = this.#clock.schedule(this.#onTick, tick, true);
  };
}
