/**
 * The meanings that an answer of Vault can have.
 */
import type { SecretError } from '@keyfall/core';
import type { WireAnswer } from '../wire/vault-wire.ts';

/** What was asked, for messages. */
export interface Subject {
  /** The provider's name. */
  readonly provider: string;
  /** The server's origin. */
  readonly origin: string;
  /** `secret/aiogram-shop`. */
  readonly place: string;
  readonly mount: string;
  /** `''` for the root namespace. */
  readonly namespace: string;
}

/**
 * Which requests may be repeated after an error: `read` only those that change nothing, `any` all,
 * since the server did not act on it, `none`.
 */
export type Repeat = 'none' | 'read' | 'any';

/** What a result means. */
export type Verdict =
  | { readonly kind: 'ok'; readonly answer: WireAnswer }
  /** Nothing is there. `gone`: there was, and that version is deleted or destroyed. */
  | { readonly kind: 'missing'; readonly gone: GoneVersion | undefined }
  /** A conditional write met another version. */
  | { readonly kind: 'conflict' }
  /** Denied or not known: what the text lets suspect. */
  | { readonly kind: 'forbidden'; readonly suspect: Suspect; readonly status: number }
  | {
      readonly kind: 'error';
      readonly error: SecretError;
      readonly repeat: Repeat;
      /** For a write: whether the server may have done it all the same, or may do it yet. */
      readonly ambiguous: boolean;
      /** Whether it is an answer of Vault itself, and not of something in front of it. */
      readonly itsOwn: boolean;
      /** What `check` calls it, where the kind of the error does not tell enough to mend it. */
      readonly found?: AddressFault | undefined;
    };

/** What can be wrong with an address and the way to it, in the codes of `ProviderCheck`. */
export type AddressFault =
  | 'server-refused'
  | 'server-unreachable'
  | 'server-speaks-http'
  | 'server-speaks-https'
  | 'not-a-vault'
  | 'certificate-untrusted';

/** The version that a document of KV version 2 is at although it has no content. */
export interface GoneVersion {
  readonly version: number;
  /** As the server writes it. */
  readonly createdTime: string;
  readonly state: 'deleted' | 'destroyed';
}

/** `rejected`: the token is bad, said so. `token`, `policy`: probably. `denied`: certainly. */
export type Suspect = 'rejected' | 'token' | 'policy' | 'denied';
