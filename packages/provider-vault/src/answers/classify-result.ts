/**
 * What the result of a request means: once for what decides about nodes and repeats, and for what the caller gets.
 */
import { isSecretError, SecretError, type SecretSetting } from '@keyfall/core/provider';
import { spanOf } from '../wire/time.ts';
import type { WireAnswer, WireRequest, WireResult } from '../wire/vault-wire.ts';
import { type AnswerErrorKind, type AnswerKind, answerErrors } from './answer-kinds.ts';
import type { AddressFault, ErrorKind, Extent, Subject } from './error-kinds.ts';
import { errnos, type FailureKind, failureErrors, tlsErrors } from './failure-kinds.ts';
import { answerKind, type GoneVersion, goneVersion, isVaults } from './server-words.ts';

/** An error that a request has come to. */
export interface ClassifiedError {
  readonly kind: 'error';
  readonly error: SecretError;
  /** For a change: whether the server may have carried it out all the same, or may do it yet. */
  readonly isAmbiguous: boolean;
  /** Whether it is an answer of Vault itself, and not of something in front of it. */
  readonly isVaults: boolean;
  /** What `check` calls it, where the kind of the error does not say enough about what to do. */
  readonly fault: AddressFault | undefined;
  /** Whether the request may be sent again. */
  mayRepeat(changes: boolean): boolean;
  /** How often at most, and after how many milliseconds, where the kind of the error says it. */
  readonly once: ErrorKind['once'];
}

/** What a result means. */
export type Classified =
  | { readonly kind: 'ok'; readonly answer: WireAnswer }
  /** Nothing is there. `gone`: there was, and that version is deleted or destroyed. */
  | { readonly kind: 'missing'; readonly gone: GoneVersion | undefined }
  /** A conditional write met another version. */
  | { readonly kind: 'conflict' }
  /** Denied, or the token is not known: for certain, or only as far as the words suggest. */
  | {
      readonly kind: 'forbidden';
      readonly cause: 'token' | 'policy';
      readonly isCertain: boolean;
      readonly status: number;
    }
  | ClassifiedError;

/** What `result` means. The reason of an aborted request is not here: its signal knows it. */
export function classify(
  result: WireResult,
  subject: Subject,
  verb: WireRequest['verb'] = 'read',
): Classified {
  if (result.kind === 'answer') {
    const kind = answerKind(result, verb);
    switch (kind) {
      case 'ok':
        return { kind, answer: result };
      case 'missing':
        return { kind, gone: goneVersion(result) };
      case 'conflict':
        return { kind };
      case 'token-rejected':
      case 'token-rejected?':
      case 'denied':
      case 'denied?':
        return {
          kind: 'forbidden',
          cause: kind.startsWith('denied') ? 'policy' : 'token',
          isCertain: !kind.endsWith('?'),
          status: result.status,
        };
    }
  }
  const { facts, isAmbiguous } = errorFacts(result) as ErrorFacts;
  return {
    kind: 'error',
    error: errorOf(result, facts, subject),
    isAmbiguous,
    isVaults: result.kind === 'answer' && isVaults(result),
    fault: facts.fault,
    mayRepeat: (changes) => allows(facts.repeat, changes, isAmbiguous),
    once: facts.once,
  };
}

/**
 * Whether another node should be asked instead, which for a change means: this one did not act on it, or it can take
 * effect once at the most.
 */
export function needsAnotherNode(result: WireResult, changes: boolean): boolean {
  const found = errorFacts(result);
  return found !== undefined && allows(found.facts.nextNode, changes, found.isAmbiguous);
}

/** What kind of answer or failure a result is. */
export function kindOf(result: WireResult): AnswerKind | FailureKind {
  if (result.kind === 'answer') return answerKind(result);
  const { what, detail, proxyStatus = 0 } = result;
  if (what === 'unreachable' && detail === 'ECONNREFUSED') return 'connection-refused';
  if (what === 'unreachable' && detail === 'ERR_ACCESS_DENIED') return 'not-permitted';
  // a proxy that is busy may let the next request through; one that refuses will not
  const refuses = (proxyStatus >= 400 && proxyStatus < 500) || proxyStatus === 501;
  return what === 'proxy' && refuses ? 'proxy-refused' : what;
}

/** Whether the node at the other end has answered, and is one to ask first the next time. */
export function hasAnswered(result: WireResult): boolean {
  return result.kind === 'answer' && result.status < 500;
}

