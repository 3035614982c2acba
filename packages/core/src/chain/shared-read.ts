/**
 * One `read` of a provider under way, with however many callers wait for it. An aborted caller
 * leaves the others alone; the last one's abort ends the read.
 */
import type { Clock } from '../calls/clock.ts';
import { providerError, toSecretError } from '../calls/foreign-error.ts';
import { abortReason, limitedCall } from '../calls/limited-call.ts';
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
  /** Settles when the read is over and what it says has been taken in. */
  readonly #settled: Promise<ReadOutcome>;
  readonly #options: SharedReadOptions;
  readonly #controller = new AbortController();
  #settle: (outcome: ReadOutcome) => void = () => {};
  #waiting = 0;
  #pinned = false;

  constructor(options: SharedReadOptions) {
    this.#options = options;
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** The names as the provider gets them. */
  get asked(): readonly string[] | 'all' {
    return this.names === 'all' ? 'all' : [...this.names];
  }

  /** Whether the provider has been asked, and its answer is still needed. */
  get isRunning(): boolean {
    return this.startedAt !== undefined && !this.#controller.signal.aborted;
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
    const { signal } = this.#controller;
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
          const batch = await provider.read(asked, { ...context, stamp, askAgain });
          return checked(batch, asked, provider.name);
        },
        { clock, timeout, signal, provider: provider.name, warn },
      );
      return { batch, at: stamps.get(batch.stamp ?? 0) ?? this.startedAt };
    } catch (error) {
      return { error: error as SecretError, at: last };
    }
  }

  /** Gives the outcome to every waiting caller. */
  settle(outcome: ReadOutcome): void {
    this.#settle(outcome);
  }

  /** Ends the read with `error` for every waiting caller. */
  end(error: SecretError): void {
    this.#controller.abort(error);
    this.#settle({ error });
  }

  /** Waits for the outcome, no longer than the caller does. */
  async wait({ signal, timeout }: WaitLimits): Promise<ReadOutcome> {
    const { provider, clock } = this.#options;
    this.#waiting += 1;
    try {
      const bounds = { clock, timeout, signal, provider: provider.name };
      return await limitedCall(() => this.#settled, bounds);
    } catch (error) {
      return { error: error as SecretError };
    } finally {
      this.#waiting -= 1;
      // only an abort empties a read: callers whose time is up leave it to find out about the store
      if (signal?.aborted && this.startedAt && this.#waiting === 0 && !this.#pinned)
        this.end(abortReason(signal, provider.name));
    }
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
