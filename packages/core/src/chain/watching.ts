/**
 * Looks again at what somebody follows: whenever a provider was read or written, and when the first of the
 * values ends or is not fresh any more. While anything is followed, it has the providers read in the background, at every `interval` and
 * whenever one that can watch its store says so.
 */
import { assertKind } from '../arguments/arguments.ts';
import type { Clock } from '../calls/clock.ts';
import { onAbort } from '../calls/on-abort.ts';
import { closedError, isSecretError } from '../contract/secret-error.ts';
import type { SecretRecord } from '../contract/secret-provider.ts';
import type { CachedProvider } from './cached-provider.ts';
import type { Notifier } from './notifier.ts';

/** Looks at what is followed. Resolves to the milliseconds until that has to be done again; rejects for no news. */
export type Look = () => Promise<number>;

/** What a chain gives to those who follow it. */
export interface WatchingOptions {
  readonly clock: Clock;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly notifier: Notifier;
  readonly providers: readonly CachedProvider[];
}

/** Milliseconds from the call of a provider's `watch` until it has begun, also where it loads code or asks its store first. */
const beginning = 1_000;

/** Milliseconds between looks of which each has a store read that gives nothing to keep. */
const pacing = 5_000;

/** Milliseconds of a timer that is there only to keep the process alive. */
const hour = 3_600_000;

const never = Number.POSITIVE_INFINITY;

export class Watching {
  readonly #options: WatchingOptions;
  /** What is looked at, each with what ends it. */
  readonly #followed = new Map<Look, () => void>();
  #active: AbortController | undefined;
  #cancel: (() => void) | undefined;
  #cancelEnd: (() => void) | undefined;
  #cancelPacing: (() => void) | undefined;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(options: WatchingOptions) {
    this.#options = options;
  }

  /**
   * Looks by `look` from now on, until `signal` fires, what is returned is called, or the chain is closed.
   *
   * @param ended - is called once, at whichever of these ends
   * @throws `ERR_SECRET_ABORTED` if the chain is closed
   */
  follow(look: Look, signal?: AbortSignal, ended: () => void = () => {}): () => void {
    if (this.#closed) throw closedError();
    let leave: (() => void) | undefined;
    const end = () => {
      if (!this.#followed.delete(look)) return;
      leave?.();
      if (this.#followed.size === 0) this.#rest();
      ended();
    };
    this.#followed.set(look, end);
    if (signal?.aborted) end();
    else {
      leave = signal && onAbort(signal, end);
      this.#begin();
      this.look();
    }
    return end;
  }

  /** As `SecretProvider.watch`, for a chain that is a provider of another chain. */
  async forwardChanges(changed: () => void, signal: AbortSignal): Promise<void> {
    assertKind(changed, 'a function', 'watch: the listener');
    assertKind(signal, 'an AbortSignal', 'watch: the signal');
    if (this.#closed || signal.aborted) return;
    const stop = this.#options.notifier.on('changed', changed);
    this.#watchProviders(signal);
    await new Promise<void>((resolve) => {
      onAbort(signal, resolve);
    });
    stop();
  }

  /** Keeps the process alive until what is returned is called: a program waits for the next change. */
  keepAlive(): () => void {
    let cancel = () => {};
    const wait = () => {
      cancel = this.#options.clock.schedule(wait, hour);
    };
    wait();
    return () => cancel();
  }

  /**
   * Milliseconds until a value that was read `age` milliseconds ago ends, or is not fresh any more; `Infinity` where
   * neither is so.
   *
   * @param freshFor - milliseconds for which it is fresh; 0 or left out: that is over, or not known
   */
  timeLeftOf({ expiresAt = never, lease }: SecretRecord, age: number, freshFor = 0): number {
    const end = Math.min(
      expiresAt - this.#options.clock.wall(),
      lease ? lease.duration - age : never,
    );
    return Math.min(end, freshFor || never);
  }

  /** Milliseconds after which a whole store is looked at again, since nothing says for how long it is fresh. */
  get soon(): number {
    return this.#options.interval / 10;
  }

  /** Looks again at all that is followed, once however often it is called while it looks. */
  look(): void {
    if (this.#followed.size === 0) return;
    this.#again = true;
    if (this.#looking) return;
    // what comes while nothing is being looked at is news, and not the work of a look
    this.#cancelPacing?.();
    this.#cancelPacing = undefined;
    void this.#lookAround();
  }

  /** Ends all that follows. */
  close(): void {
    this.#closed = true;
    for (const end of [...this.#followed.values()]) end();
  }

  #begin(): void {
    if (this.#active) return;
    this.#active = new AbortController();
    this.#watchProviders(this.#active.signal);
    // a fleet that began at once does not look at once
    this.#schedule(Math.random());
  }

  #watchProviders(signal: AbortSignal): void {
    // one on standby is not asked for news either
    for (const cached of this.#options.providers)
      if (!cached.standby) watchProvider(cached, signal, this.#options.clock);
  }

  #rest(): void {
    this.#active?.abort();
    this.#active = undefined;
    this.#cancel?.();
    this.#cancelEnd?.();
    this.#cancelPacing?.();
    this.#cancelPacing = undefined;
  }

  /** Looks after a `share` of the interval, and then at each. */
  #schedule(share: number): void {
    const { clock, interval } = this.#options;
    this.#cancel = clock.schedule(
      () => {
        this.look();
        this.#schedule(1);
      },
      interval * share,
      true,
    );
  }

  async #lookAround(): Promise<void> {
    this.#looking = true;
    let ends: readonly number[] = [];
    // what is read for a name that was looked at last may change one that was looked at first
    for (let round = 0; this.#again && round < 2; round += 1) {
      this.#again = false;
      ends = await Promise.all([...this.#followed.keys()].map((look) => look().catch(() => never)));
    }
    this.#looking = false;
    if (this.#followed.size === 0) return;
    this.#lookAtEnd(Math.min(...ends.filter((end) => end > 0)));
    // Each look made another read: of a store that refuses, nothing is kept. It must not be asked without end.
    if (this.#again)
      this.#cancelPacing = this.#options.clock.schedule(
        () => {
          this.#cancelPacing = undefined;
          this.look();
        },
        pacing,
        true,
      );
  }

  /** Looks again when the first of the values ends or is not fresh any more, if that is before the next look. */
  #lookAtEnd(first: number): void {
    const { clock, interval } = this.#options;
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    if (first < interval) this.#cancelEnd = clock.schedule(() => this.look(), first + 1, true);
  }
}

/** Lets a provider watch its store, where it can, and reads it again when it says so. */
function watchProvider(cached: CachedProvider, signal: AbortSignal, clock: Clock): void {
  const { provider } = cached;
  if (!provider.watch) return;
  // what was read stays until it is replaced: the store may be in the midst of a change
  const reread = () => void cached.reread({ signal, timeout: cached.timeout });
  (async () => provider.watch?.(reread, signal))().catch((error) => {
    // one that is not configured is reported when it is read
    const isUnconfigured = isSecretError(error) && error.setting?.isMissing;
    if (!signal.aborted && !isUnconfigured) cached.warn('cannot watch its store: it is polled');
  });
  // what was read may have changed before it was watched; one that fails is probed anyway
  const rereadIfReady = () => {
    if (cached.status().state === 'ready') reread();
  };
  onAbort(signal, clock.schedule(rereadIfReady, beginning, true));
}
