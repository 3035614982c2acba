/**
 * What a login method is: it says what to send to which path, and nothing else. The session sends it,
 * judges the answer and keeps the token.
 */

import type { Variables } from '../environment/vault-variables.ts';

/**
 * Where a credential comes from: the text itself, a file, an environment variable, or a function. All
 * but the first are read again at each login, since others rotate them.
 */
export type CredentialSource =
  | string
  | { readonly file: string }
  | { readonly env: string }
  | (() => string | Promise<string>);

/** What a method may use while it prepares a login. */
export interface VaultLoginContext {
  /** Ends the login. */
  readonly signal: AbortSignal;
  /** Milliseconds left for it. */
  readonly remainingTimeout: () => number;
  /**
   * The text of `source`; a file's without the line break at its end.
   *
   * @param what - what it is, for errors: 'the secret id'
   * @throws `ERR_SECRET_CONFIG` if the file or variable is not there or empty, `ERR_SECRET_UNAVAILABLE`
   *   if the function fails with anything but a `SecretError`
   */
  read(source: CredentialSource, what: string): Promise<string>;
  /**
   * Opens a response-wrapped answer and returns its `data`, once it is sure that it was made at a path
   * that `creationPath` matches. A wrapping token opens once: nothing of this is ever sent twice.
   *
   * @throws `ERR_SECRET_UNAUTHENTICATED` if it was made elsewhere, or was opened already: it may have been
   *   intercepted
   */
  unwrap(wrappingToken: string, creationPath: RegExp): Promise<Readonly<Record<string, unknown>>>;
}

/** A login to send. */
export interface VaultLogin {
  /** Without `/v1/`, not encoded: `auth/approle/login`. */
  readonly path: string;
  /** The members of the request. */
  readonly body: Readonly<Record<string, unknown>>;
  /**
   * Whether it does no harm to send it again when it is not known whether it arrived. Default true;
   * `false` for credentials that one login may use up.
   */
  readonly repeatable?: boolean;
  /**
   * Why no login can follow this one, as a clause: 'its secret id has one use'. A warning says so long
   * before the token ends.
   */
  readonly lastBecause?: string | undefined;
  /**
   * Whose login it is, where the body is another one each time: a refused login is not sent again at once with the same
   * credential. Default: the body.
   */
  readonly credential?: string | undefined;
  /** Is called when the server has accepted it, to count or forget what a login uses up. */
  readonly accepted?: (() => void) | undefined;
}

/** A login method of Vault: one of this package's, or your own. */
export interface VaultAuth {
  /** For messages: 'AppRole'. */
  readonly name: string;
  /**
   * The environment variables that its credentials come from, which what is started with the secrets must
   * not inherit. What `read` takes from a variable counts without this, from the first login on.
   */
  readonly credentialVariables?: readonly string[];
  /**
   * Prepares one login. Is called for each, never twice at a time.
   *
   * @throws a `SecretError`; anything else is shown as `ERR_SECRET_UNAVAILABLE`, without its text
   */
  login(context: VaultLoginContext): VaultLogin | Promise<VaultLogin>;
}

/**
 * The variables that are set and hold credentials of this method.
 *
 * @param read - those that it has read by now, which gets the others as well: the same set each time
 */
export function credentialVariablesOf(
  { credentialVariables = [] }: VaultAuth,
  env: Variables,
  read: Set<string>,
): ReadonlySet<string> {
  // one that is not set is not there to be inherited, and may be the credential itself in its variable's place
  for (const name of credentialVariables) if (env[name] !== undefined) read.add(name);
  return read;
}

/** The variables among these sources. */
export function variablesOf(...sources: readonly (CredentialSource | undefined)[]): string[] {
  return sources.flatMap((source) => {
    // of a caller without types anything
    const { env }: { readonly env?: unknown } = Object(source);
    return typeof env === 'string' && /^[A-Z_]\w*$/i.test(env) ? [env] : [];
  });
}
