/**
 * The circuit breaker of one provider. It opens with the first read that the store could not answer:
 * the provider has retried inside its timeout already, and a second caller must not wait for that
 * long again. While it is open no call waits for the store; a probe in the background finds out when
 * it answers again.
 */
import type { Clock } from '../calls/clock.ts';
import type { SecretError } from '../contract/secret-error.ts';

const firstPause = 1_000;
const longestPause = 30_000;

export class Circuit {
  readonly #clock: Clock;
  readonly #probe: () => void;
  #failures = 0;
  #failure: SecretError | undefined;
  #cancel: (() => void) | undefined;

  /** @param probe - asks the store once and reports to `fail` or `close` */
  constructor(clock: Clock, probe: () => void) {
    this.#clock = clock;
    this.#probe = () => {
      this.#cancel = undefined;
      probe();
    };
  }

  /** `half-open`: a probe is under way. */
  get state(): 'closed' | 'open' | 'half-open' {
    if (this.#failure === undefined) return 'closed';
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
    const pause = Math.min(longestPause, firstPause * 2 ** this.#failures);
    this.#failures += 1;
    this.#cancel = this.#clock.schedule(this.#probe, pause * (0.5 + Math.random() / 2), true);
  }

  /** The store answered, whatever it said. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#failures = 0;
    this.#failure = undefined;
  }
}
