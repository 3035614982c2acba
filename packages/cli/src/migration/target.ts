/**
 * The store that a migration writes to: asked every time, with time enough for a large document.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import {
  labelOf,
  type ReadContext,
  type SecretProvider,
  type StorePlace,
  type WriteReceipt,
} from '@keyfall/core/provider';
import { oneCall } from '../chain/one-call.ts';
import { openProvider, unlimited } from '../chain/one-provider.ts';
import { listNames, printable } from '../terminal/terminal.ts';
import { placeOf } from './store-identity.ts';

/** What the store holds at one moment. */
export interface TargetContent {
  readonly values: ReadonlyMap<string, string>;
  /** The version of each value, where the store has versions: a replaced value is brought back by it. */
  readonly versions: ReadonlyMap<string, string>;
  /** For a conditional write, where the store has such writes. */
  readonly revision?: string;
}

/** A store that a migration writes to. */
export interface MigrationTarget {
  /** Its name and place, for messages. */
  readonly label: string;
  /** Which store it is, for people. */
  readonly store: string;
  /** The same as facts. */
  readonly place: StorePlace;
  /** Whether a write takes all names or none. */
  readonly isAtomic: boolean;
  /** Whether a replaced value can be read again by its version. */
  readonly keepsVersions: boolean;
  /** Reads the whole document; rejects if the store cannot give one of its names. */
  read(): Promise<TargetContent>;
  /** Writes all of them at once, only if the store is still at that revision; `null` deletes. */
  write(
    entries: ReadonlyMap<string, string | null>,
    revision: string | undefined,
  ): Promise<WriteReceipt>;
  /**
   * What an earlier version held under the name, if that can still be read.
   * @throws what the store answers; `ERR_SECRET_UNAVAILABLE` for no answer
   */
  readVersion(name: string, version: string): Promise<string | undefined>;
  /**
   * Asks the store, where it can be asked, whether it would accept a write.
   * @throws `ERR_SECRET_DENIED` if it would not; `ERR_SECRET_UNSUPPORTED` if it is read-only
   */
  assertWritable(): Promise<void>;
  close(): Promise<void>;
}

/** How a target is asked. */
export interface TargetOptions {
  /** Timeout of one call, in milliseconds. Default 20 000. */
  readonly timeout?: number;
  /** Ends every call. */
  readonly signal?: AbortSignal;
}

/** Opens a provider as a target. */
export function openTarget(
  provider: SecretProvider,
  { timeout = 20_000, signal }: TargetOptions = {},
): MigrationTarget {
  const secrets = openProvider(provider, timeout);
  const chain = secrets.asProvider();
  const context = unlimited(signal);
  const label = printable(labelOf(provider.name, provider.store));
  const readOnly = () =>
    new SecretError('ERR_SECRET_UNSUPPORTED', `${label} cannot be written to`, {
      hint: 'Name another one with --to.',
    });
  /** Asks the provider what a chain does not pass on. Its warnings were said when it was read. */
  const ask = async <Result>(work: (given: ReadContext) => Promise<Result>): Promise<Result> => {
    try {
      return await oneCall(provider, work, { timeout, signal, silent: true });
    } catch (error) {
      if (!isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
      // the error of a timeout does not say whose it was
      throw error.with({
        reason: `${label} could not be asked: ${error.reason}`,
        provider: provider.name,
      });
    }
  };
  return {
    label,
    store: provider.store,
    place: placeOf(provider),
    isAtomic: provider.atomicity !== 'name',
    keepsVersions: provider.readVersion !== undefined,
    async read() {
      const { entries, revision } = await chain.read('all', context);
      const values = new Map<string, string>();
      const versions = new Map<string, string>();
      for (const [name, entry] of entries) {
        // an unreadable value can be neither compared nor brought back
        if (isSecretError(entry)) throw entry;
        values.set(name, entry.value);
        if (entry.version !== undefined) versions.set(name, entry.version);
      }
      return { values, versions, ...(revision !== undefined && { revision }) };
    },
    async write(entries, revision) {
      if (chain.write === undefined) throw readOnly();
      const changes = { entries, ...(revision !== undefined && { ifRevision: revision }) };
      return chain.write(changes, context);
    },
    async readVersion(name, version) {
      const { readVersion } = provider;
      if (readVersion === undefined) return undefined;
      const record = await ask((given) => readVersion.call(provider, name, version, given));
      return record?.value;
    },
    async assertWritable() {
      if (provider.write === undefined) throw readOnly();
      const { check } = provider;
      if (check === undefined) return;
      const lines = await ask((given) => check.call(provider, given));
      const refusal = lines.find(({ code }) => code === 'may-not-write');
      if (refusal !== undefined)
        throw new SecretError(
          'ERR_SECRET_DENIED',
          `${label} would refuse it: these credentials may not write there`,
          { hint: refusal.hint },
        );
    },
    close: () => secrets.close(),
  };
}

/** Whether a write that failed by this error may have changed something: unless the error says that it has not. */
export function mayHaveWritten(error: unknown): boolean {
  return !isSecretError(error) || error.applied !== 'no';
}

/**
 * Reads the store again and compares these names.
 *
 * @param expected - the values that it must hold; `null`: it must not hold the name
 * @returns everything that it holds
 * @throws `ERR_SECRET_INVALID` with the names that differ
 */
export async function verify(
  target: MigrationTarget,
  expected: ReadonlyMap<string, string | null>,
): Promise<ReadonlyMap<string, string>> {
  const { values } = await target.read();
  const differing = [...expected]
    .filter(([name, value]) => (values.get(name) ?? null) !== value)
    .map(([name]) => name);
  if (differing.length > 0)
    throw new SecretError(
      'ERR_SECRET_INVALID',
      `${target.label} was read back, and does not hold what was written for ${listNames(differing)}`,
      {
        hint: 'Nothing else was changed. Check whether another program writes there, and run it again.',
      },
    );
  return values;
}
