/**
 * Writing through a chain: to the first provider that can, and never to another one because that one
 * fails. A chunk of its own that the first `set` or `delete` loads: most programs only read.
 */
import { assertName, type Chain, failure } from './chain.ts';
import { SecretError, withApplied } from './secret-error.ts';
import type { SecretChanges, WriteReceipt } from './secret-provider.ts';
import type { DeleteResult, SetResult } from './secrets.ts';
import type { Source } from './source.ts';

/** What a chain writes by. */
export interface WritingParts {
  readonly chain: Chain;
  readonly sources: readonly Source[];
  /** The first that can write. */
  readonly target: Source | undefined;
  /** Time limit of one write, in milliseconds. */
  readonly budget: number;
  /** @throws `ERR_SECRET_ABORTED` if the chain is closed or the signal has fired */
  assertOpen(signal: AbortSignal | undefined): void;
}

/** @throws as `Secrets.set` does */
export async function set(
  parts: WritingParts,
  name: string,
  value: string,
  signal: AbortSignal | undefined,
): Promise<SetResult> {
  const { target, receipt } = await make(parts, new Map([[name, value]]), signal);
  const { version } = receipt;
  return { provider: target.provider.name, ...(version !== undefined && { version }) };
}

/** @throws as `Secrets.delete` does */
export async function remove(
  parts: WritingParts,
  name: string,
  signal: AbortSignal | undefined,
): Promise<DeleteResult> {
  const { target } = await make(parts, new Map([[name, null]]), signal, undefined, 'deleted');
  const stillHeldBy: string[] = [];
  const unknown: string[] = [];
  for (const source of parts.sources) {
    if (source === target || source.standby || !parts.chain.allows(source, name)) continue;
    const answer = await source.ask(name, { signal, limit: source.timeout });
    if (answer.kind === 'failed') unknown.push(source.provider.name);
    else if (answer.kind !== 'absent') stillHeldBy.push(source.provider.name);
  }
  return { provider: target.provider.name, stillHeldBy, unknown };
}

/** What a chain writes as a provider of another. */
export async function write(
  parts: WritingParts,
  { entries, ifRevision }: SecretChanges,
  signal: AbortSignal | undefined,
): Promise<WriteReceipt> {
  return (await make(parts, entries, signal, ifRevision)).receipt;
}

async function make(
  parts: WritingParts,
  entries: SecretChanges['entries'],
  signal: AbortSignal | undefined,
  ifRevision?: string,
  done: 'written' | 'deleted' = 'written',
): Promise<{ readonly target: Source; readonly receipt: WriteReceipt }> {
  const target = await writable(parts, entries, signal).catch((error) => {
    throw withApplied(error, 'no');
  });
  const changes = { entries, ...(ifRevision !== undefined && { ifRevision }) };
  let revision: string | undefined;
  try {
    const receipt = await target.write(changes, { signal, limit: parts.budget });
    revision = receipt.revision;
    for (const [name, value] of entries)
      target.tellWritten(name, value === null ? undefined : receipt.version);
    return { target, receipt };
  } catch (error) {
    const [name, ...others] = entries.keys();
    const what = others.length === 0 ? name : undefined;
    throw failure(what, target, error as SecretError, [], done);
  } finally {
    // a write that failed may have reached the store all the same
    target.forget([...entries.keys()], revision);
  }
}

/** The one to write to. @throws if it must not be written to, or cannot */
async function writable(
  parts: WritingParts,
  entries: SecretChanges['entries'],
  signal: AbortSignal | undefined,
): Promise<Source> {
  const { chain, target } = parts;
  parts.assertOpen(signal);
  const unsupported = (why: string) =>
    new SecretError('ERR_SECRET_UNSUPPORTED', why, { hint: 'Add a provider that can write.' });
  if (!target?.provider.write) throw unsupported('no provider of the chain can write');
  for (const [name, value] of entries) {
    assertName(name);
    if (value !== null && typeof value !== 'string')
      throw new SecretError('ERR_SECRET_CONFIG', `the value for ${name} is not text`, {
        secretName: name,
      });
    if (!chain.allows(target, name))
      throw unsupported(
        `${name} may come from ${chain.boundTo(name)} alone, and that cannot be written`,
      );
    if (value !== null) await assertNotShadowed(parts, name, target, signal);
  }
  return target;
}

async function assertNotShadowed(
  { chain, sources }: WritingParts,
  name: string,
  target: Source,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const source of sources.slice(0, sources.indexOf(target))) {
    // what stands by hides nothing as long as the others answer
    if (source.standby || !chain.allows(source, name)) continue;
    const answer = await source.ask(name, { signal, limit: source.timeout });
    if (answer.kind === 'failed') throw failure(name, source, answer.error, [], 'written');
    if (answer.kind !== 'absent')
      throw new SecretError(
        'ERR_SECRET_CONFLICT',
        `${source.label} holds ${name} and comes before ${target.label}, so a value written there would never be seen`,
        {
          provider: source.provider.name,
          secretName: name,
          hint: `Change it in ${source.provider.name}.`,
        },
      );
  }
}
