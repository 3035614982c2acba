/**
 * What is asked of a whole chain: everything that it holds, and every provider again. A chunk of its own that
 * the first call loads: many programs only ask for names.
 */
import { signalOf } from '../arguments/arguments.ts';
import { isSecretError, type ProviderAttempt, type SecretError } from '../contract/secret-error.ts';
import type { SecretRecord } from '../contract/secret-provider.ts';
import {
  type Chain,
  couldNotAnswer,
  degradation,
  failure,
  judge,
  judgeFailure,
  outage,
  type Pass,
} from './chain.ts';
import type { CallOptions } from './secrets.ts';
import type { Source } from './source.ts';

/** What the chain found when asked for everything. */
export interface WholeResolution {
  readonly held: ReadonlyMap<string, { readonly record: SecretRecord; readonly source: Source }>;
  readonly degraded: string | undefined;
  /** The providers that answered, and have what they were asked in. */
  readonly answering: readonly Source[];
  /** The revision that each provider's part shows. */
  readonly revisions: ReadonlyMap<Source, string | undefined>;
  /** What `answered` gave when the first of them had answered. */
  readonly stamp: number | undefined;
}

/** A chain, and whether it may be asked. */
export interface WholeChain {
  readonly chain: Chain;
  /** Time limit of one question, in milliseconds. */
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
  { chain: { sources }, budget, assertOpen }: WholeChain,
  given: CallOptions | undefined,
): Promise<void> {
  const signal = signalOf(given, 'refresh');
  assertOpen(signal);
  const reread = (some: readonly Source[]) =>
    Promise.all(some.map((source) => source.reread({ signal, limit: budget })));
  await reread(sources.filter(({ standby }) => !standby));
  // after the others: they tell whether it is needed
  const isNeeded = (source: Source) =>
    sources.slice(0, sources.indexOf(source)).some(({ isPassed }) => isPassed);
  await reread(sources.filter((source) => source.standby && isNeeded(source)));
  assertOpen(signal);
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
  const { sources, only } = chain;
  const limitOf = chain.limits();
  const held = new Map<string, { readonly record: SecretRecord; readonly source: Source }>();
  const unknown = new Map<string, { readonly pass: Pass; readonly error: SecretError }>();
  const passed = new Map<Source, Pass>();
  const stale: Pass[] = [];
  const answering: Source[] = [];
  const revisions = new Map<Source, string | undefined>();
  let degraded: string | undefined;
  let stamp: number | undefined;
  for (const [position, source] of sources.entries()) {
    // one on standby may be needed for some names alone: those that could not be asked for
    const whole = !source.standby || [...passed.values()].some(couldNotAnswer);
    if (!whole && unknown.size === 0) continue;
    const answer = await source.askAll({ signal, limit: limitOf(position) });
    stamp ??= answered();
    const verdict = judge(source, answer);
    if (isSecretError(verdict)) {
      const attempts = attemptsOf([...passed.values(), { source, error: verdict }]);
      throw failure(undefined, source, verdict, attempts);
    }
    if (verdict) passed.set(source, verdict);
    if (answer.kind === 'failed') continue;
    if (answer.kind === 'stale') stale.push(outage(source, answer.error));
    else {
      if (!answer.missingDocument) answering.push(source);
      revisions.set(source, answer.revision);
      degraded ??= answer.degraded;
    }
    for (const [name, entry] of answer.entries) {
      if (held.has(name) || !chain.allows(source, name)) continue;
      if (!whole && !unknown.has(name)) continue;
      if (!isSecretError(entry)) held.set(name, { record: entry, source });
      else {
        const pass = judgeFailure(source, entry);
        if (isSecretError(pass)) throw failure(name, source, pass);
        unknown.set(name, { pass, error: entry });
      }
    }
  }
  for (const [name, { pass, error }] of unknown)
    if (held.has(name)) passed.set(pass.source, pass);
    else throw failure(name, pass.source, error);
  const passes = [...passed.values()];
  for (const { source, error } of passes) {
    if (!error) continue;
    const after = sources.slice(sources.indexOf(source) + 1);
    const covered = answering.some((other) => after.includes(other));
    const lost = [...only].find(
      ([name, bound]) => bound === source.provider.name && !held.has(name),
    );
    if (!covered || lost) throw failure(lost?.[0], source, error);
  }
  for (const pass of [...passes, ...stale]) {
    const from = sources.indexOf(pass.source) + (stale.includes(pass) ? 0 : 1);
    const later = sources.slice(from);
    const names = [...held]
      .filter(([, { source }]) => later.includes(source))
      .map(([name]) => name);
    const next = later.find((source) => answering.includes(source));
    chain.tell([pass], names, stale.includes(pass) ? 'last-good' : (next?.provider.name ?? 'none'));
    degraded ??= degradation(pass);
  }
  return { held, degraded, revisions, answering, stamp };
}

/** What those said that gave no answer. */
function attemptsOf(passes: readonly Pick<Pass, 'source' | 'error'>[]): readonly ProviderAttempt[] {
  return passes.flatMap(({ source: { provider }, error }) =>
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
