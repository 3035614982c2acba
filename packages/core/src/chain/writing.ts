/**
 * Writing through a chain: to the first provider that can, and never to another one because that one
 * fails. A chunk of its own that the first `set` or `delete` loads: most programs only read.
 */
import { signalOf } from '../arguments/assert-options.ts';
import { contextSignal } from '../arguments/context-signal.ts';
import { providerError } from '../calls/foreign-error.ts';
import { type Applied, isSecretError, SecretError } from '../contract/secret-error.ts';
import type { ReadContext, SecretChanges, WriteReceipt } from '../contract/secret-provider.ts';
import { withApplied } from '../contract/with-applied.ts';
import type { CachedProvider } from './cached-provider.ts';
import { assertName, type Chain, failure } from './chain.ts';
import type { CallOptions, DeleteResult, SetResult } from './secrets.ts';

/** What a chain writes by. */
export interface WritingParts {
  readonly chain: Chain;
  /** The first that can write. */
  readonly target: CachedProvider | undefined;
  /** Timeout of one write, in milliseconds. */
  readonly budget: number;
  /** @throws `ERR_SECRET_ABORTED` if the chain is closed or the signal has fired */
  assertOpen(signal: AbortSignal | undefined): void;
}

/** The writes of one chain. */
export interface Writer {
  /** @throws as `Secrets.set` does */
  set(name: string, value: string, given: CallOptions | undefined): Promise<SetResult>;
  /** @throws as `Secrets.delete` does */
  remove(name: string, given: CallOptions | undefined): Promise<DeleteResult>;
  /** What a chain writes as a provider of another. */
  write(changes: SecretChanges, context: ReadContext): Promise<WriteReceipt>;
}

/** Makes the one writer of a chain: its writes follow one another. */
export function createWriter(parts: WritingParts): Writer {
  /** Settles with the last write that was asked for; never a rejection. */
  let writing: Promise<unknown> = Promise.resolve();

  /**
   * One write after the other, in the order of the calls. Beside each other they would be the other writer
   * to one another: refused where writes are conditional, and where they are not the last might lose.
   * A rejection says what became of it.
   */
  function inTurn(
    target: CachedProvider,
    changes: SecretChanges,
    signal: AbortSignal | undefined,
  ): Promise<WriteReceipt> {
    const before = writing;
    let applied: Applied | undefined = 'no';
    const written = target
      .call(
        async (context) => {
          await before;
          // either may have come before its turn
          context.signal.throwIfAborted();
          parts.assertOpen(undefined);
          applied = undefined;
          try {
            const receipt = await target.provider.write?.(changes, context);
            // a third-party provider may return none, and may have written anyway
            if (Object(receipt) !== receipt)
              throw providerError('returned no receipt', target.provider.name);
            applied = 'yes';
            return receipt as WriteReceipt;
          } catch (error) {
            applied = (isSecretError(error) && error.applied) || 'unknown';
            throw error;
          }
        },
        { signal, timeout: parts.budget },
      )
      .catch(async (error) => {
        // no caller waits past a time limit or an abort, except for what the provider says about it at once
        await new Promise((resolve) => setTimeout(resolve, 0));
        throw withApplied(error, applied ?? 'unknown');
      });
    // one that was given up has not had its turn: who comes after it waits for those before it
    writing = written.catch(() => {}).then(() => before);
    return written;
  }

  async function make(
    entries: SecretChanges['entries'],
    signal: AbortSignal | undefined,
    ifRevision?: string,
    done: 'written' | 'deleted' = 'written',
  ): Promise<{ readonly target: CachedProvider; readonly receipt: WriteReceipt }> {
    const target = await writable(parts, entries, signal).catch((error) => {
      throw withApplied(error, 'no');
    });
    const changes = { entries, ...(ifRevision !== undefined && { ifRevision }) };
    const names = [...entries.keys()];
    const receipt = await inTurn(target, changes, signal).catch((error) => {
      // it may have reached the store all the same
      target.invalidate(names);
      throw failure(names.length === 1 ? names[0] : undefined, target, error, undefined, done);
    });
    target.invalidate(names, receipt.revision);
    for (const [name, value] of entries)
      target.reportWritten(name, value === null ? undefined : receipt.version);
    return { target, receipt };
  }

  return {
    async set(name, value, given) {
      const signal = signalOf(given, 'set');
      // `null` is how a provider is told to delete; here it is a value that a caller is missing
      if (value === null) throw notText(name);
      const { target, receipt } = await make(new Map([[name, value]]), signal);
      const { version } = receipt;
      return { provider: target.provider.name, ...(version !== undefined && { version }) };
    },

    async remove(name, given) {
      const signal = signalOf(given, 'delete');
      const { target } = await make(new Map([[name, null]]), signal, undefined, 'deleted');
      const stillHeldBy: string[] = [];
      const unknown: string[] = [];
      for (const cached of parts.chain.providers) {
        if (cached === target || cached.standby || !parts.chain.allows(cached, name)) continue;
        const answer = await cached.ask(name, { signal, timeout: cached.timeout });
        if (answer.kind === 'failed') unknown.push(cached.provider.name);
        else if (answer.kind !== 'absent') stillHeldBy.push(cached.provider.name);
      }
      return { provider: target.provider.name, stillHeldBy, unknown };
    },

    async write({ entries, ifRevision }, context) {
      const signal = contextSignal(context, 'write');
      return (await make(entries, signal, ifRevision)).receipt;
    },
  };
}

/** The one to write to. @throws if it must not be written to, or cannot */
async function writable(
  parts: WritingParts,
  entries: SecretChanges['entries'],
  signal: AbortSignal | undefined,
): Promise<CachedProvider> {
  const { chain, target } = parts;
  parts.assertOpen(signal);
  const unsupported = (why: string) =>
    new SecretError('ERR_SECRET_UNSUPPORTED', why, { hint: 'Add a provider that can write.' });
  if (!target?.provider.write) throw unsupported('no provider of the chain can write');
  for (const [name, value] of entries) {
    assertName(name);
    if (value !== null && typeof value !== 'string') throw notText(name);
    if (!chain.allows(target, name))
      throw unsupported(
        `${name} may come from ${chain.only.get(name)} alone, and that cannot be written`,
      );
    if (value !== null) await assertNotShadowed(parts, name, target, signal);
  }
  return target;
}

/** The error for a value that is not text. @throws if the name is none */
function notText(secretName: string): SecretError {
  assertName(secretName);
  return new SecretError('ERR_SECRET_CONFIG', `the value for ${secretName} is not text`, {
    secretName,
    applied: 'no',
  });
}

async function assertNotShadowed(
  { chain }: WritingParts,
  name: string,
  target: CachedProvider,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const cached of chain.providers.slice(0, chain.providers.indexOf(target))) {
    // what stands by hides nothing as long as the others answer
    if (cached.standby || !chain.allows(cached, name)) continue;
    const answer = await cached.ask(name, { signal, timeout: cached.timeout });
    if (answer.kind === 'failed') throw failure(name, cached, answer.error, undefined, 'written');
    if (answer.kind !== 'absent')
      throw new SecretError(
        'ERR_SECRET_CONFLICT',
        `${cached.label} holds ${name} and comes before ${target.label}, so a value written there would never be seen`,
        {
          provider: cached.provider.name,
          secretName: name,
          hint: `Change it in ${cached.provider.name}.`,
        },
      );
  }
}
