/**
 * What a chain says as a provider of another chain.
 */
import { assertKind } from '../arguments/arguments.ts';
import { contextSignal } from '../arguments/context-signal.ts';
import { isSecretError, type SecretError } from '../contract/secret-error.ts';
import type {
  NameReading,
  ReadContext,
  SecretBatch,
  SecretRecord,
} from '../contract/secret-provider.ts';
import type { CachedProvider } from './cached-provider.ts';
import type { Resolution } from './chain.ts';
import {
  list as listNames,
  resolveAll,
  type WholeChain,
  type WholeResolution,
} from './whole-chain.ts';

/** What a chain is asked by, as a provider. */
export interface AskedChain extends WholeChain {
  readonly resolve: (name: string, signal: AbortSignal | undefined) => Promise<Resolution>;
  /** Where it writes, whose revision then is the chain's. */
  readonly target: CachedProvider | undefined;
}

/** As `SecretProvider.read`. */
export async function read(
  parts: AskedChain,
  names: readonly string[] | 'all',
  context: ReadContext,
): Promise<SecretBatch> {
  if (names !== 'all') assertKind(names, 'a list of texts', 'read: the names');
  const signal = contextSignal(context, 'read');
  return names === 'all'
    ? wholeBatch(await resolveAll(parts, signal, context.stamp), parts.target)
    : batchOf(names, (name) => parts.resolve(name, signal), context.stamp);
}

/** As `SecretProvider.list`. */
export async function list(parts: WholeChain, context: ReadContext): Promise<string[]> {
  const signal = contextSignal(context, 'list');
  return listNames(parts, signal && { signal });
}

/** All that a chain holds. */
function wholeBatch(
  { held, degraded, revisions, answering, stamp }: WholeResolution,
  target: CachedProvider | undefined,
): SecretBatch {
  const revision = target && revisions.get(target);
  const entries = new Map<string, SecretRecord>();
  for (const [name, found] of held) entries.set(name, attributed(found));
  return {
    entries,
    complete: true,
    ...(revision !== undefined && { revision }),
    ...(degraded !== undefined && { degraded }),
    ...(stamp !== undefined && { stamp }),
    // a provider without its optional document is no reason for a notice, and then nothing is second-hand
    ...(answering.length + held.size === 0 && {
      missingDocument: { description: nowhere, optional: degraded === undefined },
    }),
  };
}

const nowhere = 'has none of the places that it would look in';

/**
 * What a chain answers for each of `names`.
 *
 * @throws the first failure, if no provider could be asked for any name: then the chain itself could not be
 *   asked
 */
async function batchOf(
  names: readonly string[],
  resolve: (name: string) => Promise<Resolution>,
  stampNow: ReadContext['stamp'],
): Promise<SecretBatch> {
  let stamp: number | undefined;
  const resolutions = await Promise.all(
    names.map(async (name) => {
      const resolution = await resolve(name);
      // a chain never goes back: what it answers is as new as the moment at which it does
      stamp ??= stampNow?.();
      return resolution;
    }),
  );
  const missing = resolutions.map((each) => (each.kind === 'missing' ? each.nowhere : undefined));
  if (missing.length > 0 && missing.every((each) => each !== undefined)) {
    const optional = missing.every((each) => each?.optional);
    const missingDocument = { description: nowhere, optional };
    return { entries: new Map(), complete: true, missingDocument, ...(stamp && { stamp }) };
  }
  const entries = new Map<string, SecretRecord | SecretError>();
  let degraded: string | undefined;
  for (const [index, resolution] of resolutions.entries()) {
    const name = names[index] ?? '';
    if (resolution.kind === 'failed') entries.set(name, resolution.error);
    if (resolution.kind !== 'found') continue;
    entries.set(name, attributed(resolution));
    degraded ??= resolution.degraded;
  }
  const errors = [...entries.values()].filter((entry) => isSecretError(entry));
  const asked = resolutions.flatMap(({ attempts }) => attempts);
  const nobodyAnswered = asked.every(
    ({ outcome }) => outcome === 'failed' || outcome === 'skipped',
  );
  if (errors[0] && nobodyAnswered) throw errors[0];
  return {
    entries,
    complete: false,
    ...(degraded !== undefined && { degraded }),
    ...(stamp !== undefined && { stamp }),
  };
}

/** What there is to say about names: each by the provider whose answer counts, or that could have another. */
export async function readings(
  parts: WholeChain,
  context: ReadContext,
): Promise<readonly NameReading[]> {
  const { held } = await resolveAll(parts, contextSignal(context, 'readings'));
  const all: NameReading[] = [];
  for (const cached of parts.chain.providers)
    for (const reading of (await cached.provider.readings?.(context)) ?? [])
      if ((held.get(reading.name)?.cached ?? cached) === cached) all.push(reading);
  return all;
}

/** A record that says which provider of the chain gave it. */
function attributed({
  record,
  cached,
}: {
  record: SecretRecord;
  cached: CachedProvider;
}): SecretRecord {
  const { name, plainText = record.plainText } = cached.provider;
  return { ...record, provider: name, ...(plainText && { plainText }) };
}
