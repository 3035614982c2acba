/**
 * What a server grants for a while, kept good: renewed while that lengthens it, replaced before it ends, handed over,
 * and revoked when nothing lives by it any more. Tokens and leases are such grants; what they differ in are the
 * functions that they give.
 *
 * | left of its life | what is done |
 * | --- | --- |
 * | about a third, at first up to two | renew it; a failure is tried again, ever later, and more often when little is left |
 * | `dueOf` | replace it by another one, if it is wanted; the old one is revoked after the hand-over |
 * | `spareOf` | it is not given out any more: callers wait for another one |
 *
 * It is long because it is one state: what is held, what is being made, what is still to be revoked and the alarm change
 * together. Time counts from before a request was sent. An outage is no reason to give anything up before it ends; only a
 * refusal in the server's own words is final.
 */
import {
  type Clock,
  deadlineIn,
  isSecretError,
  type ReadContext,
  SecretError,
} from '@keyfall/core/provider';
import { reasonOf } from '../answers/classify-result.ts';
import {
  closedError,
  type UnattendedContext,
  unlessAborted,
  whileWaiting,
} from '../wire/bounds.ts';
import {
  alarmOf,
  backOff,
  graceOf,
  leftOf,
  type Moment,
  momentOf,
  renewalDelay,
} from './timing.ts';

/** Milliseconds that a renewal or a revocation may take. */
const requestTimeout = 10_000;

/** Milliseconds that revoking at the end may take. */
const closeTimeout = 2_000;

/** What a server has granted. */
interface Grant<Thing> {
  readonly thing: Thing;
  /** Milliseconds from before it was asked for. `Infinity`: it does not end. */
  readonly life: number;
  readonly isRenewable: boolean;
}

/** What comes of a renewal. */
export type Renewal =
  | { readonly kind: 'granted'; readonly life: number; readonly isRenewable: boolean }
  /** `isGone`: the server does not know it any more. */
  | { readonly kind: 'refused'; readonly isGone: boolean }
  /** It was not answered. */
  | { readonly kind: 'failed' };

/** A grant with its life so far. */
export interface Held<Thing> {
  readonly thing: Thing;
  /** When it was made, in milliseconds since the epoch. */
  readonly madeAt: number;
  /** Milliseconds that it was granted at first. */
  readonly firstLife: number;
  /** Milliseconds that it was granted last, and since when they run. */
  life: number;
  start: Moment;
  /** Milliseconds at the end of that life in which it is not worth renewing. */
  grace: number;
  isRenewable: boolean;
  /** Whether renewing it gave it less than before: its longest life is near. */
  isCapped: boolean;
  /** Whether the server does not know it any more. */
  isGone: boolean;
}

/** What is done about one kind of grant. */
export interface LifetimeOptions<Thing> {
  readonly clock: Clock;
  readonly provider: string;
  /** Has the server make another one. Left out: there is no other. `undefined`: the server has none. */
  readonly make?: ((context: ReadContext) => Promise<Grant<Thing> | undefined>) | undefined;
  /** Milliseconds that making one may take. It goes on without its callers, so longer than a call. */
  readonly makeTimeout: number;
  renew(held: Held<Thing>, context: ReadContext): Promise<Renewal>;
  /** Ends one at the server. Resolves to why it could not, if the user should know. */
  revoke(held: Held<Thing>, context: ReadContext): Promise<SecretError | undefined>;
  /** Milliseconds before its end at which it is replaced. */
  dueOf(held: Held<Thing>): number;
  /** Milliseconds before its end from which on it is not given out any more. */
  spareOf(held: Held<Thing>): number;
  /** Milliseconds that it has left by what it depends on itself. */
  leftByOthers?(thing: Thing): number;
  /** Whether another one is made although no call asks for it. @param left - after an attempt that failed */
  isWanted(left?: number): boolean;
  /** Whether a caller gets one in spite of an error, where no other could be had. */
  mayServe(held: Held<Thing>, left: number, error: SecretError): boolean;
  /**
   * Lets what lives by `previous` move.
   *
   * @returns whether `previous` can be revoked
   */
  handOver(next: Held<Thing> | undefined, previous: Held<Thing>): Promise<boolean>;
  /** What to say of one that ends while there is no other. */
  noOther(left: number, error: unknown): string;
  /** What to say of one that ends, and cannot be renewed or replaced. */
  noMore?(left: number): string;
  /** What to say of one that could not be revoked. */
  notRevoked(left: number, error: SecretError): string;
  /** What to say where close() cannot wait for one that is being made. */
  readonly leftBehind: string;
}

