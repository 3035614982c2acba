/**
 * Providers made of a provider: the same store under other names, read-only, or with defaults. Each passes on what the
 * inner provider says: a failure remains the same kind of failure, and the outer provider can do nothing that the inner
 * one cannot.
 */
import { assertKind, assertProvider, wrongArgument } from '../arguments/arguments.ts';
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { type TextPairs, textPairs } from '../arguments/text-pairs.ts';
import { errorWith, isSecretError, SecretError } from '../contract/secret-error.ts';
import type { ReadContext, SecretProvider, SecretRecord } from '../contract/secret-provider.ts';

/** Options of {@link withMapping}. */
export interface WithMappingOptions {
  /** Whether only the names of the mapping are visible. Default false: others keep their name. */
  readonly strict?: boolean | undefined;
}

const mappingOptions: OptionKinds<WithMappingOptions> = { strict: 'true or false' };

/**
 * The part of a store whose names start with `prefix`, under the rest of their names. Names that do
 * not start with it cannot be seen or written.
 *
 * @throws `ERR_SECRET_CONFIG` if `prefix` is not text
 * @example
 * ```ts
 * import { createSecrets, memoryProvider, withPrefix } from '@keyfall/core';
 *
 * const shared = memoryProvider({ SHOP_TOKEN: 'x', BLOG_TOKEN: 'y' });
 * const secrets = createSecrets({ providers: [withPrefix(shared, 'SHOP_')] });
 * const token = await secrets.get('TOKEN'); // SHOP_TOKEN
 * ```
 */
export function withPrefix(provider: SecretProvider, prefix: string): SecretProvider {
  assertKind(prefix, 'text', 'withPrefix: the prefix');
  return renamed(
    'withPrefix',
    provider,
    (name) => (name === '' ? undefined : prefix + name),
    // the prefix alone leaves no name
    (name) => (name.startsWith(prefix) && name !== prefix ? name.slice(prefix.length) : undefined),
  );
}

/**
 * A store under other names. A renamed secret has only its new name, and a name that is given to another
 * secret hides the one that had it.
 *
 * @param mapping - the name outside, then the store's own: an object, or entries for names such as
 *   `__proto__` that an object cannot hold
 * @throws `ERR_SECRET_CONFIG` if a name is empty, or appears twice on one side of the mapping
 * @example
 * ```ts
 * import { createSecrets, memoryProvider, withMapping } from '@keyfall/core';
 *
 * const store = memoryProvider({ 'database/password': 'x', TOKEN: 'y' });
 * const secrets = createSecrets({
 *   providers: [withMapping(store, { DB_PASS: 'database/password' })],
 * });
 * const password = await secrets.get('DB_PASS');
 * ```
 */
export function withMapping(
  provider: SecretProvider,
  mapping: TextPairs,
  options: WithMappingOptions = {},
): SecretProvider {
  assertOptions(options, 'withMapping', mappingOptions);
  const { strict = false } = options;
  const inside = new Map<string, string>();
  const outside = new Map<string, string>();
  for (const [outer, inner] of textPairs(mapping, 'withMapping')) {
    const why =
      outer === '' || inner === ''
        ? 'a name is empty'
        : inside.has(outer)
          ? `${outer} is mapped twice`
          : outside.has(inner) && `${outside.get(inner)} and ${outer} both mean ${inner}`;
    if (why) throw new SecretError('ERR_SECRET_CONFIG', `withMapping: ${why}`);
    inside.set(outer, inner);
    outside.set(inner, outer);
  }
  const through =
    (mapped: ReadonlyMap<string, string>, taken: ReadonlyMap<string, string>) => (name: string) =>
      mapped.get(name) ?? (strict || taken.has(name) ? undefined : name);
  return renamed('withMapping', provider, through(inside, outside), through(outside, inside));
}

/**
 * A store that cannot be written through this provider, so that a chain does not choose it for
 * `set` and `delete`.
 *
 * @example
 * ```ts
 * import { createSecrets, memoryProvider, readOnly } from '@keyfall/core';
 *
 * const shared = memoryProvider({ TOKEN: 'x' });
 * const secrets = createSecrets({ providers: [readOnly(shared), memoryProvider({}, { name: 'own' })] });
 * await secrets.set('PAGE_ENTRIES', '8'); // goes to own
 * ```
 */
export function readOnly(
  provider: SecretProvider,
): Omit<SecretProvider, 'write' | 'atomicity' | 'conditionalWrites'> {
  const { write: _, atomicity: _a, conditionalWrites: _c, ...rest } = copyOf(provider, 'readOnly');
  return withFactsOf(provider, rest);
}

/**
 * A store with a value for what it does not hold. A default answers only for "not here": never for a
 * name that is denied or broken, for a store that cannot be asked, or for a missing document that should
 * exist. If the provider is a chain that has fallen back, a read of everything adds none, because it is unknown
 * what the failed store holds. A deleted name has its default again.
 *
 * @param values - an object, or entries for names such as `__proto__` that an object cannot hold
 * @throws `ERR_SECRET_CONFIG` if a value is not text; the error names it
 * @example
 * ```ts
 * import { createSecrets, envProvider, withDefaults } from '@keyfall/core';
 *
 * const secrets = createSecrets({
 *   providers: [withDefaults(envProvider(), { PAGE_ENTRIES: '8' })],
 * });
 * const pageEntries = await secrets.get('PAGE_ENTRIES');
 * ```
 */
