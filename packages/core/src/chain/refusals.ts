/**
 * What a store refuses is not asked for again at once: a loop of calls with a revoked token would be as
 * many requests. It is reported once, however often it occurs, and counted.
 */
import type { Clock } from '../calls/clock.ts';
import type { SecretError, SecretErrorCode } from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import type { Notifier } from './notifier.ts';

/** Errors by which a store refuses, as against not answering, or answering something broken. */
const refusals: ReadonlySet<string> = new Set([
  'ERR_SECRET_DENIED',
  'ERR_SECRET_UNAUTHENTICATED',
  'ERR_SECRET_TLS',
]);

/** Whether the store refused, as against not answering, or answering something broken. */
export function isRefusal({ code }: SecretError): boolean {
  return refusals.has(code);
}

export class Refusals {
  readonly #provider: SecretProvider;
  readonly #notifier: Notifier;
  readonly #clock: Clock;
  /** The reported codes, since when the store refuses, and how often it did since the last report. */
  #present:
    | { readonly codes: Set<SecretErrorCode>; readonly since: number; count: number }
    | undefined;

  constructor(provider: SecretProvider, notifier: Notifier, clock: Clock) {
    this.#provider = provider;
    this.#notifier = notifier;
    this.#clock = clock;
  }

  /** A call was refused, by the store or in its name. Reports it, unless that is known. */
  report(error: SecretError): void {
    if (!isRefusal(error)) return;
    this.#present ??= { codes: new Set(), since: this.#clock.monotonic(), count: 0 };
    const present = this.#present;
    present.count += 1;
    if (present.codes.has(error.code)) return;
    present.codes.add(error.code);
    const { code, reason: detail } = error;
    this.#notifier.emit({ type: 'denied', ...this.#who, code, detail, count: present.count });
    present.count = 0;
  }

  /** The store answers again what it refused. Reports that, if the refusal was reported. */
  end(): void {
    const present = this.#present;
    if (!present) return;
    this.#present = undefined;
    const { codes, since, count } = present;
    const code = [...codes].at(-1) as SecretErrorCode;
    const after = this.#clock.monotonic() - since;
    this.#notifier.emit({ type: 'allowed', ...this.#who, code, after, count });
  }

  get #who() {
    const { name: provider, store } = this.#provider;
    return { provider, store };
  }
}