/** One kind of grant, one at a time. */
export interface Lifetime<Thing> {
  readonly held: Held<Thing> | undefined;
  /** Milliseconds that one has left, by the clock that says less. */
  left(held: Held<Thing>): number;
  /**
   * One that is good now: the one at hand, or another. An abort ends the wait, not the making.
   *
   * @throws `SecretError`: what the making failed with
   */
  current(context: ReadContext): Promise<Held<Thing> | undefined>;
  /** Another one, made once however many wait for it. */
  make(): Promise<Held<Thing> | undefined>;
  /** Resolves when none is being made. Does not reject. */
  settled(): Promise<void>;
  /** Another one in the place of what is at hand, tried until it succeeds. Does not reject. */
  replace(): Promise<void>;
  /** Takes one that was given. */
  hold(grant: Grant<Thing>): Held<Thing>;
  /** Notes what the server says of the life of the one at hand, and plans by it. */
  learn(held: Held<Thing>, news: { life: number; isRenewable: boolean; start: Moment }): void;
  /** Plans again: what it is decided by has changed. */
  plan(): void;
  /** Resolves when none that is at hand or still to be revoked is `such`. */
  untilNone(such: (thing: Thing) => boolean): Promise<void>;
  /** Milliseconds later, or when it is closed. */
  pause(milliseconds: number): Promise<void>;
  /** The bounds of a request that no caller waits for. */
  background(timeout?: number): UnattendedContext;
  /** Does `work` in `delay` milliseconds instead of what was planned. */
  later(delay: number, work: () => void): void;
  warn(message: string): void;
  /** Has what happens between two calls said through this one, until there is another. */
  hear(context: ReadContext): void;
  /** The chain may ask again for what it was refused. */
  askAgain(): void;
  readonly isClosing: boolean;
  /** Ends what is under way and revokes whatever it has, within 2 s. Does not reject. */
  close(): Promise<void>;
}

