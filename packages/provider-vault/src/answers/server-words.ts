/**
 * The words of the servers: the one file that reads them. A status alone says little: a 404 is one of four things, a
 * 403 one of two, and a 500 may be for ever. Nothing of these texts is ever shown, since a message of a server may
 * repeat what it was sent.
 *
 * Of OpenBao 2.7 and HashiCorp Vault 1.21; the sources are named where only one of the two says it. A refused login
 * or renewal has status 400 or 403, and where a method ends with a plain error, 500. Then nothing but these words
 * distinguishes it from a server that is in trouble:
 *
 * | method | words of a 500 | source |
 * | --- | --- | --- |
 * | AppRole | `failed to create HMAC of secret_id: value is longer than …` (4,096 bytes) | `credential/approle/path_login.go`, `validation.go` |
 * | | `failed to verify subset relationship between CIDR blocks`: the role's became narrower than the secret id's | `validation.go` |
 * | | `failed to get connection information`: addresses are bound, and there is none (a unix socket) | `path_login.go` |
 * | | `missing role_id` (Vault, where it looks ahead for the role) | `path_login.go` |
 * | cert | `failed to verify client's certificate: x509: …`: expired, not valid yet, not for clients | `credential/cert/path_login.go`, `validateConnState` |
 * | | `tls connection not found`, `no client certificate found`: where it looks ahead; else status 400 | `path_login.go` |
 * | Kubernetes | `could not load backend configuration`: the method has no config | `vault-plugin-auth-kubernetes/path_login.go` |
 * | | `could not parse UID from claims`, `service account namespace and name must be set`, and of claims of another shape `error(s) decoding` (mitchellh/mapstructure), `decoding failed due to the following error` (go-viper) | as above |
 * | JWT | `failed to template policy`, `failed to parse template policy`: a claim that the role's policies need is not there (OpenBao) | `credential/jwt/path_role.go` |
 * | userpass, LDAP | `missing password`, `missing username` | `credential/userpass/path_login.go`, `credential/ldap/path_login.go` |
 * | RADIUS | `plaintext longer than 128 characters`, `string too long`: the password or the name | `layeh/radius/attribute.go` |
 * | a renewal | `failed to renew entry: …` with `policies have changed, not renewing`, `does not exist during renewal`, `client identity during renewal not matching`, `cannot validate renewal`, `role entry not found` and `no longer bound to ARN` (`credential/aws`), and the words of the method's login | `pathLoginRenew` of each method |
 */
import type { WireAnswer, WireRequest } from '../wire/vault-wire.ts';
import type { AnswerKind } from './answer-kinds.ts';

/** The version that a document of KV version 2 is at although it has no content. */
export interface GoneVersion {
  readonly version: number;
  /** As the server writes it. */
  readonly createdTime: string;
  readonly state: 'deleted' | 'destroyed';
}

/** The `errors` of an answer, joined. */
function wordsOf({ body }: WireAnswer): string {
  const errors = body?.['errors'];
  return Array.isArray(errors) ? errors.filter((text) => typeof text === 'string').join('\n') : '';
}

function hasNoWords({ body }: WireAnswer): boolean {
  const errors = body?.['errors'];
  return Array.isArray(errors) && errors.length === 0;
}

/**
 * Whether an answer that is no success is Vault's own: its errors are texts in a list, and a 404 may have the
 * members of an answer instead. What stands in front of it has a page, or JSON of another make.
 */
export function isVaults(answer: WireAnswer): boolean {
  const { status, body } = answer;
  const errors = body?.['errors'];
  if (Array.isArray(errors)) return errors.every((text) => typeof text === 'string');
  return status === 404 && (Array.isArray(body?.['warnings']) || goneVersion(answer) !== undefined);
}

/** What an answer is, by its status and, where that does not say it, by the server's words. */
export function answerKind(answer: WireAnswer, verb: WireRequest['verb'] = 'read'): AnswerKind {
  const { status, text } = answer;
  if (status >= 200 && status < 300) return 'ok';
  const words = wordsOf(answer);
  const isOwn = isVaults(answer);
  switch (status) {
    case 400:
      if (words.includes('check-and-set parameter did not match')) return 'conflict';
      if (words.includes('check-and-set parameter required')) return 'needs-version';
      if (/upgrad(?:e|ing) from non-versioned/i.test(words)) return 'upgrading';
      if (words.includes('high complexity')) return 'too-many-names';
      if (words.includes('X-Vault-Index')) return 'unread-index';
      return text.startsWith('Client sent an HTTP request to an HTTPS server')
        ? 'speaks-https'
        : 'refused';
    case 401:
    case 407:
      return 'other-credentials';
    case 403:
      if (!isOwn) return 'gateway-refused';
      // HashiCorp Vault says so of a token that it does not know
      if (words.includes('invalid token')) return 'token-rejected';
      if (words.includes('preflight capability check')) return 'denied';
      return words.trim() === 'permission denied' ? 'token-rejected?' : 'denied?';
    case 404:
      return missingKind(answer, words, verb);
    case 405:
      return 'unknown-request';
    case 408:
    case 421:
    case 425:
    case 460:
    case 499:
      return 'not-passed-on';
    case 412:
      return words.includes('X-Vault-Request') ? 'lost-header' : 'behind';
    case 413:
      return 'too-large-request';
    case 429:
      // a standby of OpenBao that is behind says this without a word; a quota and a gateway have words, or a page
      return hasNoWords(answer) ? 'behind' : 'rate-limit';
    case 472:
    case 473:
    case 474:
      return 'cannot-serve';
    case 500:
      // HashiCorp Vault, of a token that ends as one of a namespace does (`hvs.….id`) and is none it knows
      if (words.includes('failed to look up namespace from the token')) return 'token-rejected';
      // Vault's limits on JSON (1.20 and later)
      if (/^JSON \w.* exceeds allowed /.test(words)) return 'too-large-json';
      if (words.includes('value being too large')) return 'too-large-entry';
      if (/could not (?:find version data|load backend configuration)/.test(words))
        return 'broken-storage';
      // it says so before it tries to pass the request on (`forwardRequest` in `http/handler.go`)
      if (words.startsWith('local node not active')) return 'no-leader';
      return words.startsWith('internal error') ? 'starting' : 'failed';
    case 501:
      return isOwn ? 'not-initialised' : 'failed';
    case 502:
    case 504:
      return 'gateway-failed';
    case 503:
      if (words.includes('sealed')) return 'sealed';
      return words.startsWith('no active Vault instance') ? 'lost-leader' : 'gateway-failed';
    case 530:
      // Cloudflare has another meaning for it
      return isOwn ? 'cannot-serve' : 'failed';
  }
  return status >= 500 ? 'failed' : 'unheard-of';
}

