/**
 * Requests with the token in hand: repeated where that is safe, and ended by an answer or by the one
 * error that says what happened.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Applied,
  type ReadContext,
  type SecretError,
  withApplied,
} from '@keyfall/core/provider';
import {
  type Classified,
  type ClassifiedError,
  classify,
  forbidden,
} from '../answers/classify-result.ts';
import type { Subject } from '../answers/error-kinds.ts';
import type { GoneVersion } from '../answers/server-words.ts';
import type { TokenSetting } from '../settings/token-setting.ts';
import type { ClientSettings } from '../settings/vault-settings.ts';
import { abortError, isUnattended } from '../wire/bounds.ts';
import {
  changes,
  type VaultAddress,
  type Wire,
  type WireAnswer,
  type WireRequest,
  type WireResult,
} from '../wire/vault-wire.ts';
import { givenTokenSession } from './given-token-session.ts';
import { keptTokenSession } from './kept-token-session.ts';
import type { SessionToken, VaultSession } from './session-token.ts';

/** A request to the API. */
interface VaultRequest extends WireRequest {
  /** Send neither token nor namespace: `sys/health` refuses them. */
  readonly anonymous?: boolean;
  /** The node to ask, and no other. */
  readonly node?: VaultAddress;
  /** Over a new connection, as each repeat is. */
  readonly fresh?: boolean;
  /** What is asked about, for messages, where it is not the provider's first document. */
  readonly place?: string;
  /** What to do about a denial. */
  readonly ifDenied?: string;
}

/** What comes of a request that did not fail. */
type VaultOutcome =
  | {
      readonly kind: 'ok';
      readonly answer: WireAnswer;
      /** The token that it was asked with: what was made by it ends with it. */
      readonly token: SessionToken;
    }
  | {
      readonly kind: 'missing';
      readonly gone: GoneVersion | undefined;
      /** As `WireAnswer.stamp`. */
      readonly stamp: number | undefined;
    }
  | { readonly kind: 'conflict' }
  /** A request that changes something went out, and whether it was carried out, or will be, is not known. */
  | {
      readonly kind: 'unknown';
      /** Says `applied: 'unknown'`. */
      readonly error: SecretError;
      /** Whether Vault itself answered, with a failure. */
      readonly isVaults: boolean;
    };

/** Asks one server. */
export interface VaultClient {
  readonly subject: Subject;
  readonly session: VaultSession;
  /**
   * @throws `SecretError` for everything that is none of the outcomes; of a request that changes something it
   *   says `applied: 'no'`, unless an abort came when it had left
   */
  ask(request: VaultRequest, context: ReadContext): Promise<VaultOutcome>;
  /** The same without repeats and without a meaning, where the status is of interest. */
  probe(request: VaultRequest, context: ReadContext): Promise<WireResult>;
  /** Revokes what it logged in for, within 2 s, and ends every connection. Does not reject. */
  close(): Promise<void>;
}

/** What to do about a token that the server does not accept, where it was not given as text. */
const ifNotAccepted: { readonly [kind in TokenSetting['kind']]?: string } = {
  file: 'It may have expired or been revoked: whatever writes the token file has to write another.',
  helper: 'It may have expired or been revoked: log in with vault login or bao login.',
  function:
    'It may have expired or been revoked: have the function of the option token give another.',
  agent:
    'None was sent: the agent has to add its own (use_auto_auth_token). Else set VAULT_TOKEN, or give the option token or auth.',
  login: "It came of a login, and may have been revoked: look into the server's audit log.",
};

/** Which of the two a refusal is about. */
type Cause = Extract<Classified, { readonly kind: 'forbidden' }>['cause'];

/** What a look-up of the token found: whether that could be asked at all, and now. */
type Found = Cause | 'accepted' | 'unanswered' | 'unanswerable';