/** Whether a node knows of no leader, or points on in vain, perhaps after its leader has died. */
export function hasNoLeader(result: WireResult): boolean {
  return ['no-leader', 'lost-leader', 'led-on'].includes(kindOf(result));
}

interface ErrorFacts {
  readonly facts: ErrorKind;
  readonly isAmbiguous: boolean;
}

/**
 * Statuses that say of themselves that the request was not carried out, from any sender: RFC 9110 (15.5),
 * RFC 6585 and RFC 8470. Any other that is not Vault's own says nothing about what the server behind it did.
 */
const notCarriedOut: ReadonlySet<number> = new Set([
  405, 411, 412, 413, 414, 415, 417, 421, 425, 426, 428, 429, 431,
]);

function errorFacts(result: WireResult): ErrorFacts | undefined {
  const kind = kindOf(result);
  if (result.kind === 'answer') {
    if (!Object.hasOwn(answerErrors, kind)) return undefined;
    const facts = answerErrors[kind as AnswerErrorKind];
    const isForeign = !isVaults(result) && !notCarriedOut.has(result.status);
    return { facts, isAmbiguous: facts.isAmbiguous ?? isForeign };
  }
  const ofTls = kind === 'tls' ? tlsErrors.find(([codes]) => codes.test(result.detail)) : undefined;
  const facts = ofTls?.[1] ?? failureErrors[kind as FailureKind];
  // on a connection that was good the record of an answer may be broken
  return { facts, isAmbiguous: facts.isAmbiguous ?? result.sent };
}

function allows(extent: Extent = 'none', changes: boolean, isAmbiguous: boolean): boolean {
  if (extent === 'any') return true;
  return extent === 'none' ? false : !changes || (extent === 'undone' && !isAmbiguous);
}

function errorOf(result: WireResult, facts: ErrorKind, subject: Subject): SecretError {
  const answer = result.kind === 'answer' ? result : undefined;
  const detail = result.kind === 'failure' ? result.detail : '';
  const isErrno = result.kind === 'failure' && result.what === 'unreachable';
  const texts: Readonly<Record<string, string>> = {
    ...subject,
    origin: result.origin ?? subject.origin,
    status: String(answer?.status),
    detail: isErrno ? (errnos[detail] ?? `cannot be reached (${detail})`) : detail,
    again:
      answer?.retryAfter === undefined
        ? ''
        : `, and wants to be asked again in ${spanOf(answer.retryAfter)}`,
  };
  const reason = facts.reason.replace(/\$(\w+)/g, (_, name: string) => texts[name] ?? '');
  const { passedOver = 0 } = result;
  const after = passedOver === 1 ? 'another node' : `${passedOver} other nodes`;
  return new SecretError(
    facts.code,
    passedOver === 0 ? reason : `${reason}, after ${after} failed`,
    {
      provider: subject.provider,
      storeStatus: answer?.status,
      requestId: answer && requestIdOf(answer),
      hint: facts.hint,
      retryable: facts.retryable,
      setting: facts.setting && settingOf(facts.setting),
    },
  );
}

function settingOf([option, variable]: NonNullable<ErrorKind['setting']>): SecretSetting {
  return { option, ...(variable !== '' && { variable }) };
}

/** The server's own id of the request, if it looks like one. */
function requestIdOf(answer: WireAnswer): string | undefined {
  const id = answer.body?.['request_id'];
  return typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

/** The error of a refusal, once it is known which of the two it is. */
export function forbidden(
  cause: 'token' | 'policy',
  subject: Subject,
  status: number,
  hint?: string,
): SecretError {
  const { provider, origin, place } = subject;
  return cause === 'policy'
    ? new SecretError('ERR_SECRET_DENIED', `the token's policies do not allow this on ${place}`, {
        provider,
        storeStatus: status,
        hint: hint ?? `Give its policy the capabilities it needs on ${place}.`,
      })
    : new SecretError('ERR_SECRET_UNAUTHENTICATED', `${origin} does not accept the token`, {
        provider,
        storeStatus: status,
        hint: hint ?? 'It may be mistyped, expired or revoked: log in again and set VAULT_TOKEN.',
      });
}

/** Why something failed, for a message of ours; never the text of an error that is not ours. */
export function reasonOf(error: unknown): string {
  return isSecretError(error) ? error.reason : 'for a reason that is not known';
}
