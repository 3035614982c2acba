/**
 * One login: prepared by the method, sent without a token, and judged. A refused login has the status
 * of a malformed request (400), of a denial (403) or of a server in trouble (500), and says which in words of the
 * method alone (`server-words.ts`).
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Clock, isSecretError, type ReadContext, SecretError } from '@keyfall/core/provider';
import { type Classified, classify, hasNoLeader, kindOf } from '../answers/classify-result.ts';
import type { Subject } from '../answers/error-kinds.ts';
import { isVaults, loginRefusal } from '../answers/server-words.ts';
import { readCredential } from '../auth/credential-reader.ts';
import type { VaultAuth, VaultLogin, VaultLoginContext } from '../auth/vault-auth.ts';
import { printOf } from '../environment/file-prints.ts';
import type { Variables } from '../environment/vault-variables.ts';
import { checkToken } from '../settings/token-setting.ts';
import { beforeAbort } from '../wire/bounds.ts';
import { encodePath } from '../wire/vault-path.ts';
import type { WireResult } from '../wire/vault-wire.ts';
import { loginError, refusalError } from './login-refusals.ts';

/** Sends one request, once. Without a token it carries none. `fresh`: over a new connection. */
type SendOnce = (
  request: {
    readonly verb: 'read' | 'write';
    readonly path: string;
    readonly body?: string;
    readonly fresh?: boolean;
  },
  context: ReadContext,
  token?: string,
) => Promise<WireResult>;

/** What a server says of a token when it gives or renews it. */
interface TokenGrant {
  readonly token: string;
  /** Milliseconds from before the request was sent. `Infinity`: it does not end. */
  readonly life: number;
  readonly renewable: boolean;
  /** Service tokens can be revoked; batch tokens are nothing but a signature. */
  readonly revocable: boolean;
  /** How many requests it is good for; 0: any number. */
  readonly uses: number;
}

export interface LoginOptions {
  readonly auth: VaultAuth;
  readonly send: SendOnce;
  readonly subject: Subject;
  readonly maxRetries: number;
  readonly env: Variables;
  /** Gets the name of each variable of `env` that a credential came from. */
  readonly credentialVariables: Set<string>;
  readonly clock: Clock;
  /** The files of the certificate that connections show: another one makes it another login. */
  readonly certificate: readonly string[];
}

/** A login that was accepted. */
export interface AcceptedLogin {
  readonly grant: TokenGrant;
  /** Why no other login can follow. */
  readonly lastBecause: string | undefined;
}

