/**
 * The contract between Keyfall and a store. A provider only speaks its store's language: the core
 * derives single reads, batching, time limits, caching, the circuit breaker and the fallback chain
 * from the few verbs below.
 *
 * The rule that everything else rests on: **"not here" is an answer, everything else is an error.**
 *
 * | the store says | the provider does |
 * | --- | --- |
 * | it holds the name | puts a {@link SecretRecord} in the batch; `""` is a value |
 * | it does not hold it (a soft-deleted version counts as absent) | leaves the name out of the batch |
 * | the whole document is not there | returns an empty, `complete` batch with `missingDocument` |
 * | this one name is denied or broken, others are not | puts a `SecretError` in the batch under the name |
 * | it cannot be asked: refused, reset, timed out, 5xx, sealed, rate limited | throws `ERR_SECRET_UNAVAILABLE` |
 * | it does not allow the call | throws `ERR_SECRET_DENIED` |
 * | it does not accept the credentials | throws `ERR_SECRET_UNAUTHENTICATED` |
 * | its certificate is not trusted | throws `ERR_SECRET_TLS` |
 * | what was read is broken | throws `ERR_SECRET_INVALID` |
 * | an option is wrong | throws `ERR_SECRET_CONFIG`, from the factory where it can be known there |
 * | an address, a token or a path is missing | throws `ERR_SECRET_CONFIG` at the first call, with `setting.isMissing` |
 *
 * Whatever else a provider throws, and an answer that this contract does not allow, is a defect of the
 * provider: the chain ends the call with `ERR_SECRET_PROVIDER`, which shows where it comes from and nothing of
 * its text.
 *
 * A provider must never put a value, a token or a third-party error into an error, a log or a
 * warning, and must never fall back to anything by itself: the chain does that, and reports it.
 */
import type { SecretError, SecretSetting } from './secret-error.ts';

/** A right to use a dynamic secret for a while, as Vault hands it out. */
export interface SecretLease {
  /** The store's id of the lease. */
  readonly id: string;
  /** Whether the store lets the lease be renewed. */
  readonly renewable: boolean;
  /** How long it runs from when it was read, in milliseconds. */
  readonly duration: number;
}

/** A secret of another store, to which a value referred. No value. */
export interface ReferenceHop {
  /** The name of the provider that was asked. */
  readonly provider: string;
  /** Its `store`. */
  readonly store: string;
  /** The secret's name there. */
  readonly name: string;
}

/** One secret as a store holds it. */
export interface SecretRecord {
  /**
   * The value as text. What a store holds as number, boolean, object or bytes has one lossless
   * text form, which the provider documents.
   */
  readonly value: string;
  /** The store's version of it, as text. */
  readonly version?: string;
  /** When this version was written, in milliseconds since the epoch. */
  readonly createdAt?: number;
  /** When the store stops honouring it, in milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** The lease it belongs to, where the secret is a dynamic one. */
  readonly lease?: SecretLease;
  /**
   * Where the value comes from, if the store holds a reference to it: hop by hop. Set by `withReferences`; a store
   * leaves it out.
   */
  readonly via?: readonly ReferenceHop[];
  /** Which provider of a chain gave it. Set by the chain; a store leaves it out. */
  readonly provider?: string;
  /** Whether that one holds it in plain text, see `SecretProvider.plainText`. Set by the chain as well. */
  readonly plainText?: boolean;
}

/** What a store answered to one `read`: one consistent snapshot. */
export interface SecretBatch {
  /**
   * What is known by name. A record: held. An error: this name was denied or broken, the others are
   * not affected. Absent from the map: the store answered, and does not hold it. A map, because
   * a name may be any text, `__proto__` included.
   */
  readonly entries: ReadonlyMap<string, SecretRecord | SecretError>;
  /**
   * Whether `entries` holds every name of the store. A store that keeps a bag (a Vault path, a
   * file) answers every name with one request and must say `true`, so that no other name costs
   * another request. A store with one secret a name says `true` only for a read of `'all'`.
   */
  readonly complete: boolean;
  /**
   * Set when the whole document is not there: never written, deleted, or mistyped. Every name is
   * then absent. `description` is a clause that names it ("has nothing at secret/aiogram-shop").
   * `optional: true` means that this is normal (a `.env` that need not exist); otherwise the chain reports
   * it, so that a typo is noticed. `unconfigured` is set by the chain, for a provider without
   * settings that it may go past (`ifUnconfigured: 'skip'`); a store leaves it out.
   */
  readonly missingDocument?: {
    readonly description: string;
    readonly optional: boolean;
    readonly unconfigured?: true;
  };
  /**
   * Opaque; names the state that this snapshot shows, for a conditional write. A store without
   * conditional writes leaves it out.
   */
  readonly revision?: string;
  /**
   * When the request went out that this answers, as `ReadContext.stamp` gave it then; of an answer that
   * is put together of several requests, the earliest of them. Left out: when the read began. A provider
   * that repeats a request by itself must give it: else an answer counts as older than those of reads that
   * began after it, and is not kept, although it is the newest.
   */
  readonly stamp?: number;
  /** Why the answer is second-hand, where the provider is itself a chain that fell back. */
  readonly degraded?: string;
}

