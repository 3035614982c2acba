/**
 * What the server tells of a token, when it is asked to renew it or about it. Only a refusal in the
 * server's own words is final: an outage, a bad certificate or a stranger's page may pass before the
 * token ends, and nothing is given up because of them.
 */
import { refusesRenewal } from '../answers/login-words.ts';
import { saidBy, verdictOf } from '../answers/vault-errors.ts';
import type { Subject } from '../answers/verdict.ts';
import type { WireResult } from '../wire/vault-wire.ts';

/** What came of a renewal or a look-up. */
export type TokenNews =
  | {
      readonly kind: 'told';
      /** Milliseconds from before it was asked. `Infinity`: it does not end. */
      readonly life: number;
      readonly renewable: boolean;
      /** How many requests it is good for; 0: any number. */
      readonly uses: number;
    }
  /** `known`: whether the server knows the token at all. */
  | { readonly kind: 'refused'; readonly known: boolean }
  /** It was not answered. */
  | { readonly kind: 'failed' };

/** The answer of `auth/token/renew-self`. Its `client_token` is the same token, and is not looked at. */
export function renewalIn(result: WireResult, subject: Subject): TokenNews {
  const verdict = verdictOf(result, subject, 'write');
  if (verdict.kind !== 'ok') return refusalIn(result, subject);
  const auth = verdict.answer.body?.['auth'] as Granted | null | undefined;
  const { lease_duration: seconds, renewable } = auth ?? {};
  if (typeof seconds !== 'number' || seconds <= 0) return { kind: 'failed' };
  return { kind: 'told', life: seconds * 1_000, renewable: renewable === true, uses: 0 };
}

/** The answer of `auth/token/lookup-self`. */
export function lookUpIn(result: WireResult, subject: Subject): TokenNews {
  const verdict = verdictOf(result, subject);
  if (verdict.kind !== 'ok') return refusalIn(result, subject);
  const data = verdict.answer.body?.['data'] as LookedUp | null | undefined;
  const { ttl: seconds, renewable, type, num_uses: uses } = data ?? {};
  if (typeof seconds !== 'number') return { kind: 'failed' };
  return {
    kind: 'told',
    // 0: a root token, and others that do not end
    life: seconds > 0 ? seconds * 1_000 : Number.POSITIVE_INFINITY,
    renewable: renewable === true && type !== 'batch',
    uses: typeof uses === 'number' ? uses : 0,
  };
}

function refusalIn(result: WireResult, subject: Subject): TokenNews {
  if (result.kind === 'answer' && refusesRenewal(result, saidBy(result)))
    return { kind: 'refused', known: true };
  const itsOwn = result.kind === 'answer' && Array.isArray(result.body?.['errors']);
  if (!itsOwn || ![400, 403, 404, 405].includes(result.status)) return { kind: 'failed' };
  const verdict = verdictOf(result, subject);
  return {
    kind: 'refused',
    known: verdict.kind !== 'forbidden' || verdict.suspect === 'policy',
  };
}

/** The `auth` of a renewal. */
interface Granted {
  readonly lease_duration?: unknown;
  readonly renewable?: unknown;
}

/** The `data` of a look-up. */
interface LookedUp {
  readonly ttl?: unknown;
  readonly num_uses?: unknown;
  readonly renewable?: unknown;
  readonly type?: unknown;
}