/** Makes what logs in. One at a time. */
export function vaultLogin({
  auth,
  send,
  subject,
  maxRetries,
  env,
  credentialVariables,
  clock,
  certificate,
}: LoginOptions): (context: ReadContext) => Promise<AcceptedLogin> {
  const { provider, origin } = subject;
  const method = `the ${auth.name} login`;
  const failed = (
    code: 'ERR_SECRET_UNAUTHENTICATED' | 'ERR_SECRET_UNAVAILABLE' | 'ERR_SECRET_CONFIG',
    reason: string,
    hint: string,
    more: { readonly storeStatus?: number; readonly retryable?: boolean } = {},
  ) => loginError(code, reason, { provider, hint, ...more });
  /** Wrapping tokens that went out to be opened, and it is not known whether they were. */
  const uncertain = new Set<string>();
  /**
   * The login that was refused last. The very same is not sent again for a while: some
   * methods lock an account after a few wrong passwords.
   */
  let refusal: Refusal | undefined;

  /**
   * Sends it, and again while the cluster has no leader. What may not be sent twice only where a node says that
   * it has done nothing with it.
   */
  async function sendToLeader(
    request: Parameters<SendOnce>[0],
    context: ReadContext,
    repeatable: boolean,
    token?: string,
  ): Promise<WireResult> {
    const isWaitedFor = repeatable ? hasNoLeader : isWithoutLeader;
    for (let waits = 0; ; waits += 1) {
      const fresh = request.fresh || waits > 0;
      const result = await send({ ...request, fresh }, context, token);
      const delay = retryDelay(waits);
      if (!isWaitedFor(result) || maxRetries === 0 || delay >= context.remainingTimeout())
        return result;
      try {
        await wait(delay, undefined, { signal: context.signal, ref: false });
      } catch {
        return result;
      }
    }
  }

  async function unwrap(
    wrapping: string,
    creationPath: RegExp,
    context: ReadContext,
  ): Promise<Readonly<Record<string, unknown>>> {
    checkToken(wrapping, (what, hint) =>
      failed('ERR_SECRET_CONFIG', `the wrapping token of ${method} ${what}`, hint),
    );
    const place = 'sys/wrapping';
    if (uncertain.has(wrapping))
      throw failed(
        'ERR_SECRET_UNAUTHENTICATED',
        'the wrapping token was sent to be opened before, and the answer was lost',
        'Wrap the credential again: this token may have been used up.',
      );
    const intercepted = (what: string): SecretError => {
      context.warn(
        `the wrapping token of ${method} ${what}: the credential may have been intercepted`,
      );
      return failed(
        'ERR_SECRET_UNAUTHENTICATED',
        `the wrapping token of ${method} ${what}`,
        'If none of your programs opened it, it was intercepted: destroy the secret id by its accessor, look into the audit log, and wrap a new one.',
      );
    };
    const look = await sendToLeader(
      { verb: 'write', path: `${place}/lookup`, body: JSON.stringify({ token: wrapping }) },
      context,
      true,
    );
    const looked = classify(look, { ...subject, place }, 'write');
    // a gateway's 400 says nothing of the token
    if (look.kind === 'answer' && look.status === 400 && isVaults(look))
      throw intercepted('has been opened already, or has expired');
    if (looked.kind !== 'ok')
      throw errorOf(looked, `${origin} does not answer about wrapping tokens`);
    const data = looked.answer.body?.['data'] as { creation_path?: unknown } | null | undefined;
    const madeAt = data?.creation_path;
    // a stateful regular expression would match every other time
    if (typeof madeAt !== 'string' || madeAt.search(creationPath) === -1)
      throw intercepted('was made at another path than a secret id is');

    const opening = { verb: 'write', path: `${place}/unwrap` } as const;
    const result = await sendToLeader(opening, context, false, wrapping);
    const found = classify(result, { ...subject, place }, 'write');
    if (found.kind === 'ok') {
      const content = found.answer.body?.['data'];
      if (typeof content === 'object' && content !== null)
        return content as Readonly<Record<string, unknown>>;
      throw failed(
        'ERR_SECRET_UNAUTHENTICATED',
        'the wrapping token held something else than was expected',
        'Wrap the credential again.',
      );
    }
    if (result.kind === 'answer' && result.status === 400 && isVaults(result))
      throw intercepted('was opened by another client just now');
    if (found.kind !== 'error' || !found.isAmbiguous || isWithoutLeader(result))
      throw errorOf(found, `${origin} did not open the wrapping token`);
    uncertain.add(wrapping);
    throw failed(
      'ERR_SECRET_UNAVAILABLE',
      `${found.error.reason}, and it is not known whether the wrapping token was used up`,
      'Wrap the credential again: this token is not sent a second time.',
      { retryable: false },
    );
  }

  function errorOf(found: Classified, otherwise: string): SecretError {
    if (found.kind === 'error') return found.error;
    return failed('ERR_SECRET_UNAUTHENTICATED', otherwise, 'Check the server and its proxies.');
  }

  /** What fetches a credential may hang: the login ends then, and the next one begins from the start. */
  async function prepare(context: ReadContext): Promise<PreparedLogin> {
    const { remainingTimeout } = context;
    const timeout = new AbortController();
    const late = () =>
      timeout.abort(
        failed(
          'ERR_SECRET_UNAVAILABLE',
          `${method} was not prepared in time`,
          'What its credentials come from does not answer.',
        ),
      );
    const cancelTimer = clock.schedule(late, remainingTimeout(), true);
    const signal = AbortSignal.any([context.signal, timeout.signal]);
    const helpers: VaultLoginContext = {
      signal,
      remainingTimeout,
      read: (source, what) => readCredential(source, what, { provider, env, credentialVariables }),
      unwrap: (wrapping, creationPath) => unwrap(wrapping, creationPath, context),
    };
    let login: VaultLogin;
    try {
      const preparing = Promise.resolve().then(() => auth.login(helpers));
      login = await beforeAbort(preparing, signal, provider);
    } catch (error) {
      if (!isSecretError(error))
        throw failed(
          'ERR_SECRET_UNAVAILABLE',
          `${method} could not be prepared`,
          'Its method has failed for a reason that it keeps to itself: let it throw a SecretError.',
        );
      throw error.provider === undefined ? error.with({ provider }) : error;
    } finally {
      cancelTimer();
    }
    try {
      const { path, body, repeatable = true, ...more } = login;
      return { ...more, path, body: jsonOf(body), repeatable };
    } catch {
      throw failed(
        'ERR_SECRET_CONFIG',
        `${method} prepares nothing that can be sent`,
        'Let its method return a path, and a body that is an object of JSON.',
      );
    }
  }

  return async (context) => {
    for (let repeats = 0; ; repeats += 1) {
      const login = await prepare(context);
      const { path, body, repeatable, lastBecause, accepted, credential = body } = login;
      // not imported: a program with a token never logs in, and it takes long to load
      const { createHash } = process.getBuiltinModule('node:crypto');
      const print = await printOf(certificate);
      const same = createHash('sha256').update(`${path}\n${credential}\n${print}`).digest('hex');
      const before = refusal?.login === same ? refusal : undefined;
      if (before && clock.monotonic() < before.until) throw before.error;
      const fresh = repeats > 0;
      const request = { verb: 'write', path: loginPath(path, provider), body, fresh } as const;
      const result = await sendToLeader(request, context, repeatable);
      const found = classify(result, { ...subject, place: path }, 'write');
      if (found.kind === 'ok') {
        refusal = undefined;
        const grant = grantOf(found.answer.body?.['auth'], provider, method);
        try {
          accepted?.();
        } catch {
          // there is a token now, whatever its method makes of it
        }
        if (grant.uses === 0) return { grant, lastBecause };
        await send({ verb: 'write', path: 'auth/token/revoke-self' }, context, grant.token);
        throw failed(
          'ERR_SECRET_CONFIG',
          `${method} gives tokens that are good for ${grant.uses} requests`,
          'A client that lives on needs others: set token_num_uses=0 on its role.',
        );
      }
      const answer = result.kind === 'answer' ? result : undefined;
      const refusalNow = answer && loginRefusal(answer);
      const error =
        answer && refusalNow
          ? refusalError(refusalNow, { provider, origin, method, status: answer.status })
          : errorOf(found, `${origin} did not answer ${method} as a login`);
      const mayAgain = found.kind === 'error' && !refusalNow && found.mayRepeat(!repeatable);
      const away = refusalNow === 'cannot-ask';
      // a 403 is also the answer of a method that cannot reach the service that checks it
      const denied = answer?.status === 403;
      const mayRepeat = mayAgain || (repeatable && (denied || away));
      const retryAfter = result.kind === 'answer' ? (result.retryAfter ?? 0) : 0;
      const once = found.kind === 'error' ? found.once : undefined;
      const delay = retryAfter + (once?.after ?? retryDelay(repeats));
      const most = once === undefined ? maxRetries : Math.min(1, maxRetries);
      if (!mayRepeat || repeats >= most || delay >= context.remainingTimeout()) {
        const times = (before?.times ?? 0) + 1;
        const until = clock.monotonic() + Math.min(1_000 * 2 ** (times - 1), 60_000);
        if (refusalNow && !away) refusal = { login: same, error, times, until };
        const mayBeUsedUp = !repeatable && found.kind === 'error' && found.isAmbiguous;
        const isOutage = error.code === 'ERR_SECRET_UNAVAILABLE' && !refusalNow;
        if (!mayBeUsedUp || !isOutage || isWithoutLeader(result)) throw error;
        throw failed(
          'ERR_SECRET_UNAVAILABLE',
          `${error.reason}, and it is not known whether the credential of ${method} was used up`,
          'If it is good for one use, make another one.',
          { ...(error.storeStatus !== undefined && { storeStatus: error.storeStatus }) },
        );
      }
      await wait(delay, undefined, { signal: context.signal, ref: false }).catch(() => {
        throw error;
      });
    }
  };
}