/** @param what - where the requests lead, for messages */
export function createVaultClient(
  settings: ClientSettings,
  wire: Wire,
  what: { readonly mount: string; readonly place: string },
): VaultClient {
  const { name: provider, namespace, maxRetries, consistency, clock, tls } = settings;
  const { origin } = settings.address;
  const subject: Subject = { provider, origin, namespace, ...what };
  const lookUps = new Map<string, Promise<Found>>();

  function exchange(
    request: VaultRequest,
    context: ReadContext,
    token: string | undefined,
    fresh = request.fresh,
  ): Promise<WireResult> {
    const { signal, remainingTimeout, warn, stamp } = context;
    const { node, anonymous = false } = request;
    return wire.send(request, {
      signal,
      remainingTimeout,
      warn,
      stamp,
      node,
      fresh,
      unattended: isUnattended(context),
      token: anonymous ? undefined : token,
      namespace: anonymous ? undefined : namespace,
    });
  }

  async function send(
    request: VaultRequest,
    context: ReadContext,
    token?: string,
  ): Promise<WireResult> {
    const result = await exchange(request, context, token);
    if (context.signal.aborted) throw abortError(context.signal, provider);
    return result;
  }

  /** Whether the server knows the token: asked once however many requests were refused at a time. */
  async function lookUp(token: string, context: ReadContext): Promise<Found> {
    const request: VaultRequest = { verb: 'read', path: 'auth/token/lookup-self' };
    for (let repeats = 0; ; repeats += 1) {
      const result = await send({ ...request, fresh: repeats > 0 }, context, token);
      const found = classify(result, subject);
      if (found.kind === 'forbidden') return found.cause;
      if (found.kind === 'ok') return 'accepted';
      if (found.kind !== 'error' || found.error.code !== 'ERR_SECRET_UNAVAILABLE')
        return 'unanswerable';
      if (!found.mayRepeat(false) || !(await mayAskAgain(result, found, repeats, context)))
        return 'unanswered';
    }
  }

  /**
   * What a refusal is about.
   *
   * @returns whether the token may be given up: not while the server could not be asked about it
   */
  async function classifyRefusal(
    { cause, isCertain }: Extract<Classified, { readonly kind: 'forbidden' }>,
    { text: token, remaining }: SessionToken,
    context: ReadContext,
  ): Promise<{ readonly cause: Cause; readonly isCertain: boolean }> {
    // its time ran out while the server was silent: what it says to it now is no refusal
    if (remaining() === 0) return { cause: 'token', isCertain: true };
    // a look-up would use up one of the token's uses
    if (isCertain || consistency.countedUses) return { cause, isCertain: true };
    const others = lookUps.get(token);
    const asked = others ?? lookUp(token, context);
    lookUps.set(token, asked);
    try {
      let found = await asked.catch(() => 'unanswered' as const);
      if (context.signal.aborted) throw abortError(context.signal, provider);
      // the caller whose it was has given up, or had less time
      if (found === 'unanswered' && others) found = await lookUp(token, context);
      if (found === 'unanswered') return { cause, isCertain: false };
      if (found === 'unanswerable') return { cause, isCertain: true };
      // a token without the default policy may not look itself up, which the text shows
      return { cause: found === 'token' ? 'token' : 'policy', isCertain: true };
    } catch {
      if (context.signal.aborted) throw abortError(context.signal, provider);
      return { cause, isCertain: false };
    } finally {
      lookUps.delete(token);
    }
  }

  /** Waits until a request may be sent again. `false`: there were enough, or there is no time. */
  async function mayAskAgain(
    result: WireResult,
    { once }: ClassifiedError,
    repeats: number,
    context: ReadContext,
  ): Promise<boolean> {
    const retryAfter = result.kind === 'answer' ? result.retryAfter : undefined;
    const delay =
      retryAfter === undefined
        ? (once?.after ?? retryDelay(repeats))
        : delayAfter(retryAfter, repeats);
    const most = once === undefined ? maxRetries : Math.min(1, maxRetries);
    if (repeats >= most || delay >= context.remainingTimeout()) return false;
    try {
      await wait(delay, undefined, { signal: context.signal, ref: !isUnattended(context) });
      return true;
    } catch {
      throw abortError(context.signal, provider);
    }
  }

  const { token: setting } = settings;
  const certificate = tls.identity ? [tls.identity.cert.path, tls.identity.key.path] : [];
  const session =
    setting.kind === 'text' || setting.kind === 'login'
      ? keptTokenSession({
          setting,
          send,
          subject,
          maxRetries,
          clock,
          certificate,
          countedUses: consistency.countedUses,
        })
      : givenTokenSession(setting, provider, clock);

  /**
   * An answer of use, or the one error that says what happened.
   *
   * @param mayBeDone - is called when one of the requests that were sent may have been carried out
   */
  async function answerTo(
    request: VaultRequest,
    context: ReadContext,
    mayBeDone: () => void,
  ): Promise<VaultOutcome> {
    takeManyListeners(context);
    const isChange = changes(request);
    const about = { ...subject, place: request.place ?? subject.place };
    let isReplaced = false;
    for (let repeats = 0; ; repeats += 1) {
      const token = await session.token(context);
      const result = await exchange(request, context, token.text, repeats > 0);
      if (context.signal.aborted) {
        if (result.kind === 'answer' || result.sent) mayBeDone();
        throw abortError(context.signal, provider);
      }
      const found = classify(result, about, request.verb);
      if (found.kind === 'forbidden') {
        const { cause, isCertain } = await classifyRefusal(found, token, context);
        // a token that is not known has done nothing: sent once more with another, whatever it is
        if (cause === 'token' && isCertain && !isReplaced) {
          isReplaced = true;
          repeats -= 1;
          if (await session.replace(token, context)) continue;
        }
        const hint = cause === 'policy' ? request.ifDenied : ifNotAccepted[setting.kind];
        throw forbidden(cause, about, found.status, hint);
      }
      // copied behind it: Node 20 adds a property to a copy slowly
      if (found.kind === 'ok') return { token, ...found };
      if (found.kind === 'missing')
        return { ...found, stamp: result.kind === 'answer' ? result.stamp : undefined };
      if (found.kind !== 'error') return found;
      const { error, isAmbiguous, isVaults } = found;
      if (isAmbiguous) mayBeDone();
      if (found.mayRepeat(isChange) && (await mayAskAgain(result, found, repeats, context)))
        continue;
      if (isChange && isAmbiguous)
        return { kind: 'unknown', error: withApplied(error, 'unknown'), isVaults };
      throw error;
    }
  }

  return {
    subject,
    session,
    ask(request, context) {
      if (!changes(request)) return answerTo(request, context, () => {});
      let applied: Applied = 'no';
      const mayBeDone = () => {
        applied = 'unknown';
      };
      return answerTo(request, context, mayBeDone).catch((error: unknown) => {
        throw withApplied(error, applied);
      });
    },
    async probe(request, context) {
      takeManyListeners(context);
      const token = request.anonymous ? undefined : (await session.token(context)).text;
      return send(request, context, token);
    },
    async close() {
      await session.close();
      wire.close();
    },
  };
}

/** Many requests may be of one call, and their listeners at its one signal would look like a leak to Node. */
function takeManyListeners({ signal }: ReadContext): void {
  setMaxListeners(0, signal);
}

/**
 * Milliseconds to wait after `Retry-After`. It counts whole seconds, which servers round down: a request
 * just then may be early by up to one. A second one is not early again.
 */
function delayAfter(retryAfter: number, repeats: number): number {
  return retryAfter + (repeats === 0 ? retryDelay(0) : 1_000);
}

/** Milliseconds: short, since all repeats have to fit into a read's time limit. */
function retryDelay(repeats: number): number {
  return 50 + Math.min(repeats, 2) * 50 + Math.random() * 50;
}
