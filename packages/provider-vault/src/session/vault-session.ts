/**
 * The token that requests are sent with, over time: where it comes from, how long it lives, and by
 * which other one it is replaced.
 *
 * | the token | what is done |
 * | --- | --- |
 * | of a login | renewed after two thirds of its life; where that is refused or does not lengthen it any more, replaced by another login while it still works |
 * | given as text | looked up after half a minute (a short program never pays for that), then renewed; it cannot be replaced, which is told as soon as it is known. One with counted uses is not used any more then, unless that was allowed |
 * | in a file | read for every request; whoever writes the file keeps it alive |
 *
 * Only tokens of logins are ever revoked.
 */
import { type Clock, isSecretError, SecretError } from '@keyfall/core';
import type { ReadContext } from '@keyfall/core/provider';
import { reasonOf, verdictOf } from '../answers/vault-errors.ts';
import type { Subject } from '../answers/verdict.ts';
import type { TokenSetting } from '../settings/vault-settings.ts';
import { type UnattendedContext, unlessAborted, whileWaiting } from '../wire/aborting.ts';
import { spanOf } from '../wire/time.ts';
import { type HeldToken, holdToken } from './held-token.ts';
import type { TokenListener, VaultSession } from './session-token.ts';
import { alarmOf, backOff, graceOf, type Moment, momentOf, renewalDelay } from './token-life.ts';
import { lookUpIn, renewalIn } from './token-news.ts';
import { type AcceptedLogin, type SendOnce, vaultLogin } from './vault-login.ts';

export interface SessionOptions {
  readonly setting: Extract<TokenSetting, { kind: 'text' | 'login' }>;
  /** Whether a token that was given may have counted uses: it is not looked up then, nor renewed. */
  readonly countedUses: boolean;
  readonly send: SendOnce;
  readonly subject: Subject;
  readonly maxRetries: number;
  readonly clock: Clock;
  /** The files of the certificate that connections show. */
  readonly shown: readonly string[];
}

/** Milliseconds that a login may take: longer than a call, since it goes on without its callers. */
const loginLimit = 10_000;

/** Milliseconds that a renewal or a look-up may take. */
const requestLimit = 10_000;

/** Milliseconds that revoking at the end may take. */
const closeLimit = 2_000;

/** Milliseconds before a token that was given is looked up. */
const lookupDelay = 30_000;

