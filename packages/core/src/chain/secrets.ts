/**
 * What an application holds: the chain of providers behind one object.
 */
import type { Clock } from '../calls/clock.ts';
import type { Duration } from '../calls/duration.ts';
import type { SecretsEvents, SecretsEventType } from '../contract/events.ts';
import type { ProviderAttempt, SecretErrorCode } from '../contract/secret-error.ts';
import type { ReferenceHop, SecretProvider } from '../contract/secret-provider.ts';
import type { LoadOptions } from '../loading/load.ts';
import type { StandardSchemaV1 } from '../loading/standard-schema.ts';
import type { Redactor } from '../redaction/redactor.ts';

/** A place in the chain that is left out. */
export type Falsy = false | null | undefined | '' | 0;

/** A provider with this chain's settings for it. */
export interface ChainEntry {
  /** The provider to ask; a {@link Secrets} is asked through its `asProvider()`. */
  readonly provider: SecretProvider | Secrets;
  /** Never fall past it when it cannot be asked or its document is missing. Default false. */
  readonly required?: boolean | undefined;
  /**
   * Ask it only when a provider before it could not be asked, or refused and lets the chain go on (`onDenied: 'next'`),
   * for a copy of what that one holds. While the others can be asked, nothing depends on it: a name that only it
   * holds is "not here", and its own faults fail no call. It is never written to. Default false.
   */
  readonly standby?: boolean | undefined;
  /** Timeout of one read. Default: the provider's own, else 2.5 s. */
  readonly timeout?: Duration | undefined;
  /**
   * What to do when it denies. Default `stop`: a wrong policy must not silently start production on
   * a developer's `.env`.
   */
  readonly onDenied?: 'stop' | 'next' | undefined;
  /**
   * What to do when its address, its token or its path is missing. Default `fail`: `ERR_SECRET_CONFIG` at the first
   * call. `skip`: the chain asks the others as if it were not there, with one notice; a write to it still fails. A
   * setting that is there and wrong always fails.
   */
  readonly ifUnconfigured?: 'fail' | 'skip' | undefined;
}

/** Options of `createSecrets`. */
export interface SecretsOptions {
  /**
   * The chain, in the order in which it is asked. `false`, `null`, `undefined`, `''` and `0` are left out:
   * `[useVault && vaultProvider(…), dotenvProvider()]`.
   */
  readonly providers: readonly (SecretProvider | Secrets | ChainEntry | Falsy)[];
  /** Names that may come from one provider only, even if others hold them. */
  readonly only?: Readonly<Record<string, string>> | undefined;
  /** How long an answer is fresh. Default 5 min. `0` asks every time. */
  readonly ttl?: Duration | undefined;
  /** How old a provider's last good value may be when it cannot be asked. Default 1 h. */
  readonly staleIfError?: Duration | undefined;
  /** Timeout of the whole chain for one call. Default 4 s. */
  readonly budget?: Duration | undefined;
  /** The name of this chain, in metrics and where it is a provider. Default `chain`. */
  readonly name?: string | undefined;
  /** What {@link Secrets.redact} and {@link Secrets.redactor} mask. Default: every value of six characters or more. */
  readonly redact?:
    | {
        /**
         * Names whose values are not masked: those that are not secret, and are common words of the log, such as the `orders`
         * of `DB_USER=orders` in every URL. A value that another name holds as well is masked.
         */
        readonly except?: readonly string[] | undefined;
        /** Values of fewer characters are not masked. Default 6, at least 4: see `createRedactor`. */
        readonly minLength?: number | undefined;
      }
    | undefined;
  /** Where time comes from. For tests. */
  readonly clock?: Clock | undefined;
}