/** Keeps one kind of grant good. Makes none before it is asked for one. */
export function createLifetime<Thing>(options: LifetimeOptions<Thing>): Lifetime<Thing> {
  const { clock, provider } = options;
  const alarm = alarmOf(clock);
  /** What was replaced and is still to be revoked. */
  const retiring = new Set<Held<Thing>>();
  const pauses = new Set<() => void>();
  const looks = new Set<() => void>();
  const over = new AbortController();
  let held: Held<Thing> | undefined;
  let making: Promise<Held<Thing> | undefined> | undefined;
  let isReplacing = false;
  let failures = 0;
  let closing: Promise<void> | undefined;
  /** What was said last of there being no other, and how much was left then. */
  let said: { readonly code: string | undefined; readonly left: number } | undefined;
  let listener: Pick<ReadContext, 'warn' | 'askAgain'> = { warn: () => {} };
  const warn = (message: string): void => listener.warn(message);

  const left = ({ life, start, isGone }: Held<Thing>): number =>
    isGone ? 0 : leftOf(life, start, clock);
  const usable = (one: Held<Thing>): number =>
    Math.min(left(one), options.leftByOthers?.(one.thing) ?? Number.POSITIVE_INFINITY);

  function hear({ warn, askAgain = listener.askAgain }: ReadContext): void {
    listener = { warn, ...(askAgain && { askAgain }) };
  }

  function background(timeout = requestTimeout): UnattendedContext {
    const remainingTimeout = deadlineIn(timeout, clock);
    return { signal: over.signal, unattended: true, remainingTimeout, warn };
  }

  function hold({ thing, life, isRenewable }: Grant<Thing>, start = momentOf(clock)): Held<Thing> {
    held = {
      thing,
      madeAt: start.wall,
      firstLife: life,
      life,
      start,
      grace: graceOf(life),
      isRenewable,
      isCapped: false,
      isGone: false,
    };
    return held;
  }

  function make(): Promise<Held<Thing> | undefined> {
    making ??= makeNow().finally(() => {
      making = undefined;
    });
    return making;
  }

  async function makeNow(): Promise<Held<Thing> | undefined> {
    // its time runs from before it was made
    const start = momentOf(clock);
    if (!options.make) throw closedError(provider); // one that was given is never made
    const grant = await options.make(background(options.makeTimeout));
    const previous = held;
    held = undefined;
    const made = grant && hold(grant, start);
    failures = 0;
    isReplacing = false;
    said = undefined;
    if (closing) {
      // close() is about to revoke both
      if (previous) retiring.add(previous);
      return made;
    }
    plan();
    if (previous) void retire(previous, made);
    changed();
    return made;
  }

  /** Sets the alarm for the next thing to do about what is held. */
  function plan(): void {
    const target = held;
    if (target === undefined || closing || isReplacing) return;
    const remaining = left(target);
    // the alarm may be of the one before
    if (remaining === Number.POSITIVE_INFINITY) {
      alarm.cancel();
      return;
    }
    const untilDue = options.make ? remaining - options.dueOf(target) : Number.POSITIVE_INFINITY;
    // what renewing does not lengthen any more is replaced, if it can be
    const untilRenewal =
      target.isRenewable && !(options.make && target.isCapped)
        ? renewalDelay(remaining, target.grace) * shareOf(target)
        : Number.POSITIVE_INFINITY;
    if (untilRenewal < untilDue) alarm.set(untilRenewal, () => void maintain(target));
    else if (untilDue === Number.POSITIVE_INFINITY)
      alarm.set(renewalDelay(remaining, target.grace), () => warnOfNoMore(target));
    else if (untilDue > 0) alarm.set(untilDue, plan);
    else if (options.isWanted()) void replace();
    else alarm.cancel();
  }

  /**
   * The first renewal comes after half of the usual time to all of it, by the chance that is in the grace: later ones keep what
   * that has spread. So a fleet that has logged in at once does not renew at once.
   */
  function shareOf({ life, start, grace, madeAt }: Held<Thing>): number {
    const isFirst = start.wall === madeAt;
    return isFirst ? 1.5 - (grace / life) * 5 : 1;
  }

  /** Renews what is held, or replaces it where its time has come. */
  async function maintain(target: Held<Thing>): Promise<void> {
    if (target !== held || closing) return;
    const isDue = options.make && left(target) <= options.dueOf(target);
    if (isDue || !target.isRenewable) return plan();
    const renewal = await renew(target);
    if (target !== held || closing) return;
    if (renewal !== 'failed') return plan();
    failures += 1;
    const remaining = left(target);
    const untilDue = options.make ? remaining - options.dueOf(target) : Number.POSITIVE_INFINITY;
    const again = backOff(failures, remaining || Number.POSITIVE_INFINITY);
    alarm.set(Math.min(again, Math.max(1, untilDue)), () => void maintain(target));
  }

  async function renew(target: Held<Thing>): Promise<Renewal['kind']> {
    const start = momentOf(clock);
    const renewal = await options
      .renew(target, background())
      .catch((): Renewal => ({ kind: 'failed' })); // aborted
    if (target !== held || closing) return renewal.kind;
    if (renewal.kind === 'granted') prolong(target, { ...renewal, start });
    if (renewal.kind === 'refused') {
      target.isRenewable = false;
      target.isGone = renewal.isGone;
      warnOfNoMore(target);
    }
    return renewal.kind;
  }

  function prolong(
    target: Held<Thing>,
    { life, isRenewable, start }: { life: number; isRenewable: boolean; start: Moment },
  ): void {
    // less than before (the server counts in seconds): its longest life is near
    const isCapped = life < target.life - 1_000;
    const isEnding = !isRenewable || (isCapped && !target.isCapped);
    Object.assign(target, { life, start, isRenewable, isCapped: isCapped || target.isCapped });
    if (!isCapped) target.grace = graceOf(life);
    failures = 0;
    if (isEnding) warnOfNoMore(target);
  }

  function warnOfNoMore(target: Held<Thing>): void {
    if (!options.make && options.noMore) warn(options.noMore(left(target)));
  }

  async function replace(): Promise<void> {
    if (isReplacing || closing || !options.make) return;
    isReplacing = true;
    await tryToReplace(1);
  }

  async function tryToReplace(attempt: number): Promise<void> {
    const target = held;
    try {
      await make();
    } catch (error) {
      if (closing || target !== held) return;
      if (target) {
        // a refusal may have been a mistake: it is not given up before there is another
        target.isGone = false;
        warnOfNoOther(target, error);
        // a little longer is better than nothing
        if (target.isRenewable && left(target) <= options.dueOf(target)) await renew(target);
        target.isGone = false;
        if (target !== held || closing) return;
      }
      const remaining = target ? left(target) : 0;
      if (!options.isWanted(remaining)) {
        isReplacing = false;
        return;
      }
      alarm.set(backOff(attempt, remaining || Number.POSITIVE_INFINITY), () => {
        if (options.isWanted()) return void tryToReplace(attempt + 1);
        isReplacing = false;
        return plan();
      });
    }
  }

  /** At first, and again when half of the time has gone since, or for another reason: not at each attempt. */
  function warnOfNoOther(target: Held<Thing>, error: unknown): void {
    const remaining = left(target);
    const code = isSecretError(error) ? error.code : undefined;
    if (said && said.code === code && remaining > said.left / 2) return;
    said = { code, left: remaining };
    warn(options.noOther(remaining, error));
  }

  /** Revokes `previous` once nothing lives by it. */
  async function retire(previous: Held<Thing>, next: Held<Thing> | undefined): Promise<void> {
    for (const ended of retiring) if (left(ended) === 0) retiring.delete(ended);
    retiring.add(previous);
    const isFree = await options.handOver(next, previous).catch(() => false);
    for (let attempt = 1; isFree && !closing; attempt += 1) {
      const error = await revoke(previous);
      if (closing) return;
      if (error) {
        const remaining = left(previous);
        warn(options.notRevoked(remaining, error));
        const again = backOff(attempt, remaining);
        if (error.code === 'ERR_SECRET_UNAVAILABLE' && again < remaining) {
          await pause(again);
          continue;
        }
      }
      retiring.delete(previous);
      return changed();
    }
  }

  /** Resolves to why it could not be revoked, if it has not ended by itself. */
  async function revoke(one: Held<Thing>): Promise<SecretError | undefined> {
    const failed = (error: unknown) =>
      isSecretError(error)
        ? error
        : new SecretError('ERR_SECRET_UNAVAILABLE', reasonOf(error), { provider });
    const error = await options.revoke(one, background()).catch(failed);
    return error && left(one) > 0 ? error : undefined;
  }

  function changed(): void {
    for (const look of [...looks]) look();
  }

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = alarmOf(clock);
      const end = (): void => {
        timer.cancel();
        pauses.delete(end);
        resolve();
      };
      pauses.add(end);
      timer.set(milliseconds, end);
      if (closing) end();
    });
  }

  async function end(): Promise<void> {
    alarm.cancel();
    for (const endPause of [...pauses]) endPause();
    changed();
    const cancelTimeout = clock.schedule(() => over.abort(closedError(provider)), closeTimeout);
    // one that is being made would be left behind
    if (making)
      await unlessAborted(making, over.signal, provider).catch(() => {
        if (over.signal.aborted) warn(options.leftBehind);
      });
    await Promise.all(
      [...(held ? [held] : []), ...retiring].map(async (one) => {
        const error = await revoke(one); // the timeout above ends it
        if (error) warn(options.notRevoked(usable(one), error));
      }),
    );
    cancelTimeout();
    over.abort(closedError(provider));
    held = undefined;
    retiring.clear();
  }

  return {
    get held() {
      return held;
    },
    get isClosing() {
      return closing !== undefined;
    },
    left,
    make,
    async settled() {
      await making?.catch(() => {});
    },
    replace,
    hold,
    plan,
    pause,
    background,
    later: (delay, work) => alarm.set(delay, work),
    warn,
    hear,
    askAgain: () => listener.askAgain?.(),
    learn(target, { life, isRenewable, start }) {
      Object.assign(target, { life, isRenewable, start, grace: graceOf(life) });
      if (!isRenewable) warnOfNoMore(target);
      plan();
    },
    async current(context) {
      if (closing) throw closedError(provider);
      hear(context);
      const { signal, remainingTimeout } = context;
      // its timer is late after a sleep
      alarm.check();
      const known = held;
      const remaining = known && usable(known) > 0 ? left(known) : 0;
      const spare = known ? options.spareOf(known) : 0;
      if (known && (!options.make || remaining > spare)) {
        if (remaining <= options.dueOf(known)) void replace();
        return known;
      }
      // the one at hand lives on for a while: better than none, if another does not come in time
      const late = new AbortController();
      const tooLate = () =>
        late.abort(new SecretError('ERR_SECRET_UNAVAILABLE', 'no answer yet', { provider }));
      const cancel =
        remaining === 0 ? () => {} : clock.schedule(tooLate, remainingTimeout() / 2, true);
      try {
        const made = await unlessAborted(make(), AbortSignal.any([signal, late.signal]), provider);
        if (closing) throw closedError(provider);
        return made;
      } catch (error) {
        if (!known || closing || signal.aborted || !isSecretError(error)) throw error;
        if (!options.mayServe(known, remaining, error)) throw error;
        return known;
      } finally {
        cancel();
      }
    },
    untilNone(such) {
      return new Promise((resolve) => {
        const look = (): void => {
          const all = [...(held ? [held] : []), ...retiring];
          if (all.some(({ thing }) => such(thing)) && !closing) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
      });
    },
    close() {
      closing ??= whileWaiting(Promise.resolve().then(end));
      return closing;
    },
  };
}