/** Whether a node says that it knows no leader: it has done nothing with the request. */
function isWithoutLeader(result: WireResult): boolean {
  return kindOf(result) === 'no-leader';
}

interface Refusal {
  /** A digest of whose it was. */
  readonly login: string;
  readonly error: SecretError;
  /** How often in a row. */
  readonly times: number;
  /** Monotonic time until which it is not sent again. */
  readonly until: number;
}

/** A login as its method made it, ready to be sent. */
interface PreparedLogin extends Omit<VaultLogin, 'body'> {
  readonly body: string;
  readonly repeatable: boolean;
}

/** Milliseconds: 100, 200, 400, … and half as much again at random. */
function retryDelay(repeats: number): number {
  return 100 * 2 ** Math.min(repeats, 4) * (1 + Math.random() / 2);
}

/** @throws for what is no object of JSON */
function jsonOf(body: unknown): string {
  const text = JSON.stringify(body);
  if (!text.startsWith('{')) throw new TypeError('no object');
  return text;
}

function loginPath(path: string, provider: string): string {
  try {
    return encodePath(path);
  } catch {
    throw loginError('ERR_SECRET_CONFIG', 'the login method names a path that is none', {
      provider,
      hint: 'Check its mount and user name: single slashes, without "." or "..".',
    });
  }
}

