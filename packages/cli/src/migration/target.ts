/**
 * The store side of a migration: no cache, no last good values, time enough for a large document.
 */
import { isSecretError, SecretError, type SecretErrorDetails } from '@keyfall/core';
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

/** What the store holds, at one moment. */
export interface TargetContent {
  readonly values: ReadonlyMap<string, string>;
  /** The version of each value, where the store has them: what brings it back once it is replaced. */
  readonly versions: ReadonlyMap<string, string>;
  /** For a conditional write; missing where the store has none. */
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
  /** Whether a write that fails has written nothing. */
  readonly isAtomic: boolean;
  /** Whether what is replaced can be read again by its version. */
  readonly keepsVersions: boolean;
  /** Reads the whole document from the store itself; rejects if it cannot give one of its names. */
  read(): Promise<TargetContent>;
  /** One write of all, only if the store is still at that revision; `null` deletes. */
  write(
    entries: ReadonlyMap<string, string | null>,
    revision: string | undefined,
  ): Promise<WriteReceipt>;
  /**
   * What an earlier version held under the name, if it can still be read.
   * @throws what the store answers; `ERR_SECRET_UNAVAILABLE` for no answer, or one that says nothing
   */
  readVersion(name: string, version: string): Promise<string | undefined>;
  /**
   * Asks the store, where it can be asked, whether it would take a write.
   * @throws `ERR_SECRET_DENIED` if it says no; `ERR_SECRET_UNSUPPORTED` if nothing can be written there
   */
  assertWritable(): Promise<void>;
  close(): Promise<void>;
}

/** How a target is asked. */
export interface TargetOptions {
  /** Time limit of one call, in milliseconds. Default 20 000. */
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
  const unavailable = (reason: string, details: SecretErrorDetails = {}) =>
    new SecretError('ERR_SECRET_UNAVAILABLE', reason, { provider: provider.name, ...details });
  /** What the chain does not hand on. What it warns of, reading has told. */
  const ask = async <Result>(work: (given: ReadContext) => Promise<Result>): Promise<Result> => {
    try {
      return await oneCall(provider, work, { timeout, signal, silent: true });
    } catch (error) {
      if (!isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
      // a time limit does not know whose it is
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
        // what cannot be read can be neither compared nor brought back
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
      const record = await ask((given) =>
        readVersion.call(provider, name, version, given).catch((error) => {
          // an error that nobody can read is no version that is not there
          if (isSecretError(error)) throw error;
          throw unavailable('it threw what is no SecretError');
        }),
      );
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
          `${label} would not take it: these credentials may not write it`,
          { hint: refusal.hint },
        );
    },
    close: () => secrets.close(),
  };
}

/**
 * Reads the store again and compares these names.
 *
 * @param expected - what it must hold; `null`: it must not hold the name
 * @returns all that it holds
 * @throws `ERR_SECRET_INVALID` naming what it holds differently
 */
export async function verify(
  target: MigrationTarget,
  expected: ReadonlyMap<string, string | null>,
): Promise<ReadonlyMap<string, string>> {
  const { values } = await target.read();
  const wrong = [...expected]
    .filter(([name, value]) => (values.get(name) ?? null) !== value)
    .map(([name]) => name);
  if (wrong.length > 0)
    throw new SecretError(
      'ERR_SECRET_INVALID',
      `${target.label} was read back, and does not hold what was written for ${listNames(wrong)}`,
      {
        hint: 'Nothing else was changed. Look whether somebody else writes there, and run it again.',
      },
    );
  return values;
}
