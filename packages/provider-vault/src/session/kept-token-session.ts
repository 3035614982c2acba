/**
 * A token that is kept alive: of a login, or given as text.
 *
 * | the token | what is done |
 * | --- | --- |
 * | of a login | renewed; where that is refused or does not lengthen it any more, replaced by another login while it still works |
 * | given as text | looked up after half a minute (a short program never pays for that), then renewed; it cannot be replaced, and a warning says so as soon as that is known. One with counted uses is not used any more then, unless that was allowed |
 *
 * Only tokens of logins are ever revoked.
 */
import { isSecretError, type ReadContext, SecretError } from '@keyfall/core/provider';
import { classify, reasonOf } from '../answers/classify-result.ts';
import type { Subject } from '../answers/error-kinds.ts';
import { isVaults, refusesRenewal } from '../answers/server-words.ts';
import { createLifetime, type Held, type Renewal } from '../lifetimes/lifetime.ts';
import { backOff, momentOf, renewalDelay } from '../lifetimes/timing.ts';
import type { TokenSetting } from '../settings/token-setting.ts';
import { closedError, unlessAborted } from '../wire/bounds.ts';
import { spanOf } from '../wire/time.ts';
import type { WireResult } from '../wire/vault-wire.ts';
import type { SessionToken, TokenListener, VaultSession } from './session-token.ts';
import { type LoginOptions, vaultLogin } from './vault-login.ts';

export interface SessionOptions extends Omit<LoginOptions, 'auth' | 'env' | 'credentialVariables'> {
  readonly setting: Extract<TokenSetting, { kind: 'text' | 'login' }>;
  /** Whether a token that was given may have counted uses: it is not looked up then, nor renewed. */
  readonly countedUses: boolean;
}

/** A token of ours, without how long it has left. */
type OwnToken = Omit<SessionToken, 'remaining'>;

/** Milliseconds that a login may take. */
const loginTimeout = 10_000;

/** Milliseconds before a token that was given is looked up. */
const lookUpDelay = 30_000;

