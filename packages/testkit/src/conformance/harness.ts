/**
 * What a provider's tests give to the conformance suite, and what it gives back.
 */
import type { SecretProvider } from '@keyfall/core/provider';

/** A store with a provider for it, made for one test. */
export interface ConformanceSubject {
  /** The provider under test. */
  readonly provider: SecretProvider;
  /** What the provider was given to prove who it is: must never be seen. */
  readonly credentials?: readonly string[];
  /** Ends what `create` started. The suite has closed the provider by then. */
  close(): Promise<void>;
}

/** Brings the store of `subject` into a state. Must wait until the store is in it. */
export type Induce<Subject> = (subject: Subject) => Promise<void>;

/**
 * The states in which a store does not simply answer. `'impossible'` declares that this store has
 * no such state; a state that it has must be given. A fault holds for reading and for writing.
 */
export interface ConformanceFaults<Subject> {
  /** The store cannot be asked: it is stopped, its file cannot be read. */
  readonly unavailable: Induce<Subject> | 'impossible';
  /** The store takes requests and does not answer. */
  readonly stalled: Induce<Subject> | 'impossible';
  /** The store knows who asks, and does not allow it. */
  readonly denied: Induce<Subject> | 'impossible';
  /** The store does not accept the credentials. */
  readonly unauthenticated: Induce<Subject> | 'impossible';
  /** What the store answers is broken. */
  readonly invalid: Induce<Subject> | 'impossible';
  /** The whole document is not there, though the store answers. */
  readonly missingDocument: Induce<Subject> | 'impossible';
  /** The store's certificate is not trusted any more. Optional: needs a test server with TLS. */
  readonly untrusted?: Induce<Subject>;
  /** This one name is denied and the others are not. For stores that answer name by name. */
  readonly deniedName?: (subject: Subject, name: string) => Promise<void>;
}

/** What the store and its provider can do. The suite holds the provider to it in both directions. */
export interface ConformanceCapabilities {
  /**
   * `none`: the provider must have no `write`. `store`: a write of many names happens whole or not
   * at all. `name`: each name by itself.
   */
  readonly writes: 'none' | 'store' | 'name';
  /** Whether `ifRevision` is honoured. Default false. */
  readonly conditionalWrites?: boolean;
  /**
   * Whether a write makes a document that is missing. Default true; else it must be refused as
   * `ERR_SECRET_NOT_FOUND`.
   */
  readonly writesMakeDocument?: boolean;
  /** Whether the store keeps one document: a read of one name then answers all and is `complete`. */
  readonly bag: boolean;
  /** Whether the provider has `list`. Default false. */
  readonly list?: boolean;
  /** Whether the provider has `history`, and then `readVersion` too. Default false. */
  readonly history?: boolean;
}

/** What an author tells the suite about a store. */
export interface ConformanceHarness<Subject extends ConformanceSubject = ConformanceSubject> {
  /**
   * Makes a store that holds exactly `values`, written out of band (not through the provider), and
   * a provider for it that caches nothing. Called once a test, also by tests in parallel.
   */
  create(values: ReadonlyMap<string, string>): Promise<Subject>;
  /** What the store can do. */
  readonly capabilities: ConformanceCapabilities;
  /** How the store fails. */
  readonly faults: ConformanceFaults<Subject>;
  /**
   * Changes the store behind the provider's back (`null` deletes). Leave it out only if there is no
   * such way.
   */
  readonly change?: (
    subject: Subject,
    changes: ReadonlyMap<string, string | null>,
  ) => Promise<void>;
  /** Ends the fault `unavailable`: the store holds again what it held. */
  readonly recover?: Induce<Subject>;
  /**
   * Whether the store can hold this name with this value. Default: all. What it cannot hold must be
   * refused when written, and must not be answered with something else when read.
   */
  readonly canHold?: (name: string, value: string) => boolean;
  /** Milliseconds after which a call counts as hanging. Default 20 000. */
  readonly patience?: number;
  /** More names that may be mistaken for something else in this store. */
  readonly hostileNames?: readonly string[];
}

/** One rule of the contract as a test. */
export interface ConformanceTest {
  /** The rule, in words. Unique in the suite. */
  readonly name: string;
  /** Rejects if the provider breaks the rule. Takes no arguments. */
  readonly run: () => Promise<void>;
}
