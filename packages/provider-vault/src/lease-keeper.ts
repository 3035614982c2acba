/**
 * Credentials that end, kept good: renewed while the server lets them grow, replaced before they end
 * and given back when nobody can be using them any more. A life looks like this, where the window is
 * `grace`, or a sixth of the lease if that is shorter:
 *
 * | left of the lease | what is done |
 * | --- | --- |
 * | about a third | renew it; over again while renewing still makes it longer |
 * | two windows | have new ones made, tell those who watch, revoke the old ones one window later |
 * | one window | not given out any more: whoever asks waits for new ones |
 *
 * While nobody watches, nothing is replaced until somebody asks: credentials that nobody wants are not
 * made. Time counts from before a request was sent, by the monotonic and the wall clock, the older
 * age counting, since timers fire late after a sleep.
 */
import { type Clock, isSecretError, type ReadContext, SecretError } from '@keyfall/core';
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
  /** Milliseconds that the token has left which the credentials were made with: they end with it. */
  readonly tokenLeft: () => number;
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
  current(signal: AbortSignal): Promise<GivenCredentials | undefined>;
  /** Calls `onChange` after each replacement until `signal` fires. Replaces in time meanwhile. */
  watch(onChange: () => void, signal: AbortSignal): void;
  /**
   * Replaces what is at hand whatever is left of it, and resolves when the old credentials have been
   * given back: for when their token is about to end.
   */
  replace(): Promise<void>;
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
  since: { readonly monotonic: number; readonly wall: number };
  duration: number;
  /** Monotonic time until which somebody may be giving them out without asking again. */
  promisedUntil: number;
}

