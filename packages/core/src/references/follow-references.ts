/**
 * Reads what the references of a provider lead to: a chunk of its own that the first read loads.
 */
import { errorWith, isSecretError, SecretError } from '../contract/secret-error.ts';
import type {
  ProviderCheck,
  ReadContext,
  ReferenceHop,
  SecretBatch,
  SecretChanges,
  SecretProvider,
  SecretRecord,
  WriteContext,
} from '../contract/secret-provider.ts';
import { withApplied } from '../contract/with-applied.ts';
import { labelOf } from '../words/label.ts';
import type { Reading, Schemes } from './schemes.ts';

type Entry = SecretRecord | SecretError;

/** A name whose value is a reference, and the way that was followed so far. */
interface Open {
  readonly name: string;
  readonly reading: Exclude<Reading, { readonly broken: string }>;
  readonly via: readonly ReferenceHop[];
  /** The references that led here. */
  readonly trail: ReadonlySet<string>;
}

/** What one round of reads has found. */
interface Round {
  readonly entries: Map<string, Entry>;
  readonly next: Open[];
  degraded?: string | undefined;
}

/**
 * Reads names, or all, of `inner`, and in the place of each reference what it leads to. For some names only their own
 * references are followed: others must cost them nothing.
 */
export async function readFollowing(
  inner: SecretProvider,
  schemes: Schemes,
  names: readonly string[] | 'all',
  context: ReadContext,
): Promise<SecretBatch> {
  const batch = await inner.read(names, context);
  const asked = names === 'all' ? undefined : new Set(names);
  const entries = new Map<string, Entry>();
  let open: Open[] = [];
  let complete = batch.complete;
  for (const [name, entry] of batch.entries) {
    const reading = isSecretError(entry) ? undefined : schemes.readingOf(entry.value);
    if (reading === undefined) entries.set(name, entry);
    else if (asked && !asked.has(name)) complete = false;
    else if ('broken' in reading)
      entries.set(name, problem(inner, name, reading.broken, reading.hint));
    else open.push({ name, reading, via: [], trail: new Set() });
  }
  let { degraded } = batch;
  while (open.length > 0) {
    const round: Round = { entries, next: [] };
    await Promise.all(
      [...(await byProvider(inner, schemes, open, entries))].map(([target, those]) =>
        readTarget(inner, schemes, target, those, context, round),
      ),
    );
    degraded ??= round.degraded;
    open = round.next;
  }
  // in the order of the store
  const ordered = [...batch.entries.keys()].flatMap((name) => {
    const entry = entries.get(name);
    return entry ? [[name, entry] as const] : [];
  });
  return {
    ...batch,
    entries: new Map(ordered),
    complete,
    ...(degraded !== undefined && { degraded }),
  };
}

/** The references by the provider that each leads to; one that leads to none has its error in `entries`. */
async function byProvider(
  inner: SecretProvider,
  schemes: Schemes,
  open: readonly Open[],
  entries: Map<string, Entry>,
): Promise<ReadonlyMap<SecretProvider, readonly Open[]>> {
  const groups = new Map<SecretProvider, Open[]>();
  await Promise.all(
    open.map(async (each) => {
      const { scheme, place, name } = each.reading;
      const key = JSON.stringify([scheme, place, name]);
      if (each.trail.has(key)) {
        entries.set(each.name, problem(inner, each.name, 'refers to itself in a circle'));
        return;
      }
      try {
        const target = await schemes.open(scheme, place);
        const known = groups.get(target) ?? [];
        groups.set(target, known);
        known.push({ ...each, trail: new Set([...each.trail, key]) });
      } catch (error) {
        if (!isSecretError(error)) throw error;
        const where = `a place of the scheme ${scheme}`;
        entries.set(each.name, passedOn(inner, each.name, where, error));
      }
    }),
  );
  return groups;
}

