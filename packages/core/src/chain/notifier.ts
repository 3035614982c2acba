/**
 * Passes events to listeners, and makes sure that a fallback is never silent: a notice without a listener
 * becomes a process warning. A provider's outage is reported once, however many calls it
 * touches, until the provider answers again.
 */
import type { Clock } from '../calls/clock.ts';
import { onAbort } from '../calls/on-abort.ts';
import type { SecretsEvent, SecretsEvents, SecretsEventType } from '../contract/events.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import { labelOf } from '../words/label.ts';
import { evictOldest } from './answer-cache.ts';

/** The process, where it is Node's or like it: in an edge function of Next each function of `process` throws. */
function nodeProcess(): NodeJS.Process | undefined {
  const { process } = globalThis;
  return process?.versions?.node ? process : undefined;
}

// not imported: a bundler for a place without Node fails on the import of a module of Node
const diagnostics = nodeProcess()?.getBuiltinModule?.('node:diagnostics_channel');

type Listener = (event: SecretsEvent) => void;

/** How many warnings are remembered, so that they are not repeated. */
const mostWarned = 100;

export class Notifier {
  readonly #clock: Clock;
  readonly #listeners = new Map<SecretsEventType, Set<Listener>>();
  readonly #outages = new Map<
    SecretProvider,
    { readonly reasons: Set<string>; readonly since: number }
  >();

  readonly #warned = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `listener` until `signal` fires or what is returned is called. */
  on(type: SecretsEventType, listener: Listener, signal?: AbortSignal): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    if (!signal?.aborted) this.#listeners.set(type, listeners.add(listener));
    const stop = () => {
      listeners.delete(listener);
      leave?.();
    };
    const leave = signal && onAbort(signal, stop);
    return stop;
  }

  emit(event: SecretsEvent): void {
    diagnostics?.channel(`keyfall:${event.type}`).publish(event);
    const listeners = this.#listeners.get(event.type);
    if (!listeners?.size) {
      const notice = noticeOf(event);
      if (notice !== undefined) warnProcess(notice, event.type);
      return;
    }
    for (const listener of [...listeners]) callListener(event.type, () => listener(event));
  }

  /** Warns the user, once for each text. */
  warn(provider: string, message: string): void {
    const warning = `${provider}: ${message}`;
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    // never the newest: it may be the one that matters
    evictOldest(this.#warned, mostWarned);
    this.emit({ type: 'warning', provider, message });
  }

  /**
   * Reports that an answer is second-hand: once for each outage, reason and answering provider, because these may
   * alternate: "no provider answers" must not silence that one answers later.
   */
  fallBack(
    provider: SecretProvider,
    facts: Omit<SecretsEvents['fallback'], 'provider' | 'store'>,
  ): void {
    const outage = this.#outages.get(provider);
    const notice = `${facts.reason} ${facts.answeredBy}`;
    if (outage?.reasons.has(notice)) return;
    const { reasons, since } = outage ?? { reasons: new Set(), since: this.#clock.monotonic() };
    this.#outages.set(provider, { reasons: reasons.add(notice), since });
    this.emit({ type: 'fallback', provider: provider.name, store: provider.store, ...facts });
  }

  /** Reports that the provider's value of a name has changed, is new, or was removed. */
  change(
    provider: SecretProvider,
    name: string,
    versionBefore?: string,
    versionAfter?: string,
  ): void {
    this.emit({
      type: 'changed',
      provider: provider.name,
      name,
      ...(versionBefore !== undefined && { versionBefore }),
      ...(versionAfter !== undefined && { versionAfter }),
    });
  }

  /** Reports that the provider answers again, if its outage was reported. */
  recover(provider: SecretProvider): void {
    const outage = this.#outages.get(provider);
    if (outage === undefined) return;
    this.#outages.delete(provider);
    const after = this.#clock.monotonic() - outage.since;
    this.emit({ type: 'recovered', provider: provider.name, store: provider.store, after });
  }
}

/** Calls a user's listener, async or not, which must not decide whether a secret is found. */
function callListener(what: string, call: () => unknown): void {
  // its error's text may hold anything
  (async () => call())().catch(() => warnProcess(`a listener of '${what}' threw`, 'listener'));
}

/** The events that must not pass unheard, as a sentence. */
function noticeOf(event: SecretsEvent): string | undefined {
  if (event.type === 'warning') return `${event.provider}: ${event.message}`;
  if (event.type === 'rejected') return event.detail;
  if (event.type === 'recovered') return `${event.provider} answers again`;
  if (event.type !== 'fallback') return undefined;
  const { provider, store, reason, detail, answeredBy, names } = event;
  const label = labelOf(provider, store);
  const hasAnswered = reason === 'missing-document' || reason === 'unconfigured';
  const said = hasAnswered ? detail : `did not answer: ${detail}`;
  if (answeredBy === 'none') return `${label} ${said}. No other provider answers instead`;
  const what = names.length === 1 ? `${names[0]} comes` : `${names.length} names come`;
  const from = answeredBy === 'last-good' ? 'its last good value' : answeredBy;
  return `${label} ${said}. ${what} from ${from} instead`;
}

function warnProcess(text: string, kind: string): void {
  const code = `KEYFALL_${kind.toUpperCase()}`;
  const process = nodeProcess();
  if (process) process.emitWarning(text, { type: 'KeyfallWarning', code });
  else console.warn(`keyfall: ${text}`);
}