/** What the core hands to every call of a provider. */
export interface ReadContext {
  /**
   * Ends the call. A provider must pass it to whatever it waits for. The core stops waiting when it
   * fires, whether the provider does or not.
   */
  readonly signal: AbortSignal;
  /** Milliseconds left of this call's timeout: plan retries inside it. */
  readonly remainingTimeout: () => number;
  /** Warns the user, once for each provider and text. The text never holds a value. */
  readonly warn: (message: string) => void;
  /**
   * Stamps this moment, for `SecretBatch.stamp`: take one whenever a request goes out. A later stamp is the
   * larger number, and a stamp is good for the read that it was taken in. Missing where reads are not compared.
   */
  readonly stamp?: () => number;
  /**
   * Says that what the store refused it may give now: the provider has another token, say. A chain repeats a
   * refusal for a second without asking; after this it asks at the next call. May be called at any time, also
   * when the call is over that it came with. Missing where refusals are not remembered.
   */
  readonly askAgain?: () => void;
}

/** What the core hands to `write`. The same as for reading, today. */
export type WriteContext = ReadContext;

/** A change of several names at once. */
export interface SecretChanges {
  /** New value by name; `null` deletes the name. Names not mentioned keep what they have. */
  readonly entries: ReadonlyMap<string, string | null>;
  /**
   * Only write if the store is still at this `revision` of a {@link SecretBatch}; else the provider
   * must throw `ERR_SECRET_CONFLICT`, with `applied: 'no'`, and change nothing. Without it the provider merges into what
   * the store holds at that moment, and must not lose another writer's change where the store
   * offers any way not to.
   */
  readonly ifRevision?: string;
}

/** What a store answered to a write. */
export interface WriteReceipt {
  /** The revision after the write, where the store has them. */
  readonly revision?: string;
  /** The version the written names now have, where the store has them. */
  readonly version?: string;
  /** Whether the store checked that there was no other writer in between. */
  readonly conditional: boolean;
}

/** One version of a secret in a store's history. */
export interface SecretVersion {
  /** The store's version, as text. */
  readonly version: string;
  /** When it was written, in milliseconds since the epoch. */
  readonly createdAt?: number;
  /** `current`, `previous`, `deleted` (can be brought back) or `destroyed` (cannot). */
  readonly state: 'current' | 'previous' | 'deleted' | 'destroyed';
  /** Whether this version held the name that was asked for. */
  readonly held: boolean;
}

/**
 * What to know of a name before its value counts as what a program would have read by itself, from a store whose
 * text programs read differently: a `.env`.
 */
export interface NameReading {
  readonly name: string;
  /** Groups of readers that read it alike, if readers differ and none is named; otherwise empty. */
  readonly readers: readonly (readonly string[])[];
  /** The variables of the environment that its value refers to. */
  readonly variables: readonly string[];
}

/** One line of what `status` and `doctor` show about a provider. */
export interface ProviderCheck {
  /** What was looked at: "address", "token", "policy". */
  readonly subject: string;
  /** `ready`: in order. `unknown`: could not be checked. `failing`: needs attention. */
  readonly state: 'ready' | 'unknown' | 'failing';
  /** What was found, without values. */
  readonly message: string;
  /** What to do about it: one command or one sentence. */
  readonly hint?: string;
  /**
   * What was found, for programs: a name in kebab-case, such as `sealed` or `may-not-write`, that is
   * permanent. `subject`, `message` and `hint` are not: they are for people, and may be reworded in any
   * release. It means the same for every provider. A line that is `failing` should have
   * one; one that comes from an error has the error's (`unavailable`, `denied`), see `failedCheck`.
   */
  readonly code?: string;
  /** What a program needs besides the code, under names that are just as permanent: `{ path: '.env' }`. No values. */
  readonly facts?: Readonly<Record<string, string>>;
  /** The setting that is at fault, where one is. */
  readonly setting?: SecretSetting;
}

/** Where a store is, as facts for programs; the text for people is `SecretProvider.store`. No credentials. */
export interface StorePlace {
  /** What kind of store it is, however its provider is named: `vault`, `dotenv`, `sops`. */
  readonly kind: string;
  /** Where it is asked: `https://vault.example:8200`, or a cloud's region. */
  readonly address?: string;
  /** What is asked for there, or the folder that is read: `secret/aiogram-shop`. */
  readonly paths?: readonly string[];
  /** The files that hold the values: absolute paths. */
  readonly files?: readonly string[];
}