export function withDefaults(provider: SecretProvider, values: TextPairs): SecretProvider {
  const defaults = new Map(
    textPairs(values, 'withDefaults').map(([name, value]) => [name, { value }] as const),
  );
  const inner = copyOf(provider, 'withDefaults');
  const { list } = inner;
  const read: SecretProvider['read'] = async (names, context) => {
    const batch = await inner.read(names, context);
    const { complete, degraded, missingDocument } = batch;
    if ((missingDocument && !missingDocument.optional) || (complete && degraded)) return batch;
    const entries = new Map<string, SecretRecord | SecretError>(batch.entries);
    for (const name of complete || names === 'all' ? defaults.keys() : names) {
      const record = defaults.get(name);
      if (record && !entries.has(name)) entries.set(name, record);
    }
    return { ...batch, entries };
  };
  return withFactsOf(provider, {
    ...inner,
    read,
    ...(list && {
      async list(context: ReadContext) {
        const names = await list(context);
        // only a read distinguishes an empty document from a missing one
        if (names.length === 0) return [...(await read('all', context)).entries.keys()];
        return [...new Set([...names, ...defaults.keys()])];
      },
    }),
  });
}

/** The provider under other names. `undefined` is a name that has none on the other side. */
function renamed(
  factory: string,
  provider: SecretProvider,
  inside: (name: string) => string | undefined,
  outside: (name: string) => string | undefined,
): SecretProvider {
  const inner = copyOf(provider, factory);
  const { write, list, history, readVersion, readings } = inner;

  /** What the inner provider said, about the name that is known outside. */
  const outward = <Said>(said: Said): Said | SecretError => {
    if (!isSecretError(said) || said.secretName === undefined) return said;
    return errorWith(said, { secretName: outside(said.secretName) });
  };
  const translated = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await ask();
    } catch (error) {
      throw outward(error);
    }
  };

  const outer: SecretProvider = {
    ...inner,

    read: (names, context) =>
      translated(async () => {
        const wanted =
          names === 'all' ? names : names.map(inside).filter((name) => name !== undefined);
        const batch = await inner.read(wanted, context);
        const entries = new Map<string, SecretRecord | SecretError>();
        for (const [name, entry] of batch.entries) {
          const known = outside(name);
          if (known !== undefined) entries.set(known, outward(entry));
        }
        return { ...batch, entries };
      }),

    ...(write && {
      async write(changes, context) {
        const entries = new Map<string, string | null>();
        for (const [name, value] of changes.entries) {
          const own = inside(name);
          if (own === undefined)
            throw new SecretError(
              'ERR_SECRET_UNSUPPORTED',
              `${name} is no name that ${inner.name} can be written under here`,
              {
                provider: inner.name,
                secretName: name,
                applied: 'no',
                hint: 'Change the mapping, or use the provider itself.',
              },
            );
          entries.set(own, value);
        }
        return translated(() => write({ ...changes, entries }, context));
      },
    }),

    ...(list && {
      list: (context) =>
        translated(async () =>
          (await list(context)).map(outside).filter((name) => name !== undefined),
        ),
    }),

    ...(readings && {
      readings: async (context) =>
        (await readings(context)).flatMap((reading) => {
          const name = outside(reading.name);
          return name === undefined ? [] : [{ ...reading, name }];
        }),
    }),

    ...(history && {
      history: (name, context) =>
        translated(async () => {
          const own = inside(name);
          return own === undefined ? [] : history(own, context);
        }),
    }),

    ...(readVersion && {
      readVersion: (name, version, context) =>
        translated(async () => {
          const own = inside(name);
          return own === undefined ? undefined : readVersion(own, version, context);
        }),
    }),
  };
  return withFactsOf(provider, outer);
}

/** Every member of the contract, so that one that is added is not forgotten here. */
const members: Readonly<Record<keyof SecretProvider, true>> = {
  name: true,
  store: true,
  place: true,
  timeout: true,
  credentialVariables: true,
  plainText: true,
  read: true,
  write: true,
  atomicity: true,
  conditionalWrites: true,
  compareRevisions: true,
  list: true,
  history: true,
  readVersion: true,
  readings: true,
  check: true,
  watch: true,
  close: true,
};

/**
 * The members of the contract that the provider has, and nothing else of it: a chain's own `set` must
 * not survive `readOnly`. They are bound, because a third-party provider may be an instance of a class.
 */
export function copyOf(provider: SecretProvider, factory: string): SecretProvider {
  const what = `${factory}: the provider`;
  if ('asProvider' in Object(provider))
    throw wrongArgument(what, 'a provider: call its asProvider()');
  assertProvider(provider, what);
  const copy: Record<string, unknown> = {};
  for (const member of Object.keys(members) as (keyof SecretProvider)[]) {
    const own: unknown = provider[member];
    if (own !== undefined) copy[member] = typeof own === 'function' ? own.bind(provider) : own;
  }
  return copy as unknown as SecretProvider;
}

/**
 * `copy` with what the provider says of its store at the time: it may come from an environment that
 * is read only at the first call.
 */
export function withFactsOf<Copy extends object>(provider: SecretProvider, copy: Copy): Copy {
  for (const member of ['store', 'place', 'timeout', 'credentialVariables'] as const)
    if (member in provider)
      Object.defineProperty(copy, member, { get: () => provider[member], enumerable: true });
  return copy;
}
