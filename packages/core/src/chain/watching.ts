/**
 * Reports when the answer for a name changes. It asks the chain again whenever a provider was read or written, and has
 * the providers read in the background while there are watchers: at every `interval`, and whenever a provider that
 * watches its store reports a change.
 */
import { assertFunction, assertSignal, assertTexts } from '../arguments/arguments.ts';
import { signalOf } from '../arguments/assert-options.ts';
import type { Clock } from '../calls/clock.ts';
import { onAbort } from '../calls/on-abort.ts';
import { closedError, isSecretError, type SecretError } from '../contract/secret-error.ts';
import type { CachedProvider } from './cached-provider.ts';
import type { Resolution } from './chain.ts';
import { callListener, type Notifier } from './notifier.ts';
import type { CallOptions, SecretChange } from './secrets.ts';

/** Hears what the chain answers for a name now, and how that differs from what this one has heard. */
type Hear = (resolution: Resolution, change: SecretChange | undefined) => void;

interface Observer {
  /** What it has heard last, a failure aside. */
  last: Resolution;
  readonly hear: Hear;
}

/** What a chain gives to those who watch it. */
export interface WatchingOptions {
  readonly clock: Clock;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly notifier: Notifier;
  /** Rejects if the chain is closed, the name is none, or the signal fires. */
  readonly resolve: (name: string, signal?: AbortSignal) => Promise<Resolution>;
  readonly providers: readonly CachedProvider[];
}

/** Milliseconds between a read and a watch that begins for which the read is not repeated. */
const unwatched = 1_000;

/** Milliseconds between looks of which each makes a store be read that gives nothing to keep. */
const pacing = 5_000;

export class Watching {
  readonly #options: WatchingOptions;
  readonly #names = new Map<string, Set<Observer>>();
  readonly #endings = new Set<() => void>();
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

