/**
 * What a provider's author describes for the conformance suite, and the tests that come of it.
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
 * How to bring a store into a state: one way, or several by what they are called in the tests'
 * names (`{ 'no process': …, 'no network': … }`). `'impossible'` declares that this store has no such
 * state.
 */
export type ConformanceFault<Subject> =
  | Induce<Subject>
  | Readonly<Record<string, Induce<Subject>>>
  | 'impossible';

/** An answer that the suite wants a provider to get instead of the store's. */
export interface HttpAnswer {
  readonly status: number;
  /** `content-type`, and `location` where it is a redirect. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How one name fails while the others are well. Each must be given, or declared `'impossible'`. */
export interface OneNameFaults<Subject> {
  /** The credentials do not allow to read this name. */
  readonly denied: ((subject: Subject, name: string) => Promise<void>) | 'impossible';
  /** The store cannot be asked for this name: it answers 503 for it, say. */
  readonly unavailable: ((subject: Subject, name: string) => Promise<void>) | 'impossible';
  /** What the store holds under this name is broken. */
  readonly invalid: ((subject: Subject, name: string) => Promise<void>) | 'impossible';
}

/**
 * The states in which a store does not simply answer. A state that the store can be in must be
 * given; for any other, say `'impossible'`. A fault holds for reading and for writing.
 */
export interface ConformanceFaults<Subject> {
  /** The store cannot be asked: it is stopped, its file cannot be read. */
  readonly unavailable: ConformanceFault<Subject>;
  /** The store takes requests and does not answer. */
  readonly stalled: Induce<Subject> | 'impossible';
  /** The store accepts the credentials, and they do not allow it. */
  readonly denied: ConformanceFault<Subject>;
  /** The store does not accept the credentials. */
  readonly unauthenticated: ConformanceFault<Subject>;
  /** What the store answers is broken. */
  readonly invalid: ConformanceFault<Subject>;
  /** The whole document is not there, though the store answers. */
  readonly missingDocument: Induce<Subject> | 'impossible';
  /** The store's certificate is not trusted any more. Optional: needs a test server with TLS. */
  readonly untrusted?: ConformanceFault<Subject>;
  /**
   * From now on every request of the provider gets this HTTP answer. The suite then tries what
   * servers, proxies and load balancers answer in the place of a store: error statuses, a web page, a
   * redirect to another server. `'impossible'`: the store is not asked over HTTP.
   */
  readonly http: ((subject: Subject, answer: HttpAnswer) => Promise<void>) | 'impossible';
  /** One name fails and the others do not. `'impossible'`: the store fails as a whole or not at all. */
  readonly oneName: OneNameFaults<Subject> | 'impossible';
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
  /** Whether the provider has `check`. Default false. */
  readonly check?: boolean;
}

/** How to make a store, what it can do, and how it fails. */
export interface ConformanceHarness<Subject extends ConformanceSubject = ConformanceSubject> {
  /**
   * Makes a store that holds exactly `values`, written out of band (not through the provider), and
   * a provider for it that caches nothing. Called once a test, also by tests in parallel.
   */
  create(values: ReadonlyMap<string, string>): Promise<Subject>;
  /** What the store can do. */
  readonly capabilities: ConformanceCapabilities;
  /** How the store fails. `'impossible'`: it never does, since it is a value in memory. */
  readonly faults: ConformanceFaults<Subject> | 'impossible';
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
  readonly timeout?: number;
  /** How many names make more than one page of the store's own list. Default 250. */
  readonly manyNames?: number;
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
