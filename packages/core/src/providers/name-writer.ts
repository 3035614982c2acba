/**
 * Writes of a store that keeps one secret a name: one after the other, and an error says which were written.
 */
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { isSecretError, SecretError } from '../contract/secret-error.ts';
import type { SecretProvider, WriteContext } from '../contract/secret-provider.ts';

/** How {@link nameWriter} writes the store. What they throw must be a `SecretError`. */
export interface NameWrites {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** Throws `ERR_SECRET_UNSUPPORTED` for what the store cannot hold: all are looked at before anything is written. */
  readonly assertWritable: (name: string, value: string | null) => void;
  /**
   * Writes one name; `null` deletes it, which is no error where it is not there. Returns the version it has now, if the store
   * has them. Its error says in `applied` what became of the write; without that it is `no`.
   */
  readonly one: (
    name: string,
    value: string | null,
    context: WriteContext,
  ) => Promise<string | undefined>;
}

const writeKinds: OptionKinds<NameWrites> = {
  provider: 'text',
  assertWritable: 'a function',
  one: 'a function',
};

/**
 * Makes the `write` of a provider whose `atomicity` is `name` and whose `conditionalWrites` are `never`.
 *
 * @throws `ERR_SECRET_CONFIG` for wrong arguments
 * @example
 * ```ts
 * import { nameWriter } from '@keyfall/core/provider';
 *
 * declare function put(name: string, value: string | null, signal: AbortSignal): Promise<void>;
 *
 * export const write = nameWriter({
 *   provider: 'drawer',
 *   assertWritable: () => {},
 *   async one(name, value, { signal }) {
 *     await put(name, value, signal);
 *     return undefined;
 *   },
 * });
 * ```
 */
export function nameWriter(writes: NameWrites): NonNullable<SecretProvider['write']> {
  assertOptions(writes, 'nameWriter', writeKinds);
  const { provider, assertWritable, one } = writes;
  return async ({ entries, ifRevision }, context) => {
    if (ifRevision !== undefined)
      throw new SecretError(
        'ERR_SECRET_UNSUPPORTED',
        'a write of several secrets cannot depend on a revision',
        {
          provider,
          applied: 'no',
          hint: 'Write without a condition, or use a store that keeps all names in one document.',
        },
      );
    for (const [name, value] of entries) assertWritable(name, value);
    const written: string[] = [];
    let version: string | undefined;
    for (const [name, value] of entries)
      try {
        version = await one(name, value, context);
        written.push(name);
      } catch (error) {
        if (!isSecretError(error)) throw error;
        const others = written.length === 0 ? 'nothing else was' : `${written.join(', ')} was`;
        const { applied = 'no' } = error;
        const what = applied === 'no' ? 'was not written' : 'may have been written or not';
        throw error.with({
          reason: `${name} ${what}, ${others}: ${error.reason}`,
          secretName: name,
          applied: written.length > 0 ? 'unknown' : applied,
        });
      }
    return { conditional: false, ...(version !== undefined && entries.size === 1 && { version }) };
  };
}
