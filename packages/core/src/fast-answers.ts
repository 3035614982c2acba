/**
 * Answers that need no look at any clock or provider: what a hot path gets. All of them are let go
 * at once when anything changes or the first of them ends. Time is looked at every 250 ms while they
 * are in use, so an answer may be served that much late, and no timer runs for an idle application.
 */
import type { Clock } from './clock.ts';

const tick = 250;

/** Whoever gave an answer counts how often it was given again. */
interface Counted {
  hits: number;
}

export class FastAnswers {
  readonly #clock: Clock;
  readonly #values = new Map<string, { readonly value: string; readonly source: Counted }>();
  /** How often all were let go. */
  clears = 0;
  /** All hits when last looked at: whether there were more since tells an idle application. */
  #hitsBefore = 0;
  #cancel: (() => void) | undefined;
  /** When the first answer ends, by either clock. */
  #monotonicEnd = 0;
  #wallEnd = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(name: string): string | undefined {
    const kept = this.#values.get(name);
    if (kept === undefined) return undefined;
    kept.source.hits += 1;
    return kept.value;
  }

  /** Keeps an answer for `freshFor` milliseconds at the most. */
  keep(name: string, value: string, source: Counted, freshFor: number): void {
    if (freshFor <= tick) return;
    const monotonicEnd = this.#clock.monotonic() + freshFor;
    const wallEnd = this.#clock.wall() + freshFor;
    if (this.#values.size === 0 || monotonicEnd < this.#monotonicEnd)
      this.#monotonicEnd = monotonicEnd;
    if (this.#values.size === 0 || wallEnd < this.#wallEnd) this.#wallEnd = wallEnd;
    this.#values.set(name, { value, source });
    this.#cancel ??= this.#clock.schedule(this.#onTick, tick, true);
  }

  clear(): void {
    this.clears += 1;
    this.#values.clear();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #onTick = (): void => {
    this.#cancel = undefined;
    const over =
      this.#clock.monotonic() + tick >= this.#monotonicEnd ||
      this.#clock.wall() + tick >= this.#wallEnd;
    let hits = 0;
    for (const { source } of this.#values.values()) hits += source.hits;
    if (over || hits === this.#hitsBefore) this.clear();
    this.#hitsBefore = hits;
    if (this.#values.size > 0) this.#cancel = this.#clock.schedule(this.#onTick, tick, true);
  };
}