/**
 * The token in the `auth` of an answer.
 *
 * @throws `ERR_SECRET_UNAUTHENTICATED` if the server wants a second factor, `ERR_SECRET_INVALID` for
 *   what is no login's answer
 */
function grantOf(auth: unknown, provider: string, method: string): TokenGrant {
  const facts = (typeof auth === 'object' ? auth : undefined) as AuthFacts | null | undefined;
  if (facts?.mfa_requirement !== undefined && facts.mfa_requirement !== null)
    throw new SecretError(
      'ERR_SECRET_UNAUTHENTICATED',
      `${method} asks for a second factor (MFA)`,
      {
        provider,
        hint: 'A program has none: leave its role out of the login enforcement, or log in by another method.',
      },
    );
  const invalidAnswer = () =>
    new SecretError('ERR_SECRET_INVALID', `the answer to ${method} holds no token`, { provider });
  const { client_token: text, lease_duration: seconds, num_uses: uses } = facts ?? {};
  if (typeof text !== 'string' || text === '' || typeof seconds !== 'number') throw invalidAnswer();
  const token = checkToken(text, invalidAnswer);
  return {
    token,
    life: seconds > 0 ? seconds * 1_000 : Number.POSITIVE_INFINITY,
    renewable: facts?.renewable === true,
    revocable: facts?.token_type !== 'batch',
    uses: typeof uses === 'number' ? uses : 0,
  };
}

interface AuthFacts {
  readonly client_token?: unknown;
  readonly lease_duration?: unknown;
  readonly renewable?: unknown;
  readonly token_type?: unknown;
  readonly num_uses?: unknown;
  readonly mfa_requirement?: unknown;
}
