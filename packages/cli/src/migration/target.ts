/**
 * The store side of a migration: no cache, no last good values, time enough for a large document.
 */
import { labelOf, SecretError, type SecretProvider, type WriteReceipt } from '@keyfall/core';
import { openAlone } from '../one-provider.ts';
import { listNames } from '../terminal.ts';

/** What the store holds, at one moment. */
interface TargetContent {
  readonly values: ReadonlyMap<string, string>;
  /** For a conditional write; missing where the store has none. */
  readonly revision?: string;
  /** The version of what it holds, where that is one. A revision is for writing, and not to be shown. */
  readonly version?: string;
}

/** A store that a migration writes to. */
export interface MigrationTarget {
  /** Its name and place, for messages. */
  readonly label: string;
  readonly store: string;
  /** Reads the whole document from the store itself. */
  read(): Promise<TargetContent>;
  /** One write of all, only if the store is still at that revision; `null` deletes. */
  write(
    entries: ReadonlyMap<string, string | null>,
    revision: string | undefined,
  ): Promise<WriteReceipt>;
  close(): Promise<void>;
}

/** Opens a provider as a target. */
export function openTarget(provider: SecretProvider): MigrationTarget {
  const secrets = openAlone(provider, '20s');
  const context = () => ({
    signal: new AbortController().signal,
    timeLeft: () => Number.POSITIVE_INFINITY,
    warn: () => {},
  });
  return {
    label: labelOf(provider.name, provider.store),
    store: provider.store,
    async read() {
      const { entries, revision } = await secrets.read('all', context());
      const values = new Map<string, string>();
      const versions = new Set<string | undefined>();
      for (const [name, entry] of entries)
        if ('value' in entry) {
          values.set(name, entry.value);
          versions.add(entry.version);
        }
      const [version, ...others] = versions;
      return {
        values,
        ...(revision !== undefined && { revision }),
        ...(version !== undefined && others.length === 0 && { version }),
      };
    },
    async write(entries, revision) {
      if (secrets.write === undefined)
        throw new SecretError('ERR_SECRET_UNSUPPORTED', `${provider.name} cannot be written to`);
      const changes = { entries, ...(revision !== undefined && { ifRevision: revision }) };
      return secrets.write(changes, context());
    },
    close: () => secrets.close(),
  };
}

/**
 * Reads the store again and compares.
 * @throws `ERR_SECRET_INVALID` naming what it holds differently
 */
export async function verify(
  target: MigrationTarget,
  expected: ReadonlyMap<string, string | null>,
): Promise<void> {
  const { values } = await target.read();
  const wrong = [...expected]
    .filter(([name, value]) => (values.get(name) ?? null) !== value)
    .map(([name]) => name);
  if (wrong.length > 0)
    throw new SecretError(
      'ERR_SECRET_INVALID',
      `${target.label} was read back, and does not hold what was written for ${listNames(wrong)}`,
      { hint: 'The file is unchanged. Look whether somebody else writes there, and run it again.' },
    );
}
