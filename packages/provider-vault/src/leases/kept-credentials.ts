/**
 * Credentials that end, kept good for the programs that use them. The window is `grace`, or an eighth of the lease if that is
 * shorter:
 *
 * | left of the lease | what is done |
 * | --- | --- |
 * | about three tenths | renew it; near its longest life that gives less and less |
 * | two windows | have new ones made, call the watchers, revoke the old ones one window later |
 * | one window | not given out any more: callers wait for new ones |
 *
 * While nothing watches, they are replaced at the first call that is late enough: credentials that nothing uses are
 * not made. A lease also ends with the token that made it, so what it made is replaced with the token.
 */
import { type Clock, isSecretError, type ReadContext } from '@keyfall/core/provider';
import { reasonOf } from '../answers/classify-result.ts';
import { createLifetime, type Held } from '../lifetimes/lifetime.ts';
import type { SessionToken } from '../session/session-token.ts';
import { spanOf } from '../wire/time.ts';
import type { Credentials, LeaseRequests } from './lease-requests.ts';

/** Milliseconds that the server has to make credentials: a busy database may take some seconds. */
const makeTimeout = 30_000;

export interface CredentialsOptions {
  readonly requests: LeaseRequests;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly grace: number;
  /** `database/creds/shop` */
  readonly path: string;
  readonly provider: string;
}

/** Credentials as they may be given out now. */
export interface GivenCredentials extends Credentials {
  /** When they were made, in milliseconds since the epoch. */
  readonly madeAt: number;
  /** How long a program that gets them now may use them, in milliseconds. */
  readonly goodFor: number;
}

export interface KeptCredentials {
  /**
   * Credentials that are good now: those at hand, or new ones. An abort ends the wait, not the making:
   * what the server makes is kept for the next call. `undefined`: nothing is at the path.
   */
  current(context: ReadContext): Promise<GivenCredentials | undefined>;
  /** Milliseconds that what is at hand has left, by its lease and its token. `undefined`: nothing is. */
  left(): number | undefined;
  /** Calls `onChange` after each replacement until `signal` fires. Replaces in time meanwhile. */
  watch(onChange: () => void, signal: AbortSignal): void;
  /** Has what happens between two calls said through this one. */
  hear(context: ReadContext): void;
  /**
   * Replaces what was made with other tokens than `next`, and resolves when nothing lives by them any more, so
   * that they can be revoked. Does not reject.
   */
  moveTo(next: SessionToken): Promise<void>;
  /** Gives back whatever it has, within 2 s. Never rejects. */
  close(): Promise<void>;
}

export function keepCredentials(options: CredentialsOptions): KeptCredentials {
  const { requests, clock, grace, path, provider } = options;
  const watchers = new Set<() => void>();
  /** Monotonic time until which a program may be using the credentials at hand without asking again. */
  let promisedUntil = 0;

  const windowOf = ({ firstLife }: Held<Credentials>): number => Math.min(grace, firstLife / 8);

  const lifetime = createLifetime<Credentials>({
    clock,
    provider,
    makeTimeout,
    leftBehind: `credentials for ${path} may have been made and left behind`,
    async make(context) {
      const credentials = await requests.make(context);
      return (
        credentials && {
          thing: credentials,
          life: credentials.duration,
          isRenewable: credentials.renewable,
        }
      );
    },
    async renew({ thing }, context) {
      try {
        const life = await requests.renew(thing.leaseId, thing.duration, context);
        // revoked behind our back, or ended with its token
        if (life === undefined) return { kind: 'refused', isGone: true };
        return { kind: 'granted', life, isRenewable: true };
      } catch (error) {
        if (lifetime.isClosing) return { kind: 'failed' };
        lifetime.warn(`the lease of ${path} could not be renewed: ${reasonOf(error)}`);
        if (isSecretError(error, 'ERR_SECRET_UNAUTHENTICATED'))
          return { kind: 'refused', isGone: true };
        const isDenied = isSecretError(error, 'ERR_SECRET_DENIED');
        return isDenied ? { kind: 'refused', isGone: false } : { kind: 'failed' };
      }
    },
    async revoke({ thing }, context) {
      // it has ended with its token
      if (thing.token.remaining() === 0) return undefined;
      try {
        await requests.revoke(thing.leaseId, context);
        return undefined;
      } catch (error) {
        if (!isSecretError(error)) throw error;
        // the session revokes its token, which needs no right of its own, and this ends with it
        return thing.token.revocable && error.code === 'ERR_SECRET_DENIED' ? undefined : error;
      }
    },
    dueOf: (held) => 2 * windowOf(held),
    spareOf: windowOf,
    leftByOthers: ({ token }) => token.remaining(),
    isWanted: () => watchers.size > 0,
    mayServe(_, left, error) {
      if (left === 0 || error.code !== 'ERR_SECRET_UNAVAILABLE') return false;
      lifetime.warn(newOnesFailed(error));
      return true;
    },
    async handOver(_, previous) {
      // watchers are called at once; others ask again when what they were promised is over
      const promised = watchers.size > 0 ? 0 : promisedUntil - clock.monotonic();
      promisedUntil = 0;
      for (const call of [...watchers]) call();
      await lifetime.pause(Math.max(windowOf(previous), promised));
      return true;
    },
    noOther: (_, error) => newOnesFailed(error),
    notRevoked: (left, { reason }) =>
      `a lease of ${path} could not be revoked, and ends by itself in ${spanOf(left)}: ${reason}`,
  });

  const newOnesFailed = (error: unknown): string =>
    `new credentials for ${path} could not be made: ${reasonOf(error)}`;

  function given(held: Held<Credentials>): GivenCredentials {
    const window = windowOf(held);
    const remaining = lifetime.left(held);
    // in the last window there are none better: they are good to their end
    const ownEnd = remaining > window ? remaining - window : remaining;
    const goodFor = Math.floor(Math.max(0, Math.min(ownEnd, held.thing.token.remaining())));
    promisedUntil = Math.max(promisedUntil, clock.monotonic() + goodFor);
    return { ...held.thing, renewable: held.isRenewable, madeAt: held.madeAt, goodFor };
  }

  return {
    async current(context) {
      const held = await lifetime.current(context);
      return held && given(held);
    },
    left() {
      const { held } = lifetime;
      return held && Math.min(lifetime.left(held), held.thing.token.remaining());
    },
    hear: (context) => lifetime.hear(context),
    watch(onChange, signal) {
      if (signal.aborted) return;
      // the same function may be given twice
      const watcher = () => onChange();
      watchers.add(watcher);
      signal.addEventListener('abort', () => watchers.delete(watcher), { once: true });
      // there may have been no reason to replace them
      lifetime.plan();
    },
    async moveTo(next) {
      // what is being made may still be of the old token
      await lifetime.settled();
      const old = lifetime.held;
      if (old && !lifetime.isClosing && old.thing.token.epoch !== next.epoch) {
        if (old.thing.token.remaining() === 0) {
          // gone with its token: nothing can be waited for
          old.isGone = true;
          return lifetime.plan();
        }
        await lifetime.replace();
      }
      await lifetime.untilNone(({ token }) => token.epoch !== next.epoch);
    },
    close: () => lifetime.close(),
  };
}
