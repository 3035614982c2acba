/**
 * The tokens of a client as everything that sends requests sees them, wherever they come from: a login or
 * a text (`kept-token-session.ts`), a file or a function (`given-token-session.ts`).
 */
import type { ReadContext } from '@keyfall/core/provider';

/** A token as it may be sent now. */
export interface SessionToken {
  readonly text: string;
  /** Another number for every token: what a token made (a lease) ends with it. */
  readonly epoch: number;
  /** Whether the session revokes it at its end: it came of a login, and is no batch token. */
  readonly revocable: boolean;
  /**
   * Milliseconds that it has left, by the clock that says less. `Infinity` for a token that does not
   * end, and for one whose end is not known.
   */
  remaining(): number;
}

/** Is called when `next` takes the place of `previous`. */
export type TokenListener = (next: SessionToken, previous: SessionToken) => Promise<void>;

/** The tokens of one client, one at a time. */
export interface VaultSession {
  /**
   * A token to send now: the current one while it lives, else that of a login. One login however many
   * wait, and an aborted caller does not end it for the others.
   *
   * @throws `SecretError`: what the login or the token file failed with
   */
  token(context: ReadContext): Promise<SessionToken>;
  /**
   * Another token in place of one that the server does not accept: that of a new login, or what a file
   * holds by now. `undefined` if there is no other.
   *
   * @throws `SecretError`: what the login or the token file failed with
   */
  replace(refused: SessionToken, context: ReadContext): Promise<SessionToken | undefined>;
  /**
   * Calls `listener` with every replacement, when requests use `next` already. `previous` is revoked
   * when all listeners are done, so that what lives by it can be moved; if one fails, it is left to end
   * by itself. Its `remaining()` is 0 if the server refused it: all that it made is gone then.
   *
   * @returns what ends it
   */
  onReplaced(listener: TokenListener): () => void;
  /** Stops the timers and revokes the tokens that it logged in for, within 2 s. Does not reject. */
  close(): Promise<void>;
}
