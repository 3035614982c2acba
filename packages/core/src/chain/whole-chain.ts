/**
 * What is asked of a whole chain: everything that it holds, and every provider again. A chunk of its own that
 * the first call loads: many programs only ask for names.
 */
import { signalOf } from '../arguments/assert-options.ts';
import { isSecretError, type ProviderAttempt, type SecretError } from '../contract/secret-error.ts';
import type { SecretRecord } from '../contract/secret-provider.ts';
import type { CachedProvider } from './cached-provider.ts';
import {
  type Chain,
  classifyAnswer,
  classifyFailure,
  couldNotAnswer,
  degradation,
  type FallbackCause,
  failure,
  outage,
} from './chain.ts';
import type { CallOptions } from './secrets.ts';

/** What the chain found when asked for everything. */
export interface WholeResolution {
  readonly held: ReadonlyMap<
    string,
    { readonly record: SecretRecord; readonly cached: CachedProvider }
  >;
  readonly degraded: string | undefined;
  /** The providers that answered, and have what they were asked in. */
  readonly answering: readonly CachedProvider[];
  /** The revision that each provider's part shows. */
  readonly revisions: ReadonlyMap<CachedProvider, string | undefined>;
  /** What `answered` gave when the first of them had answered. */
  readonly stamp: number | undefined;
}

/** A chain, and whether it may be asked. */
export interface WholeChain {
  readonly chain: Chain;
  /** Milliseconds that one question may take. */
  readonly budget: number;
  /** @throws `ERR_SECRET_ABORTED` if the chain is closed or the signal has fired */
  assertOpen(signal: AbortSignal | undefined): void;
}

/** As `Secrets.getAll`. */
export async function getAll(
  parts: WholeChain,
  given: CallOptions | undefined,
): Promise<Readonly<Record<string, string>>> {
  const { held } = await resolveAll(parts, signalOf(given, 'getAll'));
  const all: Record<string, string> = Object.create(null);
  for (const [name, { record }] of held) all[name] = record.value;
  return Object.freeze(all);
}

/** As `Secrets.list`. */
export async function list(parts: WholeChain, given: CallOptions | undefined): Promise<string[]> {
  return [...(await resolveAll(parts, signalOf(given, 'list'))).held.keys()].sort();
}

/** Asks every provider again, as `Secrets.refresh`; one on standby only where it is needed. */
export async function refresh(
  { chain: { providers }, budget, assertOpen }: WholeChain,
  given: CallOptions | undefined,
): Promise<void> {
  const signal = signalOf(given, 'refresh');
  assertOpen(signal);
  const reread = (some: readonly CachedProvider[]) =>
    Promise.all(some.map((cached) => cached.reread({ signal, timeout: budget })));
  await reread(providers.filter(({ standby }) => !standby));
  // after the others, which decide whether it is needed
  const isNeeded = (cached: CachedProvider) =>
    providers.slice(0, providers.indexOf(cached)).some(isBypassed);
  await reread(providers.filter((cached) => cached.standby && isNeeded(cached)));
  assertOpen(signal);
}

/** Whether the chain would go on to the next provider now. */
function isBypassed(cached: CachedProvider): boolean {
  const { code } = cached.status();
  return code !== undefined && cached.allowsFallback({ code });
}

/**
 * Everything that the chain holds; earlier providers win.
 *
 * @param answered - is called once, when the first provider has answered
 * @throws `SecretError` as `Secrets.getAll` does
 */
export async function resolveAll(
  { chain, assertOpen }: WholeChain,
  signal: AbortSignal | undefined,
  answered: () => number | undefined = () => undefined,
): Promise<WholeResolution> {
  assertOpen(signal);
  const { providers, only } = chain;
  const timeoutOf = chain.timeouts();
  const held = new Map<
    string,
    { readonly record: SecretRecord; readonly cached: CachedProvider }
  >();
  const unknown = new Map<string, { readonly cause: FallbackCause; readonly error: SecretError }>();
  const bypassed = new Map<CachedProvider, FallbackCause>();
  const stale: FallbackCause[] = [];
  const answering: CachedProvider[] = [];
  const revisions = new Map<CachedProvider, string | undefined>();
  let degraded: string | undefined;
  let stamp: number | undefined;
  for (const [position, cached] of providers.entries()) {
    // one on standby may be needed for some names alone: those that could not be asked for
    const whole = !cached.standby || [...bypassed.values()].some(couldNotAnswer);
    if (!whole && unknown.size === 0) continue;
    const answer = await cached.askAll({ signal, timeout: timeoutOf(position) });
    stamp ??= answered();
    const classified = classifyAnswer(cached, answer);
    if (isSecretError(classified)) {
      const attempts = attemptsOf([...bypassed.values(), { cached, error: classified }]);
      throw failure(undefined, cached, classified, attempts);
    }
    if (classified) bypassed.set(cached, classified);
    if (answer.kind === 'failed') continue;
    if (answer.kind === 'stale') stale.push(outage(cached, answer.error));
    else {
      if (!answer.missingDocument) answering.push(cached);
      revisions.set(cached, answer.revision);
      degraded ??= answer.degraded;
    }
    for (const [name, entry] of answer.entries) {
      if (held.has(name) || !chain.allows(cached, name)) continue;
      if (!whole && !unknown.has(name)) continue;
      if (!isSecretError(entry)) held.set(name, { record: entry, cached });
      else {
        const cause = classifyFailure(cached, entry);
        if (isSecretError(cause)) throw failure(name, cached, cause);
        unknown.set(name, { cause, error: entry });
      }
    }
  }
  for (const [name, { cause, error }] of unknown)
    if (held.has(name)) bypassed.set(cause.cached, cause);
    else throw failure(name, cause.cached, error);
  const causes = [...bypassed.values()];
  for (const { cached, error } of causes) {
    if (!error) continue;
    const after = providers.slice(providers.indexOf(cached) + 1);
    const covered = answering.some((other) => after.includes(other));
    const lost = [...only].find(
      ([name, bound]) => bound === cached.provider.name && !held.has(name),
    );
    if (!covered || lost) throw failure(lost?.[0], cached, error);
  }
  for (const cause of [...causes, ...stale]) {
    const from = providers.indexOf(cause.cached) + (stale.includes(cause) ? 0 : 1);
    const later = providers.slice(from);
    const names = [...held]
      .filter(([, { cached }]) => later.includes(cached))
      .map(([name]) => name);
    const next = later.find((cached) => answering.includes(cached));
    chain.reportFallback(
      [cause],
      names,
      stale.includes(cause) ? 'last-good' : (next?.provider.name ?? 'none'),
    );
    degraded ??= degradation(cause);
  }
  return { held, degraded, revisions, answering, stamp };
}

/** What those said that gave no answer. */
function attemptsOf(
  causes: readonly Pick<FallbackCause, 'cached' | 'error'>[],
): readonly ProviderAttempt[] {
  return causes.flatMap(({ cached: { provider }, error }) =>
    error
      ? {
          provider: provider.name,
          store: provider.store,
          outcome: 'failed',
          reason: error.reason,
          code: error.code,
        }
      : [],
  );
}