async function readTarget(
  inner: SecretProvider,
  schemes: Schemes,
  target: SecretProvider,
  open: readonly Open[],
  context: ReadContext,
  round: Round,
): Promise<void> {
  const names = [...new Set(open.map(({ reading }) => reading.name))];
  const batch = await schemes.ask(target, names, context).catch((error: unknown) => {
    if (!isSecretError(error) || isSecretError(error, 'ERR_SECRET_ABORTED')) throw error;
    return error;
  });
  if (!isSecretError(batch)) round.degraded ??= batch.degraded;
  for (const { name, reading, via, trail } of open) {
    const label = labelOf(target.name, target.store);
    const where = `${reading.name} in ${label}`;
    const entry = isSecretError(batch) ? batch : batch.entries.get(reading.name);
    if (entry === undefined) {
      const { description } = (batch as SecretBatch).missingDocument ?? {};
      const why = description === undefined ? 'does not hold it' : description;
      round.entries.set(name, problem(inner, name, `refers to ${where}, which ${why}`));
    } else if (isSecretError(entry)) round.entries.set(name, passedOn(inner, name, where, entry));
    else {
      const hops = [...via, { provider: target.name, store: target.store, name: reading.name }];
      // a store's own value is final, whatever it looks like
      const next = target.plainText ? schemes.readingOf(entry.value) : undefined;
      if (next === undefined) {
        const { provider: _p, plainText = false, ...record } = entry;
        const isPlain = target.plainText ?? plainText;
        round.entries.set(name, { ...record, via: hops, ...(isPlain && { plainText: true }) });
      } else if ('broken' in next)
        round.entries.set(
          name,
          problem(inner, name, `refers to ${where}, which ${next.broken}`, next.hint),
        );
      else round.next.push({ name, reading: next, via: hops, trail });
    }
  }
}

function problem(
  inner: SecretProvider,
  secretName: string,
  what: string,
  hint = 'Correct the reference, or store the secret where it leads.',
): SecretError {
  return new SecretError('ERR_SECRET_INVALID', `${secretName} ${what}`, {
    provider: inner.name,
    secretName,
    hint,
  });
}

/** The failure of a store that was referred to: the same failure, of the name that refers to it. */
function passedOn(
  inner: SecretProvider,
  secretName: string,
  where: string,
  error: SecretError,
): SecretError {
  const { isMissing: _, ...setting } = error.setting ?? {};
  return errorWith(error, {
    provider: inner.name,
    secretName,
    reason: `${secretName} refers to ${where}: ${error.reason}`,
    // that it lacks a setting says nothing about the provider itself, which a chain could go past
    setting: error.setting && setting,
  });
}

/** What the provider's own check finds, and whether every reference leads to a secret. */
export async function checkReferences(
  inner: SecretProvider,
  schemes: Schemes,
  context: ReadContext,
): Promise<readonly ProviderCheck[]> {
  const own = (await inner.check?.(context)) ?? [];
  const subject = 'references';
  const failing = ({ reason, hint }: SecretError): readonly ProviderCheck[] => [
    ...own,
    { subject, state: 'failing', message: reason, ...(hint && { hint }), code: 'not-followed' },
  ];
  try {
    const { entries } = await readFollowing(inner, schemes, 'all', context);
    const failed = [...entries.values()].find((entry) => isSecretError(entry));
    if (failed) return failing(failed);
    const followed = [...entries.values()].filter((entry) => 'via' in entry).length;
    if (followed === 0) return own;
    const message = `${followed} ${followed === 1 ? 'name refers' : 'names refer'} to other stores, which answer`;
    return [...own, { subject, state: 'ready', message }];
  } catch (error) {
    if (!isSecretError(error)) throw error;
    // its own check has said it
    return own.length > 0 ? own : failing(error);
  }
}

/**
 * Refuses a write over a reference, which would put a secret in plain text where a reference stood.
 *
 * @throws `ERR_SECRET_CONFLICT`; what the provider throws when it is read
 */
export async function refuseReferences(
  inner: SecretProvider,
  schemes: Schemes,
  { entries }: SecretChanges,
  context: WriteContext,
): Promise<void> {
  const written = [...entries].flatMap(([name, value]) => (value === null ? [] : [name]));
  if (written.length === 0) return;
  let held: SecretBatch;
  try {
    held = await inner.read(written, context);
  } catch (error) {
    throw withApplied(error, 'no');
  }
  for (const name of written) {
    const entry = held.entries.get(name);
    if (entry === undefined || isSecretError(entry)) continue;
    if (schemes.readingOf(entry.value) === undefined) continue;
    throw new SecretError('ERR_SECRET_CONFLICT', `${name} is a reference to another store`, {
      provider: inner.name,
      secretName: name,
      hint: 'Change it in that store, or delete the reference first.',
      applied: 'no',
    });
  }
}
