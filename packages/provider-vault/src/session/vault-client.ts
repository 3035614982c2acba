/**
 * Requests with the token in hand: repeated where that is safe, and ended by an answer or by the one
 * error that tells what happened.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Applied, SecretError } from '@keyfall/core';
import { type ReadContext, withApplied } from '@keyfall/core/provider';
import { forbidden, saidBy, verdictOf } from '../answers/vault-errors.ts';
import type { GoneVersion, Subject, Suspect } from '../answers/verdict.ts';
import type { TokenSetting, VaultSettings } from '../settings/vault-settings.ts';
import { abortError, isUnattended } from '../wire/aborting.ts';
import type { VaultAddress, VaultWire, WireAnswer, WireResult } from '../wire/vault-wire.ts';
import type { SessionToken, VaultSession } from './session-token.ts';
import { tokenFileSession } from './token-file-session.ts';
import { createSession } from './vault-session.ts';

/** A request to the API. */
interface VaultRequest {
  readonly verb: 'read' | 'list' | 'write' | 'update' | 'delete';
  /** Encoded, query included. */
  readonly path: string;
  /** JSON text, for `write` and `update`. */
  readonly body?: string;
  /** A `read` that makes something on the server: not repeated once it may have arrived. */
  readonly makes?: boolean;
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
  /** A request that changes something went out, and nobody knows whether it was carried out, or will be. */
  | {
      readonly kind: 'unknown';
      /** Says `applied: 'unknown'`. */
      readonly error: SecretError;
      /** Whether Vault itself answered, with a failure. */
      readonly answered: boolean;
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
  /** The same without repeating or judging, for what wants to know the status. */
  probe(request: VaultRequest, context: ReadContext): Promise<WireResult>;
  /** Revokes what it logged in for, within 2 s, and ends every connection. Does not reject. */
  close(): Promise<void>;
}

/** What to do about a token that the server does not accept, where it was not given as text. */
const ifNotAccepted: { readonly [kind in TokenSetting['kind']]?: string } = {
  file: 'It may have expired or been revoked: whoever writes the token file has to write another.',
  helper: 'It may have expired or been revoked: log in with vault login or bao login.',
  client: 'It may have expired or been revoked: have the client of the option client log in.',
  agent:
    'None was sent: the agent has to add its own (use_auto_auth_token). Else set VAULT_TOKEN, or give tokenFile or auth.',
  login: "It came of a login, and may have been revoked: look into the server's audit log.",
};

/** What a look-up of the token found: whether that could be asked at all, and now. */
type Found = Suspect | 'accepted' | 'unanswered' | 'unanswerable';

export function createVaultClient(settings: VaultSettings, wire: VaultWire): VaultClient {
  const { name: provider, mount, path, namespace, maxRetries } = settings;
  const { origin } = settings.address;
  const subject: Subject = { provider, origin, place: `${mount}/${path}`, mount, namespace };
  const lookups = new Map<string, Promise<Found>>();
  let usesAreCounted = settings.countedUses;

  async function exchange(
    { verb, path, body = '', anonymous = false, makes, node, fresh }: VaultRequest,
    context: ReadContext,
    token: string | undefined,
  ): Promise<WireResult> {
    const { signal, timeLeft, warn, stamp } = context;
    const unattended = isUnattended(context);
    const bounds = { signal, timeLeft, warn, stamp, node, fresh, unattended };
    const call = anonymous ? bounds : { ...bounds, token, namespace, makes };
    return verb === 'write' || verb === 'update'
      ? wire[verb](path, body, call)
      : wire[verb](path, call);
  }

  async function send(
    request: VaultRequest,
    context: ReadContext,
    token: string | undefined,
  ): Promise<WireResult> {
    const result = await exchange(request, context, token);
    if (context.signal.aborted) throw abortError(context.signal, provider);
    return result;
  }

  /** Whether the server knows the token: asked once however many were refused at a time. */
  async function lookUp(token: string, context: ReadContext): Promise<Found> {
    const request: VaultRequest = { verb: 'read', path: 'auth/token/lookup-self' };
    for (let repeats = 0; ; repeats += 1) {
      const result = await send({ ...request, fresh: repeats > 0 }, context, token);
      const verdict = verdictOf(result, subject);
      if (verdict.kind === 'forbidden') return verdict.suspect;
      if (verdict.kind === 'ok') {
        const data = verdict.answer.body?.['data'] as { num_uses?: unknown } | null | undefined;
        usesAreCounted = typeof data?.num_uses === 'number' && data.num_uses > 0;
        return 'accepted';
      }
      if (verdict.kind !== 'error' || verdict.error.code !== 'ERR_SECRET_UNAVAILABLE')
        return 'unanswerable';
      if (verdict.repeat === 'none' || !(await mayAskAgain(result, repeats, context)))
        return 'unanswered';
    }
  }

  /**
   * What a refusal is.
   *
   * @returns whether the token may be given up: not while the server could not be asked about it
   */
  async function judge(
    suspect: Suspect,
    token: string,
    context: ReadContext,
  ): Promise<{ readonly kind: 'denied' | 'unauthenticated'; readonly sure: boolean }> {
    if (suspect === 'denied') return { kind: 'denied', sure: true };
    if (suspect === 'rejected') return { kind: 'unauthenticated', sure: true };
    const byText = suspect === 'token' ? 'unauthenticated' : 'denied';
    // a look-up would use up one of the token's uses
    if (usesAreCounted) return { kind: byText, sure: true };
    const others = lookups.get(token);
    const lookup = others ?? lookUp(token, context);
    lookups.set(token, lookup);
    try {
      let found = await lookup.catch(() => 'unanswered' as const);
      if (context.signal.aborted) throw abortError(context.signal, provider);
      // whose it was has given up, or had less time
      if (found === 'unanswered' && others) found = await lookUp(token, context);
      if (found === 'unanswered') return { kind: byText, sure: false };
      if (found === 'unanswerable') return { kind: byText, sure: true };
      // a token without the default policy may not look itself up, which the text tells
      const kind = found === 'token' || found === 'rejected' ? 'unauthenticated' : 'denied';
      return { kind, sure: true };
    } catch {
      if (context.signal.aborted) throw abortError(context.signal, provider);
      return { kind: byText, sure: false };
    } finally {
      lookups.delete(token);
    }
  }

  /** Waits until a request may be sent again. `false`: there were enough, or there is no time. */
  async function mayAskAgain(
    result: WireResult,
    repeats: number,
    context: ReadContext,
  ): Promise<boolean> {
    const told = result.kind === 'answer' ? result.retryAfter : undefined;
    const delay = told === undefined ? retryDelay(repeats) : toldDelay(told, repeats);
    // a sealed node does not change within these delays: once is enough to tell a blip
    const sealed = result.kind === 'answer' && saidBy(result).includes('sealed');
    const most = sealed ? Math.min(1, maxRetries) : maxRetries;
    if (repeats >= most || delay >= context.timeLeft()) return false;
    try {
      await wait(delay, undefined, { signal: context.signal, ref: !isUnattended(context) });
      return true;
    } catch {
      throw abortError(context.signal, provider);
    }
  }

  const { token: setting, countedUses, clock, tls } = settings;
  const shown = tls.identity ? [tls.identity.cert.path, tls.identity.key.path] : [];
  const session =
    setting.kind === 'text' || setting.kind === 'login'
      ? createSession({ setting, countedUses, send, subject, maxRetries, clock, shown })
      : tokenFileSession(setting, provider, clock);

  /**
   * An answer of use, or the one error that tells what happened.
   *
   * @param mayBeDone - is called when one of the requests that were sent may have been carried out
   */
  async function answerTo(
    request: VaultRequest,
    given: ReadContext,
    changes: boolean,
    mayBeDone: () => void,
  ): Promise<VaultOutcome> {
    const context = withOwnSignal(given);
    const about = { ...subject, place: request.place ?? subject.place };
    let replaced = false;
    for (let repeats = 0; ; repeats += 1) {
      const token = await session.token(context);
      const result = await exchange({ ...request, fresh: repeats > 0 }, context, token.text);
      if (context.signal.aborted) {
        if (result.kind === 'answer' || result.sent) mayBeDone();
        throw abortError(context.signal, provider);
      }
      const verdict = verdictOf(result, about, request.verb);
      if (verdict.kind === 'forbidden') {
        const { kind, sure } = await judge(verdict.suspect, token.text, context);
        // a token that is not known has done nothing: sent once more with another, whatever it is
        if (kind === 'unauthenticated' && sure && !replaced) {
          replaced = true;
          repeats -= 1;
          if (await session.replace(token, context)) continue;
        }
        const hint = kind === 'denied' ? request.ifDenied : ifNotAccepted[setting.kind];
        throw forbidden(kind, about, verdict.status, hint);
      }
      if (verdict.kind === 'ok') return { ...verdict, token };
      if (verdict.kind === 'missing')
        return { ...verdict, stamp: result.kind === 'answer' ? result.stamp : undefined };
      if (verdict.kind !== 'error') return verdict;
      const { error, repeat, ambiguous } = verdict;
      if (ambiguous) mayBeDone();
      const mayRepeat = repeat === 'any' || (repeat === 'read' && !changes);
      if (mayRepeat && (await mayAskAgain(result, repeats, context))) continue;
      if (changes && ambiguous)
        return { kind: 'unknown', error: withApplied(error, 'unknown'), answered: verdict.itsOwn };
      throw error;
    }
  }

  return {
    subject,
    session,
    async ask(request, given) {
      const changes = request.makes || (request.verb !== 'read' && request.verb !== 'list');
      if (!changes) return answerTo(request, given, changes, () => {});
      let applied: Applied = 'no';
      const mayBeDone = () => {
        applied = 'unknown';
      };
      return answerTo(request, given, changes, mayBeDone).catch((error: unknown) => {
        throw withApplied(error, applied);
      });
    },
    async probe(request, given) {
      const context = withOwnSignal(given);
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
function withOwnSignal(context: ReadContext): ReadContext {
  return { ...context, signal: AbortSignal.any([context.signal]) };
}

/**
 * Milliseconds to wait after `Retry-After`. It counts whole seconds, which servers round down: who comes
 * just then may be early by up to one, and who was early once does not come early again.
 */
function toldDelay(retryAfter: number, repeats: number): number {
  return retryAfter + (repeats === 0 ? retryDelay(0) : 1_000);
}

/** Milliseconds: short, since all repeats have to fit into a read's time limit. */
function retryDelay(repeats: number): number {
  return 50 + Math.min(repeats, 2) * 50 + Math.random() * 50;
}
