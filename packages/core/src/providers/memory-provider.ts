/**
 * Secrets held in memory: for tests, defaults and values computed at start.
 */
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { type TextPairs, textPairs } from '../arguments/text-pairs.ts';
import { SecretError } from '../contract/secret-error.ts';
import type { SecretProvider, SecretRecord } from '../contract/secret-provider.ts';

/** Options of {@link memoryProvider}. */
export interface MemoryProviderOptions {
  /** Unique in the chain. Default `memory`. */
  readonly name?: string | undefined;
}

const optionKinds: OptionKinds<MemoryProviderOptions> = { name: 'text' };

/**
 * A writable provider over a copy of `values`.
 *
 * @param values - an object, or entries for names such as `__proto__` that an object cannot hold
 * @throws `ERR_SECRET_CONFIG` if a value is not text; the error names it
 * @example
 * ```ts
 * import { createSecrets, memoryProvider } from '@keyfall/core';
 *
 * const secrets = createSecrets({ providers: [memoryProvider({ PAGE_ENTRIES: '8' })] });
 * ```
 */
export function memoryProvider(
  values: TextPairs = {},
  options: MemoryProviderOptions = {},
): SecretProvider {
  assertOptions(options, 'memoryProvider', optionKinds);
  const pairs = textPairs(values, 'memoryProvider');
  let revision = 1;
  const held = new Map<string, SecretRecord>(
    pairs.map(([name, value]) => [name, { value, version: '1' }]),
  );
  const { name = 'memory' } = options;
  return {
    name,
    store: 'this process',
    place: { kind: 'memory' },
    plainText: true,
    atomicity: 'store',
    conditionalWrites: 'always',
    async read() {
      return { entries: new Map(held), complete: true, revision: String(revision) };
    },
    async write({ entries, ifRevision }) {
      if (ifRevision !== undefined && ifRevision !== String(revision))
        throw new SecretError(
          'ERR_SECRET_CONFLICT',
          `${name} is at revision ${revision}, not at the one that was read`,
          { provider: name, applied: 'no', hint: 'Read it again and repeat the change.' },
        );
      revision += 1;
      const version = String(revision);
      for (const [key, value] of entries)
        if (value === null) held.delete(key);
        else held.set(key, { value, version });
      return { revision: version, version, conditional: ifRevision !== undefined };
    },
  };
}
