/**
 * The circuit breaker of one provider. It opens with the first read that the store could not answer:
 * the provider has retried inside its timeout already, and a second caller must not wait for that
 * long again. While it is open no call waits for the store; a probe in the background finds out when
 * it answers again.
 *
 * How soon it probes is decided by whether somebody needs it. While last good values stand in, one process loses nothing by
 * waiting, and a fleet that probes often meets a store that comes back with many times the requests of every day. So the
 * first pause is a part of `ttl` then. Once a call goes without an answer, it is a second.
 */
import type { Clock } from '../calls/clock.ts';
import type { SecretError } from '../contract/secret-error.ts';

const firstPause = 1_000;
const longestPause = 30_000;

export class Circuit {
  readonly #clock: Clock;
  readonly #probe: () => void;
  /** Milliseconds of the first pause while no call needs the store, and of the longest one. */
  readonly #calm: number;
  /** The next pause. Milliseconds. */
  #pause: number;
  #failure: SecretError | undefined;
  #isNeeded = false;
  #cancel: (() => void) | undefined;

  /**
   * @param ttl - milliseconds between two reads of a store that answers
   * @param probe - asks the store once and reports to `fail` or `close`
   */
  constructor(clock: Clock, ttl: number, probe: () => void) {
    this.#clock = clock;
    this.#calm = Math.max(firstPause, ttl / 1.5);
    this.#pause = this.#calm;
    this.#probe = () => {
      this.#cancel = undefined;
      probe();
    };
  }

  /** `half-open`: a probe is under way. */
  get state(): 'closed' | 'open' | 'half-open' {
    if (!this.#failure) return 'closed';
    return this.#cancel ? 'open' : 'half-open';
  }

  /** Why the circuit is open; `undefined` while it is closed. */
  get failure(): SecretError | undefined {
    return this.#failure;
  }

  /**
   * The store could not be asked: opens, and probes after a pause that doubles, half of it random. Reads that
   * were under way when it opened fail as well, which is no news.
   */
  fail(error: SecretError): void {
    this.#failure = error;
    if (this.#cancel) return;
    const delay = (this.#pause * (1 + Math.random())) / 2;
    this.#pause = Math.min(this.#pause * 2, Math.max(this.#calm, longestPause));
    this.#cancel = this.#clock.schedule(this.#probe, delay, true);
  }

  /** A call got no answer of the store: while the circuit is open, it is probed soon. */
  need(): void {
    if (this.#isNeeded || !this.#failure) return;
    this.#isNeeded = true;
    this.#pause = firstPause;
    this.#cancel?.();
    this.#cancel = undefined;
    this.fail(this.#failure);
  }

  /** The store answered, whatever it said. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pause = this.#calm;
    this.#failure = undefined;
    this.#isNeeded = false;
  }
}
