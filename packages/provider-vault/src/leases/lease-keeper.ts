/**
 * Credentials that end, kept good: renewed while the server lets them grow, replaced before they end
 * and given back when nobody can be using them any more. A life looks like this, where the window is
 * `grace`, or an eighth of the lease if that is shorter:
 *
 * | left of the lease | what is done |
 * | --- | --- |
 * | about three tenths | renew it; near its longest life that gives less and less |
 * | two windows | have new ones made, tell those who watch, revoke the old ones one window later |
 * | one window | not given out any more: whoever asks waits for new ones |
 *
 * While nobody watches, nothing is replaced until somebody asks: credentials that nobody wants are not
 * made. A lease also ends with the token that made it, so what it made is replaced with the token.
 * Time counts from before a request was sent.
 */
import { type Clock, isSecretError, SecretError } from '@keyfall/core';
import type { ReadContext } from '@keyfall/core/provider';
import { reasonOf } from '../answers/vault-errors.ts';
import type { SessionToken } from '../session/session-token.ts';
import {
  alarmOf,
  backOff,
  graceOf,
  leftOf,
  type Moment,
  momentOf,
  renewalDelay,
} from '../session/token-life.ts';
import { type UnattendedContext, unlessAborted, whileWaiting } from '../wire/aborting.ts';
import { spanOf } from '../wire/time.ts';
import type { Credentials, LeaseRequests } from './lease-requests.ts';

/** Milliseconds that the server has to make credentials: a busy database may take some seconds. */
const makeLimit = 30_000;
const otherLimit = 10_000;

/** Milliseconds that giving back at the end may take. */
const closeLimit = 2_000;

export interface LeaseKeeperOptions {
  readonly requests: LeaseRequests;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly grace: number;
  /** `database/creds/shop` */
  readonly path: string;
  readonly provider: string;
  readonly warn: (message: string) => void;
}

/** Credentials as they may be given out now. */
export interface GivenCredentials extends Credentials {
  /** When they were made, in milliseconds since the epoch. */
  readonly madeAt: number;
  /** How long whoever gets them now may go on giving them out, in milliseconds. */
  readonly goodFor: number;
}

export interface LeaseKeeper {
  /**
   * Credentials that are good now: those at hand, or new ones. An abort ends the wait, not the making:
   * what the server makes is kept for the next one who asks. `undefined`: nothing is at the path.
   */
  current(context: ReadContext): Promise<GivenCredentials | undefined>;
  /** Milliseconds that what is at hand has left, by its lease and its token. `undefined`: nothing is. */
  left(): number | undefined;
  /** Calls `onChange` after each replacement until `signal` fires. Replaces in time meanwhile. */
  watch(onChange: () => void, signal: AbortSignal): void;
  /**
   * Has what was made with other tokens than `next` made anew, and resolves when nothing lives by them
   * any more, so that they can be revoked. Does not reject.
   */
  moveTo(next: SessionToken): Promise<void>;
  /** Gives back whatever it has, within 2 s. Never rejects. */
  close(): Promise<void>;
}