/** A session of a token that was given, or of logins. */
export function keptTokenSession(options: SessionOptions): VaultSession {
  const { setting, countedUses, send, subject, clock } = options;
  const { provider } = subject;
  const logIn = setting.kind === 'login' ? vaultLogin({ ...options, ...setting }) : undefined;
  const label =
    setting.kind === 'login'
      ? `the token of the ${setting.auth.name} login`
      : `the token of ${setting.from}`;
  const listeners = new Set<TokenListener>();
  let epoch = 0;
  let isLookUpNeeded = setting.kind === 'text' && !countedUses;
  /** Why a token that was given is not to be used any more. */
  let countedError: SecretError | undefined;

  const tokenOf = (text: string, revocable: boolean): OwnToken => {
    epoch += 1;
    return { text, revocable, epoch };
  };
  const shown = (held: Held<OwnToken>): SessionToken => ({
    remaining: () => lifetime.left(held),
    ...held.thing,
  });

  const lifetime = createLifetime<OwnToken>({
    clock,
    provider,
    makeTimeout: loginTimeout,
    leftBehind: `${label} may have been made and left behind`,
    make:
      logIn &&
      (async (context) => {
        const { grant, lastBecause } = await logIn(context);
        lifetime.askAgain();
        if (lastBecause !== undefined)
          lifetime.warn(
            `reauth-impossible: no login can follow this one, since ${lastBecause}; the token ends in ${spanOf(grant.life)} unless it is renewed`,
          );
        const { life, renewable: isRenewable } = grant;
        return { thing: tokenOf(grant.token, grant.revocable), life, isRenewable };
      }),
    async renew({ thing }, context) {
      const request = { verb: 'write', path: 'auth/token/renew-self', body: '{}' } as const;
      return renewalIn(await send(request, context, thing.text), subject);
    },
    async revoke({ thing, isGone }, context) {
      if (!thing.revocable || isGone) return undefined;
      const request = { verb: 'write', path: 'auth/token/revoke-self' } as const;
      const found = classify(await send(request, context, thing.text), subject, 'write');
      // what the server does not know any more need not be revoked
      if (found.kind === 'ok' || (found.kind === 'forbidden' && found.cause === 'token'))
        return undefined;
      if (found.kind === 'error') return found.error;
      return new SecretError('ERR_SECRET_DENIED', 'its policies do not allow it', { provider });
    },
    dueOf: ({ life, grace, isRenewable, isCapped }) =>
      isRenewable && !isCapped ? grace : life - renewalDelay(life, grace),
    spareOf: () => 0,
    // after its end, the next call that needs a token logs in
    isWanted: (left) => left !== 0,
    // by our clocks it has ended, which they may be wrong about: the server knows
    mayServe: ({ isGone }, left, error) =>
      left === 0 && !isGone && error.code !== 'ERR_SECRET_UNAVAILABLE',
    async handOver(next, previous) {
      if (next === undefined) return false;
      const moved = await Promise.allSettled(
        [...listeners].map(async (listener) => listener(shown(next), shown(previous))),
      );
      return moved.every(({ status }) => status === 'fulfilled');
    },
    noOther: (left, error) =>
      `${isSecretError(error, 'ERR_SECRET_UNAVAILABLE') ? '' : 'reauth-impossible: '}${label} ends in ${spanOf(left)}, and there is no other yet: ${reasonOf(error)}`,
    noMore: (left) =>
      `reauth-impossible: ${label} ends in ${spanOf(left)} and cannot be renewed any more; log in again, or give a login method as the option auth`,
    notRevoked: (left) => `${label} could not be revoked, and ends by itself in ${spanOf(left)}`,
  });

  if (setting.kind === 'text')
    lifetime.hold({
      thing: tokenOf(setting.token, false),
      life: Number.POSITIVE_INFINITY,
      isRenewable: false,
    });

  /** Asks the server about a token that was given. */
  async function lookUp(failures = 0): Promise<void> {
    const { held } = lifetime;
    if (held === undefined || lifetime.isClosing) return;
    const start = momentOf(clock);
    const news = await lookUpOf(held.thing.text, options, lifetime.background());
    if (lifetime.isClosing || news === 'refused') return;
    if (news === 'failed') {
      const again = backOff(failures + 1, Number.POSITIVE_INFINITY);
      return lifetime.later(again, () => void lookUp(failures + 1));
    }
    if (news.uses > 0) {
      countedError = refusalOf(news.uses);
      lifetime.warn(`reauth-impossible: ${countedError.message}`);
    } else if (news.life !== Number.POSITIVE_INFINITY) lifetime.learn(held, { ...news, start });
  }

  /** Its last use would come at a moment that nothing announces. */
  function refusalOf(uses: number): SecretError {
    return new SecretError(
      'ERR_SECRET_CONFIG',
      `${label} is good for ${uses} more requests, and is not used any more`,
      {
        provider,
        setting: setting.kind === 'text' ? setting.setting : undefined,
        hint: 'A program that lives on needs a token without counted uses (num_uses=0), or a login method as the option auth; the option countedUses allows it.',
      },
    );
  }

  function given(held: Held<OwnToken> | undefined): SessionToken {
    if (held === undefined) throw closedError(provider);
    return shown(held);
  }

  return {
    async token(context) {
      if (countedError) throw countedError;
      if (isLookUpNeeded) {
        isLookUpNeeded = false;
        lifetime.later(lookUpDelay, () => void lookUp());
      }
      return given(await lifetime.current(context));
    },
    async replace(refused, context) {
      if (lifetime.isClosing) throw closedError(provider);
      const { held } = lifetime;
      const isRefused = held?.thing.epoch === refused.epoch;
      if (held && !isRefused && lifetime.left(held) > 0) return shown(held);
      if (logIn === undefined) return undefined;
      lifetime.hear(context);
      const making = lifetime.make();
      if (held && isRefused) {
        // callers that need a token wait for the other one
        held.isGone = true;
        // it may have been a mistake: a token is not given up before there is another
        making.catch(() => {
          held.isGone = false;
        });
      }
      return given(await unlessAborted(making, context.signal, provider));
    },
    onReplaced(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => lifetime.close(),
  };
}

/** The answer of `auth/token/renew-self`. Its `client_token` is the same token, and is not looked at. */
function renewalIn(result: WireResult, subject: Subject): Renewal {
  const found = classify(result, subject, 'write');
  if (found.kind !== 'ok') return refusalIn(result, subject) ?? { kind: 'failed' };
  const auth = found.answer.body?.['auth'] as Granted | null | undefined;
  const { lease_duration: seconds, renewable } = auth ?? {};
  if (typeof seconds !== 'number' || seconds <= 0) return { kind: 'failed' };
  return { kind: 'granted', life: seconds * 1_000, isRenewable: renewable === true };
}

/** The `auth` of a renewal. */
interface Granted {
  readonly lease_duration?: unknown;
  readonly renewable?: unknown;
}

/**
 * Only a refusal in the server's own words is final: an outage, a bad certificate or a stranger's page may pass
 * before the token ends.
 */
function refusalIn(
  result: WireResult,
  subject: Subject,
): { readonly kind: 'refused'; readonly isGone: boolean } | undefined {
  if (result.kind === 'failure') return undefined;
  if (refusesRenewal(result)) return { kind: 'refused', isGone: false };
  if (!isVaults(result) || ![400, 403, 404, 405].includes(result.status)) return undefined;
  const found = classify(result, subject);
  return { kind: 'refused', isGone: found.kind === 'forbidden' && found.cause === 'token' };
}

/** What the server says of a token that was given, at `auth/token/lookup-self`. */
async function lookUpOf(
  token: string,
  { send, subject }: Pick<SessionOptions, 'send' | 'subject'>,
  context: ReadContext,
): Promise<
  | { readonly life: number; readonly isRenewable: boolean; readonly uses: number }
  | 'refused'
  | 'failed'
> {
  const request = { verb: 'read', path: 'auth/token/lookup-self' } as const;
  const result = await send(request, context, token).catch(() => undefined); // aborted
  if (result === undefined) return 'failed';
  const found = classify(result, subject);
  // a token without the default policy may not look itself up: its end is not known then
  if (found.kind !== 'ok') return refusalIn(result, subject)?.kind ?? 'failed';
  const data = found.answer.body?.['data'] as LookedUp | null | undefined;
  const { ttl: seconds, renewable, type, num_uses: uses } = data ?? {};
  if (typeof seconds !== 'number') return 'failed';
  return {
    // 0: a root token, and others that do not end
    life: seconds > 0 ? seconds * 1_000 : Number.POSITIVE_INFINITY,
    isRenewable: renewable === true && type !== 'batch',
    uses: typeof uses === 'number' ? uses : 0,
  };
}

/** The `data` of a look-up. */
interface LookedUp {
  readonly ttl?: unknown;
  readonly num_uses?: unknown;
  readonly renewable?: unknown;
  readonly type?: unknown;
}