/** Options of every call. */
export interface CallOptions {
  /** Ends this call alone: other callers waiting for the same read are not affected. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `get` and `find`. */
export interface GetOptions extends CallOptions {
  /**
   * How old the answer may be, whatever `ttl` is: an older one is read again first. `0` asks the store, once
   * for all calls of one tick. If the store cannot be asked, its last good value counts as usual.
   */
  readonly maxAge?: Duration | undefined;
}

/** The result of `explain`: which provider answered and why. Never the value. */
export interface Explanation {
  /** The name that was asked for. */
  readonly name: string;
  /** Whether any provider holds it. */
  readonly found: boolean;
  /** The provider that answered. */
  readonly provider?: string;
  /** Its store. */
  readonly store?: string;
  /** The store's version of the secret. */
  readonly version?: string;
  /** When that version was written, in milliseconds since the epoch. */
  readonly createdAt?: number;
  /** How long ago it was read, in milliseconds. */
  readonly age?: number;
  /** `fresh`, `stale` (a last good value) or `fallback` (an earlier provider could not answer). */
  readonly freshness?: 'fresh' | 'stale' | 'fallback';
  /** Why the answer is second-hand, where it is. */
  readonly degraded?: string;
  /** The stores that its value comes from, if the provider holds a reference to it: hop by hop. */
  readonly via?: readonly ReferenceHop[];
  /** What every provider of the chain said, in order. */
  readonly attempts: readonly ProviderAttempt[];
}

/** The state of one provider of the chain, as far as it is known without asking it. */
export interface ProviderStatus {
  readonly provider: string;
  readonly store: string;
  /** Set for one that is asked only when a provider before it cannot be: see `ChainEntry.standby`. */
  readonly standby?: true;
  /** `unknown`: it has not been asked yet. */
  readonly state: 'ready' | 'failing' | 'unknown';
  /** `open`: it is not asked, because it could not be; `half-open`: a probe is under way. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** How many answers, for one name or for all, came from the cache. */
  readonly hits: number;
  /** Why it fails. */
  readonly code?: SecretErrorCode;
  /** Why it fails, in one clause. */
  readonly detail?: string;
  /** Milliseconds since its last read began. */
  readonly age?: number;
  /** How many names its last read answered. */
  readonly names?: number;
}

/** A change of the answer for a name. Never a value. */
export interface SecretChange {
  readonly name: string;
  /** The provider that answers now; missing if none does any more. */
  readonly provider?: string;
  readonly versionBefore?: string;
  readonly versionAfter?: string;
}

/** What a write of the chain did. */
export interface SetResult {
  /** The provider that was written to. */
  readonly provider: string;
  /** The version the name now has, where the store has them. */
  readonly version?: string;
}

/** What a delete of the chain did. */
export interface DeleteResult {
  /** The provider that was written to. */
  readonly provider: string;
  /** Providers that still hold the name, so that the next `get` answers from them. */
  readonly stillHeldBy: readonly string[];
  /** Providers that could not be asked whether they hold it. */
  readonly unknown: readonly string[];
}

/**
 * What an application holds: a chain of providers behind one object. Every method rejects with a `SecretError`
 * and nothing else. An entry of another chain may be a `Secrets`, so that chains nest.
 */
export interface Secrets {
  /** The name of this chain, in metrics and where it is a provider. */
  readonly name: string;
  /**
   * The value of `name`.
   * @throws `ERR_SECRET_NOT_FOUND` if every provider answered and none holds it;
   *   `ERR_SECRET_UNAVAILABLE` if none holds it and at least one could not be asked;
   *   `ERR_SECRET_DENIED`, `_UNAUTHENTICATED`, `_TLS` or `_INVALID` as a provider said;
   *   `ERR_SECRET_PROVIDER` if a provider has a defect.
   */
  get(name: string, options?: GetOptions): Promise<string>;
  /**
   * The value of `name`, or `undefined` only if every provider answered "not here".
   * @throws as `get`, except `ERR_SECRET_NOT_FOUND`
   */
  find(name: string, options?: GetOptions): Promise<string | undefined>;
  /**
   * Every name with its value; earlier providers win. Frozen, without a prototype.
   * @throws `ERR_SECRET_UNAVAILABLE` if a provider could not be asked and no later one's store
   *   exists and answers; one denied or invalid name rejects the whole
   */
  getAll(options?: CallOptions): Promise<Readonly<Record<string, string>>>;
  /** Every name, sorted; rejects as `getAll` does. */
  list(options?: CallOptions): Promise<readonly string[]>;
  /**
   * Writes to the first provider that can write; a store that is down or denied is not replaced by
   * another. The next `get` sees it.
   * @throws `ERR_SECRET_CONFLICT` if an earlier provider holds the name, so that the new value would
   *   never be seen; `ERR_SECRET_UNSUPPORTED` if no provider can write. Every error says in `applied` what
   *   became of the write: `unknown` if the request had left and its result is unknown
   */
  set(name: string, value: string, options?: CallOptions): Promise<SetResult>;
  /** Deletes from the first provider that can write, and says which others still hold the name. */
  delete(name: string, options?: CallOptions): Promise<DeleteResult>;
  /** Which provider answers for `name`, and why. Never the value; does not reject because a provider failed. */
  explain(name: string, options?: CallOptions): Promise<Explanation>;
  /**
   * The secrets as `schema` parses them (from any library that implements Standard Schema: zod, valibot, arktype): texts
   * by name go in, the schema's own type comes out. It must be free of side effects: it
   * may run several times, and on made-up texts.
   *
   * @throws one `SecretError` that lists every name that is missing, unavailable, denied or malformed,
   *   in its message and as facts in `issues`, without any value; its code is the worst one's, see
   *   `docs/typed-loading.md`
   */
  load<Schema extends StandardSchemaV1>(
    schema: Schema,
    options?: LoadOptions,
  ): Promise<StandardSchemaV1.InferOutput<Schema>>;
  /** The state of each provider, in the chain's order. Asks no store. */
  status(): readonly ProviderStatus[];
  /**
   * Reads every provider again, whatever is known and however it failed; one on standby only if one before it
   * cannot be asked. If a read fails, the known values stay. Resolves to the status after that; does not reject because a provider failed.
   */
  refresh(options?: CallOptions): Promise<readonly ProviderStatus[]>;
  /**
   * Changes of the answers for these names, from the first step of the iteration until `signal` fires or
   * `close`. While somebody watches, the stores are read every `ttl` (and when they say so
   * themselves, where they can). Changes of a name that a slow consumer has not taken yet become one. A name
   * may be watched before any provider holds it; a store that fails changes nothing. `return` ends it at once,
   * also while a `next` waits.
   *
   * A `next` that waits keeps the process alive, as any other wait for something from outside does: a program may
   * do nothing else. To end it, fire the signal, or `close`.
   */
  watch(
    names: string | readonly string[],
    options?: CallOptions,
  ): AsyncGenerator<SecretChange, void, undefined>;
  /**
   * These names as properties, for hot paths: no promise, always the latest value that was read. A
   * property throws the error that `get` would reject with once the rules of the chain no longer
   * allow its value. It follows changes until `signal` fires or `close`, and does not keep the process alive. It is
   * frozen, and follows all the same: its properties are accessors. Reading one looks at no clock, so that after a
   * blocked event loop it may have its old value until the timers have had their turn.
   *
   * @throws as `get` does
   */
  view<Name extends string>(
    names: readonly Name[],
    options?: CallOptions,
  ): Promise<Readonly<Record<Name, string>>>;
  /**
   * What `schema` makes of the secrets, as `load` gives it, and following: its properties are always those of the
   * latest values that the schema has accepted. When the stores come to hold what it refuses, the view keeps what it
   * has, and the event `rejected` says why. Once the chain itself has no answer any more, reading a property throws
   * what `load` would reject with. It cannot be changed or frozen, and an object inside of it is the one that
   * was there when it was taken.
   *
   * @throws as `load` does; `ERR_SECRET_CONFIG` for a schema that makes no object
   * @example
   * ```ts
   * import { createSecrets, envProvider } from '@keyfall/core';
   * import { z } from 'zod';
   *
   * const secrets = createSecrets({ providers: [envProvider()] });
   * const settings = await secrets.view(z.object({ PORT: z.coerce.number() }));
   * console.log(settings.PORT); // a number, the latest
   * ```
   */
  view<Schema extends StandardSchemaV1>(
    schema: Schema,
    options?: LoadOptions,
  ): Promise<Readonly<StandardSchemaV1.InferOutput<Schema>>>;
  /**
   * `text` with every value masked that was read from or written to a provider of this chain, by any caller. A value
   * that its store has replaced or deleted is masked for another day, the last 16 of each name. Never throws.
   */
  redact(text: string): string;
  /** The same for streams and loggers; it also learns later values. */
  readonly redactor: Redactor;
  /**
   * Listens to an event until `signal` fires; returns what stops it as well. An event that there is not is
   * `ERR_SECRET_CONFIG`. A `fallback`, `recovered`, `rejected` or `warning` that has no listener becomes a process
   * warning, so that it is never silent.
   */
  on<Type extends SecretsEventType>(
    type: Type,
    listener: (event: { readonly type: Type } & SecretsEvents[Type]) => void,
    options?: CallOptions,
  ): () => void;
  /**
   * This chain as a provider, always the same object: for `withPrefix` and similar functions, and for tools that use the
   * contract. It can write where a provider of the chain can, and closing it closes the chain.
   */
  asProvider(): SecretProvider;
  /** Ends what is under way and closes every provider. Safe to call twice. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