/** Credentials with their life so far. */
interface Held {
  readonly credentials: Credentials;
  readonly madeAt: number;
  readonly window: number;
  renewable: boolean;
  /** When and for how long the lease was granted or renewed last. */
  start: Moment;
  duration: number;
  /** Monotonic time until which somebody may be giving them out without asking again. */
  promisedUntil: number;
}

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { requests, clock, grace, path, provider, warn } = options;
  const alarm = alarmOf(clock);
  const watchers = new Set<() => void>();
  /** What was replaced and not given back yet, with what ends its waiting. */
  const retiring = new Map<Held, () => void>();
  /** Those who wait for credentials to be replaced and given back. */
  const waiting = new Set<() => void>();
  const over = new AbortController();
  let held: Held | undefined;
  let making: Promise<Held | undefined> | undefined;
  let replacing = false;
  let closing: Promise<void> | undefined;

  const left = ({ start, duration }: Held): number => leftOf(duration, start, clock);
  const tokenLeft = ({ credentials }: Held): number => credentials.token.remaining();

  /** One request's bounds. */
  function context(limit: number): UnattendedContext {
    const deadline = clock.monotonic() + limit;
    const timeLeft = () => Math.max(0, deadline - clock.monotonic());
    return { signal: over.signal, warn, timeLeft, unattended: true };
  }

  /** Sets the alarm for the next thing to do about what is held. */
  function plan(): void {
    if (held === undefined || closing) return;
    const remaining = left(held);
    const untilDue = remaining - 2 * held.window;
    const untilRenewal = renewalDelay(remaining, graceOf(remaining));
    if (held.renewable && untilRenewal < untilDue) alarm.set(untilRenewal, () => void renew());
    else if (untilDue > 0) alarm.set(untilDue, plan);
    else if (watchers.size > 0) void replaceInBackground();
  }

  async function renew(failures = 1): Promise<void> {
    const target = held;
    if (target === undefined || closing) return;
    const { leaseId, duration } = target.credentials;
    const start = momentOf(clock);
    let granted: number | undefined;
    try {
      granted = await requests.renew(leaseId, duration, context(otherLimit));
    } catch (error) {
      if (target !== held || closing) return;
      warn(`the lease of ${path} could not be renewed: ${reasonOf(error)}`);
      const again = backOff(failures, left(target));
      if (isSecretError(error, 'ERR_SECRET_UNAUTHENTICATED')) target.duration = 0;
      else if (isSecretError(error, 'ERR_SECRET_DENIED')) target.renewable = false;
      else if (again < left(target) - 2 * target.window)
        return alarm.set(again, () => void renew(failures + 1));
      else target.renewable = false;
      return plan();
    }
    if (target !== held || closing) return;
    if (granted === undefined) {
      // revoked behind our back, or ended with its token
      target.duration = 0;
      return plan();
    }
    // near its longest life a lease gets less and less, until replacing it comes before renewing it
    target.start = start;
    target.duration = granted;
    plan();
  }

  /** Has new credentials made until it succeeds, or nobody watches any more. */
  async function replaceInBackground(failures = 1): Promise<void> {
    if (closing || (replacing && failures === 1)) return;
    replacing = true;
    try {
      await make();
      replacing = false;
    } catch (error) {
      if (!closing) replaceLater(error, failures);
    }
  }

  function replaceLater(error: unknown, failures: number): void {
    replacing = true;
    warn(`new credentials for ${path} could not be made: ${reasonOf(error)}`);
    const remaining = held ? left(held) : 0;
    alarm.set(backOff(failures, remaining === 0 ? Number.POSITIVE_INFINITY : remaining), () => {
      if (watchers.size > 0) return void replaceInBackground(failures + 1);
      replacing = false;
      return plan();
    });
  }

  /** Has new credentials made, once however many wait for it, and puts them in the old ones' place. */
  function make(): Promise<Held | undefined> {
    making ??= makeNow().finally(() => {
      making = undefined;
    });
    return making;
  }

  async function makeNow(): Promise<Held | undefined> {
    const start = momentOf(clock);
    const credentials = await requests.make(context(makeLimit));
    const old = held;
    const duration = credentials?.duration ?? 0;
    held = credentials && {
      credentials,
      madeAt: start.wall,
      window: Math.min(grace, duration / 8),
      renewable: credentials.renewable,
      start,
      duration,
      promisedUntil: 0,
    };
    // close() gives it back
    if (closing) return held;
    replacing = false;
    plan();
    if (old) {
      retire(old);
      for (const tell of [...watchers]) tell();
    }
    for (const look of [...waiting]) look();
    return held;
  }

  /**
   * Gives `old` back when those who have it have had a window to let go of it. Who watches has been
   * told; who does not asks again when what it was promised is over.
   */
  function retire(old: Held): void {
    const timer = alarmOf(clock);
    const giveBackIn = (delay: number, failures: number): void =>
      timer.set(delay, () => void giveBack(failures));
    const giveBack = async (failures: number): Promise<void> => {
      const error = await revoke(old, otherLimit);
      if (closing) return;
      if (error) {
        warn(`the old lease of ${path} could not be revoked, and ends by itself: ${error.reason}`);
        const again = backOff(failures, left(old));
        if (error.code === 'ERR_SECRET_UNAVAILABLE' && again < left(old))
          return giveBackIn(again, failures + 1);
      }
      retiring.delete(old);
      for (const look of [...waiting]) look();
    };
    const promised = watchers.size > 0 ? 0 : old.promisedUntil - clock.monotonic();
    retiring.set(old, timer.cancel);
    giveBackIn(Math.max(old.window, promised), 1);
  }

  /** Ends a lease. Resolves to why it could not, if somebody should know. */
  async function revoke(each: Held, limit: number): Promise<SecretError | undefined> {
    const { leaseId, token } = each.credentials;
    if (tokenLeft(each) === 0) return undefined;
    try {
      await requests.revoke(leaseId, context(limit));
    } catch (error) {
      // the session revokes its token, which needs no right of its own, and this ends with it
      if (!isSecretError(error) || (token.revocable && error.code === 'ERR_SECRET_DENIED'))
        return undefined;
      return left(each) > 0 ? error : undefined;
    }
    return undefined;
  }

  /** Resolves when nothing lives by another token than `token`. */
  function movedTo(token: SessionToken): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        const all = [...(held ? [held] : []), ...retiring.keys()];
        const others = all.some(({ credentials }) => credentials.token.epoch !== token.epoch);
        if (others && !closing) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  }

  function given(target: Held | undefined): GivenCredentials | undefined {
    if (target === undefined) return undefined;
    const { credentials, madeAt, window, renewable } = target;
    const remaining = left(target);
    // in the last window there are none better: they are good to their end
    const ownEnd = remaining > window ? remaining - window : remaining;
    const goodFor = Math.floor(Math.max(0, Math.min(ownEnd, tokenLeft(target))));
    target.promisedUntil = Math.max(target.promisedUntil, clock.monotonic() + goodFor);
    return { ...credentials, renewable, madeAt, goodFor };
  }

  async function giveAllBack(): Promise<void> {
    alarm.cancel();
    for (const cancel of retiring.values()) cancel();
    for (const look of [...waiting]) look();
    const cancelLimit = clock.schedule(() => over.abort(closedError()), closeLimit);
    // what is being made now would be left behind
    await making?.catch(() => {
      if (over.signal.aborted) warn(`credentials for ${path} may have been made and left behind`);
    });
    const all = [...(held ? [held] : []), ...retiring.keys()];
    await Promise.all(
      all.map(async (each) => {
        const error = await revoke(each, otherLimit); // ended by the alarm above
        const life = Math.min(left(each), tokenLeft(each));
        if (error)
          warn(
            `a lease of ${path} could not be revoked, and ends by itself in ${spanOf(life)}: ${error.reason}`,
          );
      }),
    );
    cancelLimit();
    over.abort(closedError());
    held = undefined;
    retiring.clear();
  }

  const closedError = () =>
    new SecretError('ERR_SECRET_ABORTED', 'the provider was closed', { provider });
  const unavailable = (reason: string) =>
    new SecretError('ERR_SECRET_UNAVAILABLE', reason, { provider });

  return {
    async current({ signal, timeLeft }) {
      const known = held;
      // what dies with its token is dead; while it lives, new ones of the same token were no better
      const remaining = known && tokenLeft(known) > 0 ? left(known) : 0;
      if (closing) throw closedError();
      // its timer is late after a sleep
      alarm.check();
      if (known && remaining > known.window) {
        if (remaining <= 2 * known.window) void replaceInBackground();
        return given(known);
      }
      // those at hand live on for a window: better than none, if new ones do not come in time
      const late = new AbortController();
      const tooLate = () => late.abort(unavailable('no answer yet'));
      const cancel = remaining === 0 ? () => {} : clock.schedule(tooLate, timeLeft() / 2, true);
      try {
        const made = await unlessAborted(make(), AbortSignal.any([signal, late.signal]), provider);
        if (closing) throw closedError();
        return given(made);
      } catch (error) {
        const lives = known && remaining > 0 && !signal.aborted;
        if (!lives || !isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
        warn(`new credentials for ${path} could not be made: ${reasonOf(error)}`);
        return given(known);
      } finally {
        cancel();
      }
    },

    left: () => held && Math.min(left(held), tokenLeft(held)),

    watch(onChange, signal) {
      if (signal.aborted) return;
      // the same function may be given twice
      const watcher = () => onChange();
      watchers.add(watcher);
      signal.addEventListener('abort', () => watchers.delete(watcher), { once: true });
      // nobody may have been there to replace them for
      if (held && !replacing && left(held) <= 2 * held.window) plan();
    },

    async moveTo(next) {
      // what is being made may still be of the old token
      await making?.catch(() => {});
      const old = held;
      if (old && !closing && old.credentials.token.epoch !== next.epoch) {
        if (tokenLeft(old) === 0) {
          // gone with its token: nobody can be waited for
          old.duration = 0;
          plan();
          return;
        }
        await replaceInBackground();
      }
      await movedTo(next);
    },

    close() {
      closing ??= whileWaiting(Promise.resolve().then(giveAllBack));
      return closing;
    },
  };
}