  /** As `SecretProvider.watch`, for a chain that is a provider of another chain. */
  async forwardChanges(changed: () => void, signal: AbortSignal): Promise<void> {
    assertFunction(changed, 'watch: the listener');
    assertSignal(signal, 'watch: the signal');
    if (this.#closed || signal.aborted) return;
    const stop = this.#options.notifier.on('changed', changed);
    this.#watchProviders(signal);
    await new Promise<void>((resolve) => {
      onAbort(signal, resolve);
    });
    stop();
  }

  /** As `Secrets.watch`. `stop` ends it from outside. */
  async *changes(name: string, stop: AbortSignal): AsyncGenerator<SecretChange, void, undefined> {
    // one place for what was not taken yet: a slow consumer loses no state and piles nothing up
    let pending: SecretChange | undefined;
    let wake = () => {};
    let over: boolean;
    const end = () => {
      over = true;
      wake();
    };
    const leave = await this.#observe(
      [name],
      () => (_, change) => {
        if (!change) return;
        pending = pending?.versionBefore
          ? { ...change, versionBefore: pending.versionBefore }
          : change;
        wake();
      },
      stop,
    ).catch((error: unknown) => {
      // who ends it, ends it as quietly before its first answer as after it
      if (!stop.aborted) throw error;
    });
    if (!leave) return;
    this.#endings.add(end);
    // either may have happened while the first answer was being read
    over = this.#closed || stop.aborted;
    const ignore = onAbort(stop, end);
    try {
      while (!over) {
        const change = pending;
        pending = undefined;
        if (change) yield change;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      leave();
      this.#endings.delete(end);
      ignore();
    }
  }

  /** As `Secrets.onChange`. */
  async onChange(
    given: string | readonly string[],
    listener: (change: SecretChange) => void,
  ): Promise<() => void> {
    const names = typeof given === 'string' ? [given] : given;
    assertTexts(names, 'onChange: the names');
    assertFunction(listener, 'onChange: the listener');
    return this.#observe(names, () => (_, change) => {
      if (change) callListener('onChange', () => listener(change));
    });
  }

  /** As `Secrets.view`. */
  async view(
    names: readonly string[],
    given: CallOptions | undefined,
  ): Promise<Readonly<Record<string, string>>> {
    assertTexts(names, 'view: the names');
    const signal = signalOf(given, 'view');
    const now = new Map<string, Resolution>();
    let failure: SecretError | undefined;
    const stop = await this.#observe(
      names,
      (name) => (resolution) => {
        if (resolution.kind !== 'found') failure ??= resolution.error;
        now.set(name, resolution);
      },
      signal,
    );
    if (failure || signal?.aborted) stop();
    if (failure) throw failure;
    if (signal) {
      const leave = onAbort(signal, () => {
        stop();
        this.#endings.delete(leave);
      });
      this.#endings.add(leave);
    }
    const view: Record<string, string> = Object.create(null);
    // accessors, since what is frozen or sealed could not follow if its properties were values
    for (const name of now.keys())
      Object.defineProperty(view, name, {
        enumerable: true,
        get() {
          const resolution = now.get(name) as Resolution;
          if (resolution.kind !== 'found') throw resolution.error;
          return resolution.record.value;
        },
      });
    return Object.freeze(view);
  }

  /** Looks at every watched name again, once however often it is called while it looks. */
  look(): void {
    if (this.#names.size === 0) return;
    this.#again = true;
    if (this.#looking) return;
    // a change between two looks is news
    this.#cancelPacing?.();
    this.#cancelPacing = undefined;
    void this.#lookAround();
  }

  /** Ends every watch. */
  close(): void {
    this.#closed = true;
    for (const end of this.#endings) end();
    this.#names.clear();
    this.#rest();
  }

  /** Observes names from what is answered for them now; returns what stops it. */
  async #observe(
    names: readonly string[],
    hearerOf: (name: string) => Hear,
    signal?: AbortSignal,
  ): Promise<() => void> {
    const stops: (() => void)[] = [];
    const stop = () => {
      for (const one of stops.splice(0)) one();
    };
    const first = await Promise.all(names.map((name) => this.#options.resolve(name, signal)));
    if (this.#closed) throw closedError();
    for (const [index, name] of names.entries()) {
      const observer = { last: first[index] as Resolution, hear: hearerOf(name) };
      const observers = this.#names.get(name) ?? new Set();
      this.#names.set(name, observers.add(observer));
      observer.hear(observer.last, undefined);
      stops.push(() => {
        observers.delete(observer);
        if (observers.size === 0) this.#names.delete(name);
        if (this.#names.size === 0) this.#rest();
      });
    }
    this.#begin();
    this.look();
    return stop;
  }

  #begin(): void {
    if (this.#active || this.#names.size === 0) return;
    this.#active = new AbortController();
    this.#watchProviders(this.#active.signal);
    this.#schedule();
  }

  #watchProviders(signal: AbortSignal): void {
    // one on standby is not asked for news either
    for (const cached of this.#options.providers)
      if (!cached.standby) watchProvider(cached, signal);
  }

  #rest(): void {
    this.#active?.abort();
    this.#active = undefined;
    this.#cancel?.();
    this.#cancelEnd?.();
    this.#cancelPacing?.();
    this.#cancelPacing = undefined;
  }

  #schedule(): void {
    const { clock, interval } = this.#options;
    // a little longer than an answer is fresh, so that a new read is made
    const pause = interval * (1 + Math.random() / 10);
    this.#cancel = clock.schedule(
      () => {
        this.look();
        this.#schedule();
      },
      pause,
      true,
    );
  }

  async #lookAround(): Promise<void> {
    this.#looking = true;
    // what is read for a name that was looked at last may change one that was looked at first
    for (let round = 0; this.#again && round < 2; round += 1) {
      this.#again = false;
      await Promise.all([...this.#names].map(([name, observers]) => this.#lookAt(name, observers)));
    }
    this.#looking = false;
    if (this.#names.size === 0) return;
    this.#lookAtEnd();
    // Each look made another read: of a store that refuses nothing is kept. It must not be asked without end.
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

  /** Looks again when the first of the watched values ends, if that is before the next look. */
  #lookAtEnd(): void {
    const { clock, interval } = this.#options;
    const observers = [...this.#names.values()].flatMap((each) => [...each]);
    const never = Number.POSITIVE_INFINITY;
    const ends = observers.map(({ last }) => {
      if (last.kind !== 'found') return never;
      const { expiresAt = never, lease } = last.record;
      return Math.min(expiresAt - clock.wall(), lease ? lease.duration - last.age : never);
    });
    const first = Math.min(...ends.filter((end) => end > 0));
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    if (first < interval) this.#cancelEnd = clock.schedule(() => this.look(), first + 1, true);
  }

  async #lookAt(name: string, observers: ReadonlySet<Observer>): Promise<void> {
    const now = await this.#options.resolve(name).catch(() => undefined);
    if (now === undefined) return; // closed meanwhile
    for (const observer of [...observers]) {
      // a failing store changes nothing: the last answer stays until a new one is read
      const change = now.kind === 'failed' ? undefined : changeOf(name, observer.last, now);
      if (now.kind !== 'failed') observer.last = now;
      // what one of them does must not keep the others from hearing
      callListener('watch', () => observer.hear(now, change));
    }
  }
}

/** Lets a provider watch its store, where it can, and reads it anew when it says so. */
function watchProvider(cached: CachedProvider, signal: AbortSignal): void {
  const { provider } = cached;
  // what was read stays until it is replaced: the store may be in the midst of a change
  const reread = () => void cached.reread({ signal, timeout: cached.timeout });
  (async () => provider.watch?.(reread, signal))().catch((error) => {
    // one that is not configured is told of when it is read
    const isUnconfigured = isSecretError(error) && error.setting?.isMissing;
    if (!signal.aborted && !isUnconfigured) cached.warn('cannot watch its store: it is polled');
  });
  // what was read before may have changed before it was watched
  if (provider.watch && cached.age > unwatched) reread();
}

function changeOf(name: string, before: Resolution, now: Resolution): SecretChange | undefined {
  const old = before.kind === 'found' ? before.record : undefined;
  const record = now.kind === 'found' ? now.record : undefined;
  if (old?.value === record?.value) return undefined;
  return {
    name,
    ...(now.kind === 'found' && { provider: now.cached.provider.name }),
    ...(old?.version !== undefined && { versionBefore: old.version }),
    ...(record?.version !== undefined && { versionAfter: record.version }),
  };
}