/** A 404's meanings: nothing there, deleted, or a mount, namespace or KV version that is wrong. */
function missingKind(answer: WireAnswer, words: string, verb: WireRequest['verb']): AnswerKind {
  // so a PATCH of what is not there is answered
  if (verb === 'update' && answer.text === '') return 'missing';
  if (words.includes('namespace not found')) return 'no-namespace';
  if (words.includes('no handler for route')) return 'no-mount';
  const warnings = answer.body?.['warnings'];
  if (Array.isArray(warnings) && String(warnings[0]).includes('Invalid path for a versioned'))
    return 'other-kv-version';
  if (words !== '') return 'no-such-path';
  return goneVersion(answer) || hasNoWords(answer) ? 'missing' : 'foreign-missing';
}

/** What a 404 of KV version 2 says of a deleted or destroyed version (PATCH: one level higher). */
export function goneVersion(answer: WireAnswer): GoneVersion | undefined {
  const data = answer.body?.['data'] as
    | (VersionFacts & { readonly metadata?: VersionFacts | null })
    | null
    | undefined;
  // not `in`: of what is no object its TypeError quotes the value
  const facts = data?.metadata === undefined ? data : data.metadata;
  const { version, created_time: createdTime, destroyed } = facts ?? {};
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) return undefined;
  return {
    version,
    createdTime: typeof createdTime === 'string' ? createdTime : '',
    state: destroyed === true ? 'destroyed' : 'deleted',
  };
}

interface VersionFacts {
  readonly version?: unknown;
  readonly created_time?: unknown;
  readonly destroyed?: unknown;
}

/** What a refusal of a login is about. */
export type LoginRefusal =
  /** There is no such role. */
  | 'no-role'
  /** The role asks for a secret id. */
  | 'no-secret-id'
  /** The method has no config. */
  | 'not-configured'
  /** The method could not ask its issuer or directory: no refusal at all. */
  | 'cannot-ask'
  /** The credentials, or where they come from. */
  | 'refused';

const notConfigured = /could not load (?:backend )?configuration|not configured/;

const refusedWith500 =
  /failed to create HMAC of secret_id|failed to verify subset relationship|failed to get connection information|failed to verify client's certificate|tls connection not found|no client certificate found|could not parse UID from claims|service account namespace and name must be set|error\(s\) decoding|decoding failed due to the following error|failed to (?:parse )?template policy|missing (?:password|username|role_id)|plaintext longer than 128 characters|string too long/;

const renewalRefused =
  /policies have changed, not renewing|does not exist during renewal|client identity during renewal not matching|cannot validate renewal|role entry not found|no longer bound to/;

/**
 * A method that could not ask: for an issuer's keys, or, in Go's words, the other end of a connection. AWS sends the words
 * of its STS along, which are of no matter but that it limits the rate of requests.
 */
const cannotAsk =
  /fetching keys|dial (?:tcp|udp)|i\/o timeout|upstream request: error making request|from STS:.*<Code>Throttling/s;

/** What an answer refuses of a login; `undefined` for one that is no refusal. */
export function loginRefusal(answer: WireAnswer): LoginRefusal | undefined {
  const { status } = answer;
  const words = wordsOf(answer);
  if (status === 500) {
    if (notConfigured.test(words)) return 'not-configured';
    return refusedWith500.test(words) ? 'refused' : undefined;
  }
  if (status !== 400 && status !== 403) return undefined;
  if (
    /role\b.*(?:could not be found|not found)|unknown role|invalid role name|missing role/.test(
      words,
    )
  )
    return 'no-role';
  if (words.includes('missing secret_id')) return 'no-secret-id';
  if (notConfigured.test(words)) return 'not-configured';
  return status === 400 && cannotAsk.test(words) ? 'cannot-ask' : 'refused';
}

/** Whether a 500 says that a token of a login is not renewed, and will not be. */
export function refusesRenewal(answer: WireAnswer): boolean {
  const words = wordsOf(answer);
  return answer.status === 500 && (renewalRefused.test(words) || refusedWith500.test(words));
}