/** A session of a token that was given, or of logins. */
export function createSession(options: SessionOptions): VaultSession {
  const { setting, countedUses, send, subject, maxRetries, clock, shown } = options;
  const { provider } = subject;
  const login =
    setting.kind === 'login'
      ? vaultLogin({ ...setting, send, subject, maxRetries, clock, shown })
      : undefined;
  const label =
    setting.kind === 'login'
      ? `the token of the ${setting.auth.name} login`
      : `the token of ${setting.from}`;
  const alarm = alarmOf(clock);
  const listeners = new Set<TokenListener>();
  /** Replaced tokens that are still to be revoked. */
  const retiring = new Set<HeldToken>();
  const over = new AbortController();
  let epoch = 0;
  let held: HeldToken | undefined;
  let loggingIn: Promise<HeldToken> | undefined;
  let failures = 0;
  let unknown = setting.kind === 'text' && !countedUses;
  /** Why a token that was given is not to be used any more. */
  let unfit: SecretError | undefined;
  let closing: Promise<void> | undefined;
  /** What happens between two calls is told through the last one. */
  let warn: (message: string) => void = () => {};
  /** The chain may ask again for what it was refused; called as `warn` is. */
  let askAgain: () => void = () => {};

  if (setting.kind === 'text')
    held = hold(setting.token, Number.POSITIVE_INFINITY, momentOf(clock));

  function hold(text: string, life: number, start: Moment, revocable = false): HeldToken {
    epoch += 1;
    return holdToken({ text, epoch, revocable }, life, start, clock);
  }

  /** Bounds of a request that no caller waits for. */
  function background(limit: number): UnattendedContext {
    const deadline = clock.monotonic() + limit;
    return {
      signal: over.signal,
      unattended: true,
      timeLeft: () => Math.max(0, deadline - clock.monotonic()),
      warn: (message) => warn(message),
    };
  }

  const closedError = (): SecretError =>
    new SecretError('ERR_SECRET_ABORTED', 'the provider was closed', { provider });

  /** Has what happens between two calls told through this one, until there is another. */
  function hear(context: ReadContext): void {
    warn = context.warn;
    if (context.askAgain) askAgain = context.askAgain;
  }

  /** Logs in, once however many wait for it. */
  function logIn(): Promise<HeldToken> {
    if (login === undefined) throw closedError(); // a given token is never logged in for
    loggingIn ??= logInWith(login).finally(() => {
      loggingIn = undefined;
    });
    return loggingIn;
  }

  async function logInWith(
    work: (context: ReadContext) => Promise<AcceptedLogin>,
  ): Promise<HeldToken> {
    // the token's time runs from before it was made
    const start = momentOf(clock);
    const { grant, lastBecause } = await work(background(loginLimit));
    const made = hold(grant.token, grant.life, start, grant.revocable);
    made.renewable = grant.renewable;
    const previous = held;
    held = made;
    failures = 0;
    askAgain();
    if (lastBecause !== undefined)
      warn(
        `reauth-impossible: no login can follow this one, since ${lastBecause}; the token ends in ${spanOf(grant.life)} unless it is renewed`,
      );
    if (closing) {
      // close() is about to revoke both
      if (previous) retiring.add(previous);
      return made;
    }
    plan(made);
    if (previous) void retire(previous, made);
    return made;
  }

  /** Lets what lives by `previous` be moved, then revokes it. */
  async function retire(previous: HeldToken, next: HeldToken): Promise<void> {
    for (const ended of retiring) if (ended.token.remaining() === 0) retiring.delete(ended);
    retiring.add(previous);
    const moved = await Promise.allSettled(
      [...listeners].map(async (listener) => listener(next.token, previous.token)),
    );
    if (closing || moved.some(({ status }) => status === 'rejected')) return;
    await revoke(previous, background(requestLimit));
    retiring.delete(previous);
  }

  /** Does not reject. */
  async function revoke(target: HeldToken, context: ReadContext): Promise<void> {
    if (!target.token.revocable || target.refused) return;
    try {
      const request = { verb: 'write', path: 'auth/token/revoke-self' } as const;
      const result = await send(request, context, target.token.text);
      const verdict = verdictOf(result, subject, 'write');
      // what the server does not know any more need not be revoked
      if (verdict.kind === 'ok') return;
      if (verdict.kind === 'forbidden' && verdict.suspect !== 'policy') return;
    } catch {
      // aborted by the end of close()
    }
    warn(
      `${label} could not be revoked, and ends by itself in ${spanOf(target.token.remaining())}`,
    );
  }

  /** Sets the alarm for the next thing to do about `target`. */
  function plan(target: HeldToken): void {
    const left = target.token.remaining();
    // the alarm is of the token before
    if (left === Number.POSITIVE_INFINITY) alarm.cancel();
    else alarm.set(Math.max(1_000, renewalDelay(left, target.grace)), () => void maintain(target));
  }

  async function maintain(target: HeldToken): Promise<void> {
    if (target !== held || closing) return;
    // what renewing does not lengthen any more is replaced, if it can be; what cannot be replaced has ended
    // when the server says so, and not by clocks of ours that may have been set
    const worthIt =
      login === undefined || (target.token.remaining() > target.grace && !target.capped);
    const renewing = target.renewable && worthIt;
    if (renewing && (await renewed(target))) return;
    if (target !== held || closing) return;
    if (login === undefined) {
      cannotReplace(target);
      return;
    }
    try {
      await logIn();
    } catch (error) {
      if (target !== held || closing) return;
      target.refused = false;
      tellNoOther(target, error);
      // a little longer is better than nothing
      if (target.renewable && (await renewed(target))) return;
      target.refused = false;
      tryAgain(target);
    }
  }

  /** At first, and again when half of the time has gone since, or for another reason: not at each attempt. */
  function tellNoOther(target: HeldToken, error: unknown): void {
    const left = target.token.remaining();
    const reason = reasonOf(error);
    if (target.told?.reason === reason && left > target.told.left / 2) return;
    target.told = { reason, left };
    warn(
      `${isSecretError(error, 'ERR_SECRET_UNAVAILABLE') ? '' : 'reauth-impossible: '}${label} ends in ${spanOf(left)}, and there is no other yet: ${reason}`,
    );
  }

  /** Again before it ends; after that, whoever needs a token logs in, if there is a login. */
  function tryAgain(target: HeldToken): void {
    failures += 1;
    const left = target.token.remaining();
    if (login && left === 0) return;
    alarm.set(backOff(failures, left || Number.POSITIVE_INFINITY), () => void maintain(target));
  }

  /** Whether something is planned again: it was renewed, or will be tried again. */
  async function renewed(target: HeldToken): Promise<boolean> {
    const start = momentOf(clock);
    const request = { verb: 'write', path: 'auth/token/renew-self', body: '{}' } as const;
    try {
      const result = await send(request, background(requestLimit), target.token.text);
      const news = renewalIn(result, subject);
      if (target !== held || closing) return true;
      if (news.kind === 'told') {
        prolong(target, news.life, news.renewable, start);
        return true;
      }
      if (news.kind === 'refused') {
        target.renewable = false;
        target.refused = !news.known;
        return false;
      }
    } catch {
      // aborted
      if (closing) return true;
    }
    tryAgain(target);
    return true;
  }

  function prolong(target: HeldToken, life: number, renewable: boolean, start: Moment): void {
    // less than before (the server counts in seconds): its longest life is near
    const capped = life < target.life - 1_000;
    const ending = !renewable || (capped && !target.capped);
    target.start = start;
    target.life = life;
    target.renewable = renewable;
    target.capped = capped || target.capped;
    if (!capped) target.grace = graceOf(life);
    failures = 0;
    if (login === undefined && ending) cannotReplace(target);
    plan(target);
  }

  function cannotReplace(target: HeldToken): void {
    warn(
      `reauth-impossible: ${label} ends in ${spanOf(target.token.remaining())} and cannot be renewed any more; log in again, or give a login method as the option auth`,
    );
  }

  /** What the server tells of a token that was given. */
  async function lookUp(target: HeldToken): Promise<void> {
    const start = momentOf(clock);
    try {
      const request = { verb: 'read', path: 'auth/token/lookup-self' } as const;
      const result = await send(request, background(requestLimit), target.token.text);
      const news = lookUpIn(result, subject);
      if (closing) return;
      if (news.kind === 'failed') {
        failures += 1;
        alarm.set(backOff(failures, Number.POSITIVE_INFINITY), () => void lookUp(target));
        return;
      }
      failures = 0;
      // a token without the default policy may not look itself up: its end is not known then
      if (news.kind === 'refused') return;
      if (news.uses > 0) {
        unfit = countedError(news.uses);
        warn(`reauth-impossible: ${unfit.message}`);
        return;
      }
      if (news.life === Number.POSITIVE_INFINITY) return;
      target.start = start;
      target.life = news.life;
      target.grace = graceOf(news.life);
      target.renewable = news.renewable;
      if (!target.renewable) cannotReplace(target);
      plan(target);
    } catch {
      // aborted
    }
  }

  /** Its last use would come at a moment that nobody chose. */
  function countedError(uses: number): SecretError {
    return new SecretError(
      'ERR_SECRET_CONFIG',
      `${label} is good for ${uses} more requests, and is not used any more`,
      {
        provider,
        hint: 'A program that lives on needs a token without counted uses (num_uses=0), or a login method as the option auth; the option countedUses allows it.',
      },
    );
  }

  async function end(): Promise<void> {
    alarm.cancel();
    const cancelLimit = clock.schedule(() => over.abort(closedError()), closeLimit);
    // the token of a login under way would be left behind
    if (loggingIn)
      await unlessAborted(loggingIn, over.signal, provider).catch(() => {
        if (over.signal.aborted) warn(`${label} may have been made and left behind`);
      });
    // the alarm above ends it
    const context = background(requestLimit);
    await Promise.all(
      [...(held ? [held] : []), ...retiring].map((target) => revoke(target, context)),
    );
    cancelLimit();
    over.abort(closedError());
    retiring.clear();
  }

  return {
    get current() {
      return held?.token;
    },
    async token(context) {
      if (closing) throw closedError();
      if (unfit) throw unfit;
      hear(context);
      const target = held;
      if (target === undefined || (login && target.token.remaining() === 0)) {
        try {
          return (await unlessAborted(logIn(), context.signal, provider)).token;
        } catch (error) {
          const refusal = !isSecretError(error, 'ERR_SECRET_UNAVAILABLE');
          if (
            target === undefined ||
            target.refused ||
            closing ||
            context.signal.aborted ||
            !refusal
          )
            throw error;
          // by our clocks it has ended, which they may be wrong about: the server knows
          return target.token;
        }
      }
      if (unknown) {
        unknown = false;
        alarm.set(lookupDelay, () => void lookUp(target));
      }
      alarm.check();
      return target.token;
    },
    async replace(refused, context) {
      if (closing) throw closedError();
      const target = held;
      if (target && target.token !== refused && target.token.remaining() > 0) return target.token;
      if (login === undefined) return undefined;
      hear(context);
      const flight = logIn();
      if (target?.token === refused) {
        // whoever needs a token waits for the other one
        target.refused = true;
        // it may have been a mistake: a token is not given up before there is another
        flight.catch(() => {
          target.refused = false;
        });
      }
      return (await unlessAborted(flight, context.signal, provider)).token;
    },
    onReplaced(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      closing ??= whileWaiting(Promise.resolve().then(end));
      return closing;
    },
  };
}
