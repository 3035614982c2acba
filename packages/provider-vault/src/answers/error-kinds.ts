/**
 * The error that an answer or a failure is, and what follows from it: whether the request may be repeated, and whether
 * another node should be asked.
 */
import type { SecretErrorCode } from '@keyfall/core/provider';

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
 * With which requests something is done: with none; with those that change nothing; also with changes that were
 * certainly not carried out; or with any.
 */
export type Extent = 'none' | 'read' | 'undone' | 'any';

/** What can be wrong with an address and the way to it, in the codes of `ProviderCheck`. */
export type AddressFault =
  | 'server-refused'
  | 'server-unreachable'
  | 'server-speaks-http'
  | 'server-speaks-https'
  | 'not-a-vault'
  | 'certificate-untrusted';

/** An error that an answer or a failure is. */
export interface ErrorKind {
  readonly code: SecretErrorCode;
  /** `$origin`, `$place`, `$mount`, `$namespace`, `$status`, `$detail` and `$again` are put in. */
  readonly reason: string;
  readonly hint?: string;
  /** Which requests may be repeated. Default `none`. */
  readonly repeat?: Extent;
  /** That one repeat is enough, since waiting does not help, and after how many milliseconds where not as usual. */
  readonly once?: { readonly after?: number };
  /** Which requests should go to another node instead. Default `none`. */
  readonly nextNode?: Extent;
  /** Whether a change may have been carried out all the same. Default: where the answer is not Vault's own. */
  readonly isAmbiguous?: boolean;
  readonly retryable?: false;
  readonly fault?: AddressFault;
  /** The option and the variable that are at fault. */
  readonly setting?: readonly [option: string, variable: string];
}

/** What an {@link ErrorKind} may say besides its words. */
export type ErrorFacts = Omit<ErrorKind, 'code' | 'reason' | 'hint'>;

/** Makes the kind of an error of one code. */
export type MakeErrorKind = (reason: string, hint?: string, facts?: ErrorFacts) => ErrorKind;

const ofCode =
  (code: SecretErrorCode): MakeErrorKind =>
  (reason, hint, facts = {}) => ({
    code,
    reason,
    ...(hint !== undefined && { hint }),
    ...facts,
  });
export const unavailable: MakeErrorKind = ofCode('ERR_SECRET_UNAVAILABLE');
export const configError: MakeErrorKind = ofCode('ERR_SECRET_CONFIG');
export const invalidAnswer: MakeErrorKind = ofCode('ERR_SECRET_INVALID');
export const unsupported: MakeErrorKind = ofCode('ERR_SECRET_UNSUPPORTED');
export const denied: MakeErrorKind = ofCode('ERR_SECRET_DENIED');
export const unauthenticated: MakeErrorKind = ofCode('ERR_SECRET_UNAUTHENTICATED');
export const untrusted: MakeErrorKind = ofCode('ERR_SECRET_TLS');
export const aborted: MakeErrorKind = ofCode('ERR_SECRET_ABORTED');

/** What to look at where no Vault server answers. */
export const checkTheAddress = 'Check the option address (variable VAULT_ADDR).';

/** The option and the variable of the server's address. */
export const addressSetting = ['address', 'VAULT_ADDR'] as const;