/**
 * A store of secrets. One factory a package makes it (`vaultProvider(options)`); there are no
 * provider classes and no inheritance. Making one must do no I/O, import no heavy SDK and read no environment: all
 * of that waits for the first call, so that a module that makes one may be evaluated during a build (`lazySettings`).
 *
 * Where settings come from the environment, `store`, `place`, `timeout` and `credentialVariables` are getters. They
 * say what a call at that moment would find, and from the first call on what that call found. They must not throw:
 * where a setting is missing, `store` says so (`not configured`) and `place` has the `kind` alone. So do not
 * keep what they said before the first call.
 */
export interface SecretProvider {
  /** Unique in a chain: 'vault', 'dotenv'. Shown in `explain`, errors and events. */
  readonly name: string;
  /** Where its secrets are, for people: '.env', 'https://vault.example:8200 secret/aiogram-shop'. No credentials. */
  readonly store: string;
  /** The same as facts: a program uses these, and never the wording of `store`. */
  readonly place?: StorePlace;
  /** Timeout of one read in milliseconds, where the store's own settings name one. */
  readonly timeout?: number | undefined;
  /**
   * Names of the environment variables that its own credentials come from: what is started with its
   * secrets must not inherit them. May grow, where a provider learns of one only when it reads it; a
   * chain has those that its providers know when it is made.
   */
  readonly credentialVariables?: ReadonlySet<string>;
  /**
   * Whether it is plain text on this machine, such as a `.env` or the environment. Under `keyfall run` an
   * inherited variable wins over its value, as with every dotenv tool. Also true for a store that a `.env` names.
   */
  readonly plainText?: boolean;
  /**
   * Reads these names, or all. One call is one consistent snapshot, where the store can give one.
   * May return more names than asked for. Must be safe to call concurrently.
   */
  read(names: readonly string[] | 'all', context: ReadContext): Promise<SecretBatch>;
  /**
   * Writes all of `changes` or nothing (where `atomicity` is `name`: or says which it wrote).
   * A provider that cannot write must not have this method.
   *
   * A rejection must say what became of the change, in `applied` of its `SecretError`: `no` only where it is
   * certain that the store neither has taken it nor still will (nothing was sent; the store itself answered
   * that it refuses), `yes` where it was found to be there, and else `unknown`: once the request has left,
   * no answer, an answer of something in between, the time limit and an abort are all that. A rejection
   * without `applied` counts as `unknown`. When `context.signal` fires, one turn of the event loop is left to
   * reject with it.
   */
  write?(changes: SecretChanges, context: WriteContext): Promise<WriteReceipt>;
  /** `store`: a write of many names happens whole or not at all. `name`: each name by itself. */
  readonly atomicity?: 'store' | 'name';
  /** Whether `ifRevision` is honoured: `depends` where only the store itself knows (KV v1 or v2). */
  readonly conditionalWrites?: 'always' | 'never' | 'depends';
  /**
   * Whether the state of revision `one` is older or newer than that of `other`, for a store that counts its
   * states: of two answers the chain then keeps the newer one, whichever was asked for first. `undefined` where
   * the store does not say. A store whose revisions are opaque must not have this method: then the answer counts
   * whose request went out later.
   */
  compareRevisions?(one: string, other: string): 'older' | 'newer' | undefined;
  /** The names only, where the store can list them without reading values. */
  list?(context: ReadContext): Promise<readonly string[]>;
  /** The versions of one name, newest first. */
  history?(name: string, context: ReadContext): Promise<readonly SecretVersion[]>;
  /**
   * What an earlier version held under the name; `undefined` if that version did not hold it, or is
   * deleted or destroyed. A rollback is a conditional write of it. A provider with `history` must have
   * this too.
   */
  readVersion?(
    name: string,
    version: string,
    context: ReadContext,
  ): Promise<SecretRecord | undefined>;
  /**
   * The names that need attention, as of the last read; none before that. Names that the provider does not hold are among them where another reader of the store has them.
   */
  readings?(context: ReadContext): Promise<readonly NameReading[]>;
  /** What `status` and `doctor` show. Must not throw for what it is there to find. */
  check?(context: ReadContext): Promise<readonly ProviderCheck[]>;
  /**
   * Calls `onChange` whenever the store may have changed, until `signal` fires. It may take a second to begin: a chain
   * reads once more then. For a store that sends no notice of a change, there is `pollForChanges`.
   */
  watch?(onChange: () => void, signal: AbortSignal): Promise<void>;
  /** Releases sockets, timers and what it created on the server. Must be safe to call twice. */
  close?(): Promise<void>;
}