export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { requests, clock, grace, path, provider, warn, tokenLeft } = options;
  const watchers = new Set<() => void>();
  /** What was replaced and not given back yet, with what ends its waiting. */
  const retiring = new Map<Held, () => void>();
  /** Those who wait for something to be given back. */
  const waiting = new Set<() => void>();
  const over = new AbortController();
  let held: Held | undefined;
  let making: Promise<Held | undefined> | undefined;
  let cancelTimer = (): void => {};
  let replacing = false;
  let closing: Promise<void> | undefined;

  const now = () => ({ monotonic: clock.monotonic(), wall: clock.wall() });
  const left = ({ since, duration }: Held): number =>
    duration - Math.max(clock.monotonic() - since.monotonic, clock.wall() - since.wall);

  /** One request's bounds. */
  function context(limit: number, signal: AbortSignal = over.signal): ReadContext {
    const deadline = clock.monotonic() + limit;
    return { signal, warn, timeLeft: () => Math.max(0, deadline - clock.monotonic()) };
  }

  /** The one timer of what is held. */
  function at(delay: number, work: () => void): void {
    cancelTimer();
    if (!closing) cancelTimer = clock.schedule(work, Math.max(1, delay), true);
  }

  function plan(): void {
    if (held === undefined) return;
    const remaining = left(held);
    const untilDue = remaining - 2 * held.window;
    const untilRenewal = remaining * (2 / 3 - Math.random() / 10);
    if (held.renewable && untilRenewal < untilDue) at(untilRenewal, () => void renew());
    // a timer of the machine's may fire before its time where that is more than 24 days off
    else if (untilDue > 0) at(untilDue, plan);
    else if (watchers.size > 0) void replaceInBackground();
  }

  async function renew(failures = 0): Promise<void> {
    const target = held;
    if (target === undefined || closing) return;
    const { leaseId, duration } = target.credentials;
    const since = now();
    let granted: number | undefined;
    try {
      granted = await requests.renew(leaseId, duration, context(otherLimit));
    } catch (error) {
      if (target !== held || closing) return;
      warn(`the lease of ${path} could not be renewed: ${reasonOf(error)}`);
      // refused for good; what fails in passing is tried until the credentials are replaced
      if (isSecretError(error, 'ERR_SECRET_DENIED')) target.renewable = false;
      const again = backoff(failures, left(target));
      if (target.renewable && again < left(target) - 2 * target.window)
        at(again, () => void renew(failures + 1));
      else planReplacement(target);
      return;
    }
    if (target !== held || closing) return;
    if (granted === undefined) {
      // revoked behind our back, or ended with its token
      target.duration = 0;
      plan();
      return;
    }
    const before = left(target);
    target.since = since;
    target.duration = granted;
    // near its longest life a lease does not grow any more: the server counts in seconds
    if (left(target) < before + 1_000) target.renewable = false;
    plan();
  }

  function planReplacement(target: Held): void {
    at(left(target) - 2 * target.window, plan);
  }

  /** Makes new credentials until it succeeds. */
  async function replaceInBackground(failures = 0): Promise<void> {
    if (closing || (replacing && failures === 0)) return;
    replacing = true;
    try {
      await make();
      replacing = false;
    } catch (error) {
      if (closing) return;
      warn(`new credentials for ${path} could not be made: ${reasonOf(error)}`);
      at(backoff(failures, held ? left(held) : 0), () => {
        if (watchers.size > 0) void replaceInBackground(failures + 1);
        else replacing = false;
      });
    }
  }

  /** Has new credentials made, once however many wait for it, and puts them in the old ones' place. */
  function make(): Promise<Held | undefined> {
    making ??= makeNow().finally(() => {
      making = undefined;
    });
    return making;
  }

  async function makeNow(): Promise<Held | undefined> {
    const since = now();
    const credentials = await requests.make(context(makeLimit));
    const old = held;
    const duration = credentials?.duration ?? 0;
    held = credentials && {
      credentials,
      madeAt: since.wall,
      window: Math.min(grace, duration / 6),
      renewable: credentials.renewable,
      since,
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
    return held;
  }

  /**
   * Gives `old` back when those who have it have had a window to let go of it. Who watches has been
   * told; who does not asks again when what it was promised is over.
   */
  function retire(old: Held): void {
    const wait = (delay: number, failures: number): void => {
      retiring.set(
        old,
        clock.schedule(() => void giveBack(failures), delay, true),
      );
    };
    const giveBack = async (failures: number): Promise<void> => {
      try {
        await requests.revoke(old.credentials.leaseId, context(otherLimit));
      } catch (error) {
        if (closing) return;
        warn(
          `the old lease of ${path} could not be revoked, and ends by itself: ${reasonOf(error)}`,
        );
        const again = backoff(failures, left(old));
        if (isSecretError(error, 'ERR_SECRET_UNAVAILABLE') && again < left(old))
          return wait(again, failures + 1);
      }
      retiring.delete(old);
      for (const done of [...waiting]) done();
    };
    const promised = watchers.size > 0 ? 0 : old.promisedUntil - clock.monotonic();
    wait(Math.max(1, old.window, promised), 0);
  }

  async function givenBack(old: Held): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (retiring.has(old) && !closing) return;
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
    const goodFor = Math.max(0, Math.min(ownEnd, tokenLeft()));
    target.promisedUntil = Math.max(target.promisedUntil, clock.monotonic() + goodFor);
    return { ...credentials, renewable, madeAt, goodFor };
  }

  async function giveAllBack(): Promise<void> {
    cancelTimer();
    for (const cancel of retiring.values()) cancel();
    for (const done of [...waiting]) done();
    const cancelLimit = clock.schedule(() => over.abort(closedError()), closeLimit);
    // what is being made now would be left behind
    await making?.catch(() => {
      if (over.signal.aborted) warn(`credentials for ${path} may have been made and left behind`);
    });
    const all = [...(held ? [held] : []), ...retiring.keys()];
    await Promise.all(
      all.map(async (each) => {
        try {
          await requests.revoke(each.credentials.leaseId, context(closeLimit));
        } catch (error) {
          const seconds = Math.ceil(Math.max(0, left(each)) / 1_000);
          warn(
            `a lease of ${path} could not be revoked, and ends by itself in ${seconds} s: ${reasonOf(error)}`,
          );
        }
      }),
    );
    cancelLimit();
    over.abort(closedError());
    held = undefined;
    retiring.clear();
  }

  const closedError = () =>
    new SecretError('ERR_SECRET_ABORTED', 'the provider was closed', { provider });

  return {
    async current(signal) {
      const known = held;
      // what dies with its token is dead; while it lives, new ones of the same token were no better
      const remaining = known && tokenLeft() > 0 ? left(known) : 0;
      if (closing) throw closedError();
      if (known && remaining > known.window) {
        if (remaining <= 2 * known.window) void replaceInBackground();
        return given(known);
      }
      try {
        const made = await unlessAborted(make(), signal, provider);
        if (closing) throw closedError();
        return given(made);
      } catch (error) {
        if (!known || remaining <= 0 || !isSecretError(error, 'ERR_SECRET_UNAVAILABLE'))
          throw error;
        warn(`new credentials for ${path} could not be made: ${reasonOf(error)}`);
        return given(known);
      }
    },

    watch(onChange, signal) {
      if (signal.aborted) return;
      // the same function may be given twice
      const watcher = () => onChange();
      watchers.add(watcher);
      signal.addEventListener('abort', () => watchers.delete(watcher), { once: true });
      // nobody may have been there to replace them for
      if (held && !replacing && left(held) <= 2 * held.window) plan();
    },

    async replace() {
      // what is being made may still be of the old token
      await making?.catch(() => {});
      if (held === undefined || closing) return;
      await make();
      await Promise.all([...retiring.keys()].map(givenBack));
    },

    close() {
      closing ??= Promise.resolve().then(giveAllBack);
      return closing;
    },
  };
}

/** Milliseconds to the next try: longer each time, and never past a third of what is left. */
function backoff(failures: number, remaining: number): number {
  const growing = Math.min(10_000 * 2 ** Math.min(failures, 5), 300_000);
  const capped = remaining > 0 ? Math.min(growing, Math.max(1_000, remaining / 3)) : growing;
  return capped * (0.5 + Math.random());
}

function reasonOf(error: unknown): string {
  return isSecretError(error) ? error.reason : 'for a reason that is not known';
}

/** What comes first: the work's end, or the abort. The work goes on. */
async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  provider: string,
): Promise<Result> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () =>
      reject(
        isSecretError(signal.reason)
          ? signal.reason
          : new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider }),
      );
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
