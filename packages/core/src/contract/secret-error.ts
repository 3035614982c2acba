/**
 * The one error class of Keyfall. Its `code` is permanent; its text says what happened, why, and
 * what to do. It never carries a secret value, a token or another library's error: those hold
 * request headers and key material, so an error is built from allow-listed facts instead.
 */

/** Every code a {@link SecretError} can have. Codes are permanent: none is ever renamed. */
export type SecretErrorCode =
  /** Every provider answered, and none holds the name. */
  | 'ERR_SECRET_NOT_FOUND'
  /** A store could not be asked, so it is unknown whether it holds the name. */
  | 'ERR_SECRET_UNAVAILABLE'
  /** The store accepts the credentials, and does not allow the call. */
  | 'ERR_SECRET_DENIED'
  /** The store does not accept the credentials it was given. */
  | 'ERR_SECRET_UNAUTHENTICATED'
  /** The store's certificate is not trusted: the connection may be intercepted. */
  | 'ERR_SECRET_TLS'
  /** What was read is broken: a tampered or malformed file, a corrupt answer. */
  | 'ERR_SECRET_INVALID'
  /** A write met another writer's version, or a provider that shadows the name. */
  | 'ERR_SECRET_CONFLICT'
  /** No provider of the chain can do what was asked. */
  | 'ERR_SECRET_UNSUPPORTED'
  /** An option or variable is wrong; the message names it. */
  | 'ERR_SECRET_CONFIG'
  /** The caller's `AbortSignal` ended the call, or the chain was closed. */
  | 'ERR_SECRET_ABORTED'
  /** The provider itself failed: it threw something else than a `SecretError`, or broke the contract. A defect. */
  | 'ERR_SECRET_PROVIDER';

/** What one provider of the chain said when it was asked for a name. Never a value. */
export interface ProviderAttempt {
  /** The provider's `name`. */
  readonly provider: string;
  /** The provider's `store`, free of credentials. */
  readonly store: string;
  /**
   * `held`: this provider answered. `absent`: it answered "not here". `failed`: see `code`.
   * `stale`: it could not be asked, and its last good value was used. `skipped`: the chain did not
   * ask it (an earlier provider answered, or `only` binds the name to another one).
   */
  readonly outcome: 'held' | 'absent' | 'failed' | 'stale' | 'skipped';
  /** Why, in one clause: "connection refused", "has no such file". */
  readonly reason?: string;
  /** The error's code where `outcome` is `failed` or `stale`. */
  readonly code?: SecretErrorCode;
  /** How many milliseconds ago the store was asked for what it said. */
  readonly age?: number;
}

/** One thing that is wrong with what `load` has read for a schema. Never a value. */
export interface SecretIssue {
  /** The secret that it is about; empty for what is about no single one. */
  readonly name: string;
  /**
   * `malformed`: the schema refuses the value. The others are the answers of the chain: `missing` once every
   * provider has answered, and else as the code of its error is called. `config`: the option `names` leaves it out.
   */
  readonly kind:
    | 'missing'
    | 'malformed'
    | 'unavailable'
    | 'denied'
    | 'unauthenticated'
    | 'tls'
    | 'invalid'
    | 'provider'
    | 'unsupported'
    | 'conflict'
    | 'config';
  /**
   * Where it is in what the schema was given: the name, then what the schema calls the parts of the value. Parts
   * that the schema may have taken from the value are left out.
   */
  readonly path: readonly (string | number)[];
  /** What is wrong, in one clause. */
  readonly message: string;
}

/**
 * What became of a write that was rejected. `no`: the store is as it was. `yes`: the change is there all the
 * same. `unknown`: it may be there, or may yet come: read it before the change is repeated.
 */
export type Applied = 'no' | 'yes' | 'unknown';

/** A setting, by every name that it has. */
export interface SecretSetting {
  /** The option of the factory: `path`. */
  readonly option?: string;
  /** The environment variable, the one that was set where one was: `VAULT_SECRET_PATH`. */
  readonly variable?: string;
  /** Whether it is missing, and not wrong. */
  readonly isMissing?: boolean;
  /** The npm package that it needs, where that is not installed. */
  readonly package?: string;
}

/** What is shown of something that a provider threw and that is not a {@link SecretError}: nothing of its text. */
export interface ThrownFacts {
  /** The name of its class, or its type where it is no error: `TypeError`, `string`. */
  readonly type: string;
  /**
   * Where it was thrown, innermost call first, at most five: `my-provider/dist/index.js:12`. A file is named by
   * its path in its package, or else by its folder and its own name. Empty where the engine does not say.
   */
  readonly frames: readonly string[];
}

/** The facts a {@link SecretError} may carry besides its message. */
export interface SecretErrorDetails {
  /** Name of the provider that failed. */
  readonly provider?: string | undefined;
  /** The secret that was asked for. */
  readonly secretName?: string | undefined;
  /** Whether the same call may succeed later without any change. */
  readonly retryable?: boolean | undefined;
  /** What to do about it, in one sentence. It is appended to the message. */
  readonly hint?: string | undefined;
  /** What each provider said. */
  readonly attempts?: readonly ProviderAttempt[] | undefined;
  /** The setting that is at fault, of an `ERR_SECRET_CONFIG`. */
  readonly setting?: SecretSetting | undefined;
  /** HTTP status of the store's answer, where there was one. */
  readonly storeStatus?: number | undefined;
  /** The store's own id of the request, for its audit log. */
  readonly requestId?: string | undefined;
  /** What became of the write in question. Left out: there is none, or it is unknown. */
  readonly applied?: Applied | undefined;
  /** What is wrong with each name, of an error of `load`. */
  readonly issues?: readonly SecretIssue[] | undefined;
  /** What the provider threw, of an `ERR_SECRET_PROVIDER`. */
  readonly thrown?: ThrownFacts | undefined;
}

