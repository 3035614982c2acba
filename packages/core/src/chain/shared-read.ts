/**
 * One `read` of a provider under way, with however many callers wait for it. An aborted caller
 * leaves the others alone; the last one's abort ends the read.
 */
import type { Clock } from '../calls/clock.ts';
import { providerError, toSecretError } from '../calls/foreign-error.ts';
import { abortReason, limitedCall, timedOut } from '../calls/limited-call.ts';
import { onAbort } from '../calls/on-abort.ts';
import type { SecretError } from '../contract/secret-error.ts';
import type { SecretBatch, SecretProvider, SecretRecord } from '../contract/secret-provider.ts';
import type { ReadAt } from './answer-cache.ts';

/**
 * How a read ended. Never a rejection, so that a read without a waiting caller is no unhandled rejection. `at`: when
 * the request went out that was answered; missing where a caller gave up waiting or the chain was closed.
 */
export type ReadOutcome =
  | { readonly batch: SecretBatch; readonly at: ReadAt; readonly error?: undefined }
  | { readonly batch?: undefined; readonly at?: ReadAt; readonly error: SecretError };

/** How long a caller waits for a read that it may share. */
export interface WaitLimits {
  readonly signal: AbortSignal | undefined;
  /** Milliseconds; the read goes on for other callers when they are over. */
  readonly timeout: number;
}

export interface SharedReadOptions {
  readonly provider: SecretProvider;
  readonly clock: Clock;
  readonly timeout: number;
  readonly warn: (message: string) => void;
  readonly askAgain: () => void;
  /** This moment, in the order of all reads of the provider. */
  readonly now: () => ReadAt;
}

export class SharedRead {
  /** What is asked for; grows until the read starts at the end of the tick. */
  names: Set<string> | 'all' = new Set();
  /** When the provider was asked. */
  startedAt: ReadAt | undefined;
  readonly #options: SharedReadOptions;
  /** Gives the outcome to each caller that waits. */
  readonly #waiting = new Set<(outcome: ReadOutcome) => void>();
  /** What it came to: as soon as that has been taken in, or it was ended. */
  #outcome: ReadOutcome | undefined;
  #endCall: ((reason: SecretError) => void) | undefined;
  #pinned = false;

  constructor(options: SharedReadOptions) {
    this.#options = options;
  }

  /** The names as the provider gets them. */
  get asked(): readonly string[] | 'all' {
    return this.names === 'all' ? 'all' : [...this.names];
  }

  /** Whether the provider has been asked, and its answer is still needed. */
  get isRunning(): boolean {
    return this.startedAt !== undefined && this.#outcome === undefined;
  }

  /** Keeps the read going without a caller: a background refresh or a probe. */
  pin(): void {
    this.#pinned = true;
  }

  add(wanted: readonly string[] | 'all'): void {
    if (wanted === 'all') this.names = 'all';
    else if (this.names !== 'all') for (const name of wanted) this.names.add(name);
  }

  /** Asks the provider, and resolves when it has answered, failed or used up its time. Not called twice. */
  async start(): Promise<ReadOutcome & { readonly at: ReadAt }> {
    const { provider, clock, timeout, warn, askAgain, now } = this.#options;
    this.startedAt = now();
    let last = this.startedAt;
    const stamps = new Map<number, ReadAt>();
    const stamp = () => {
      last = now();
      stamps.set(last.order, last);
      return last.order;
    };
    try {
      const batch = await limitedCall(
        async (context) => {
          const { asked } = this;
          const batch = await provider.read(asked, { stamp, askAgain, ...context });
          return checked(batch, asked, provider.name);
        },
        { clock, timeout, provider: provider.name, warn },
        (end) => {
          this.#endCall = end;
        },
      );
      return { batch, at: stamps.get(batch.stamp ?? 0) ?? this.startedAt };
    } catch (error) {
      return { error: error as SecretError, at: last };
    }
  }

  /** Gives the outcome to every waiting caller, and to those that come later. The first one counts. */
  settle(outcome: ReadOutcome): void {
    this.#outcome ??= outcome;
    for (const give of this.#waiting) give(this.#outcome);
  }

  /** Ends the read with `error` for every waiting caller. */
  end(error: SecretError): void {
    this.#endCall?.(error);
    this.settle({ error });
  }

  /** Waits for the outcome, no longer than the caller does. */
  async wait({ signal, timeout }: WaitLimits): Promise<ReadOutcome> {
    if (this.#outcome) return this.#outcome;
    const { provider, clock } = this.#options;
    return new Promise((resolve) => {
      let leave: (() => void) | undefined;
      const give = (outcome: ReadOutcome): void => {
        this.#waiting.delete(give);
        cancel();
        leave?.();
        resolve(outcome);
      };
      this.#waiting.add(give);
      const cancel = clock.schedule(
        () => give({ error: timedOut(provider.name, timeout) }),
        timeout,
      );
      if (!signal) return;
      const abandon = (): void => {
        const error = abortReason(signal, provider.name);
        give({ error });
        // only an abort empties a read: callers whose time is up leave it to find out about the store
        if (this.startedAt && this.#waiting.size === 0 && !this.#pinned) this.end(error);
      };
      leave = onAbort(signal, abandon);
      if (signal.aborted) abandon();
    });
  }
}

/** A third-party provider in plain JavaScript may return anything: refuse it before it spreads. */
async function checked(
  batch: SecretBatch,
  asked: readonly string[] | 'all',
  provider: string,
): Promise<SecretBatch> {
  if (!(batch?.entries instanceof Map)) throw providerError('returned no map of entries', provider);
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const [name, entry] of batch.entries)
    if (entry instanceof Error) entries.set(name, await toSecretError(entry, provider));
    else if (typeof entry?.value === 'string') entries.set(name, entry);
    else throw providerError('returned a value that is not text', provider);
  // what was asked for all has said of every name whether it is held
  return { ...batch, entries, complete: batch.complete || asked === 'all' };
}