/** The facts by name, those that an error is allowed to have and to show. */
const facts = [
  'provider',
  'secretName',
  'retryable',
  'storeStatus',
  'requestId',
  'setting',
  'applied',
  'thrown',
  'attempts',
  'issues',
] as const satisfies readonly (keyof SecretErrorDetails)[];

/**
 * Every rejection of Keyfall.
 *
 * @example
 * ```ts
 * import { isSecretError, type Secrets } from '@keyfall/core';
 *
 * export async function sentryDsn(secrets: Secrets): Promise<string | undefined> {
 *   try {
 *     return await secrets.get('SENTRY_DSN');
 *   } catch (error) {
 *     if (isSecretError(error, 'ERR_SECRET_NOT_FOUND')) return undefined;
 *     throw error; // unavailable, denied, tampered with: not the same as missing
 *   }
 * }
 * ```
 */
export class SecretError extends Error {
  override readonly name: string = 'SecretError';
  /** Permanent, so that programs can distinguish errors. */
  declare readonly code: SecretErrorCode;
  /** Name of the provider that failed, where one did. */
  declare readonly provider: string | undefined;
  /** The secret that was asked for, where it was one. */
  declare readonly secretName: string | undefined;
  /** Whether the same call may succeed later without any change. */
  declare readonly retryable: boolean;
  /** What to do about it. */
  declare readonly hint: string | undefined;
  /** What each provider said; empty where the error is a provider's own. */
  declare readonly attempts: readonly ProviderAttempt[];
  /** The setting that is at fault, where one is. */
  declare readonly setting: SecretSetting | undefined;
  /** HTTP status of the store's answer, where there was one. */
  declare readonly storeStatus: number | undefined;
  /** The store's own id of the request, for its audit log. */
  declare readonly requestId: string | undefined;
  /**
   * What became of the write that was rejected. A chain always says so of a write; a provider's error
   * without it counts as `unknown`.
   */
  declare readonly applied: Applied | undefined;
  /** What the provider threw, where it was no `SecretError`. */
  declare readonly thrown: ThrownFacts | undefined;
  /** What is wrong with each name that `load` has read, the same facts as in the message; else empty. */
  declare readonly issues: readonly SecretIssue[];
  /** The clause without provider, name and hint: what an attempt's `reason` shows. */
  declare readonly reason: string;

  /**
   * @param code - which of the kinds of failure this is
   * @param reason - what happened and why, without a full stop, and never with a value in it
   * @param details - the allow-listed facts
   */
  constructor(code: SecretErrorCode, reason: string, details: SecretErrorDetails = {}) {
    super(details.hint === undefined ? `${reason}.` : `${reason}. ${details.hint}`);
    this.code = code;
    this.reason = reason;
    for (const fact of facts) Object.assign(this, { [fact]: details[fact] });
    this.retryable = details.retryable ?? code === 'ERR_SECRET_UNAVAILABLE';
    this.hint = details.hint;
    this.attempts = details.attempts ?? [];
    this.issues = details.issues ?? [];
  }

  /** The same failure with other facts; `code` and `reason` stay unless they are given too. */
  with(changes: SecretErrorChanges): SecretError {
    return errorWith(this, changes);
  }

  /** The error as plain data, for loggers. No stack and no values. */
  toJSON(): Record<string, unknown> {
    const shown = ['name', 'code', 'message', ...facts] as const;
    const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0;
    return Object.fromEntries(
      shown.map((fact) => [fact, this[fact]]).filter(([, value]) => !isEmpty(value)),
    );
  }
}

/** What may be another in an error made of an error. */
export interface SecretErrorChanges extends SecretErrorDetails {
  readonly code?: SecretErrorCode;
  readonly reason?: string;
}

/** `error.with(changes)`, also of an error of another install of the package, which may have no such method. */
export function errorWith(error: SecretError, changes: SecretErrorChanges): SecretError {
  const { code, reason, ...details } = { ...error, ...changes };
  return new SecretError(code, reason, details);
}

/** The error of every call to secrets that are closed. */
export function closedError(): SecretError {
  return new SecretError('ERR_SECRET_ABORTED', 'the secrets were closed');
}

/**
 * Whether `error` is a {@link SecretError}, and of this `code` where one is given. Works across
 * duplicate installs of the package, where `instanceof` does not.
 */
export function isSecretError(error: unknown): error is SecretError;
export function isSecretError<Code extends SecretErrorCode>(
  error: unknown,
  code: Code,
): error is SecretError & { readonly code: Code };
export function isSecretError(error: unknown, code?: SecretErrorCode): error is SecretError {
  if (!(error instanceof Error) || error.name !== 'SecretError' || !('code' in error)) return false;
  // another install may be a later one, with codes that are not known here
  return code ? error.code === code : String(error.code).startsWith('ERR_SECRET_');
}
