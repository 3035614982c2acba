/**
 * What servers say to a login, or to the renewal of a login's token, that they refuse: the methods' own words,
 * and nothing of it is ever shown. A refusal has status 400 or 403, and where a method ends with a plain error,
 * 500: then nothing but these words tells it from a server that is in trouble.
 *
 * | method | words of a 500 | source (the same in OpenBao 2.7 and HashiCorp Vault 1.21, unless it is said) |
 * | --- | --- | --- |
 * | AppRole | `failed to create HMAC of secret_id: value is longer than …` (4,096 bytes) | `credential/approle/path_login.go`, `validation.go` |
 * | | `failed to verify subset relationship between CIDR blocks`: the role's became narrower than the secret id's | `validation.go` |
 * | | `failed to get connection information`: addresses are bound, and there is none (a unix socket) | `path_login.go` |
 * | | `missing role_id` (Vault, where it looks ahead for whom it is) | `path_login.go` |
 * | cert | `failed to verify client's certificate: x509: …`: expired, not valid yet, not for clients | `credential/cert/path_login.go`, `validateConnState` |
 * | | `tls connection not found`, `no client certificate found`: where it looks ahead for whom it is; else status 400 | `path_login.go` |
 * | Kubernetes | `could not load backend configuration`: the method has no config | `vault-plugin-auth-kubernetes/path_login.go` |
 * | | `could not parse UID from claims`, `service account namespace and name must be set`, and of claims of another shape `error(s) decoding` (mitchellh/mapstructure), `decoding failed due to the following error` (go-viper) | as above |
 * | JWT | `failed to template policy`, `failed to parse template policy`: a claim that the role's policies need is not there (OpenBao) | `credential/jwt/path_role.go` |
 * | userpass, LDAP | `missing password`, `missing username` | `credential/userpass/path_login.go`, `credential/ldap/path_login.go` |
 * | RADIUS | `plaintext longer than 128 characters`, `string too long`: the password or the name | `layeh/radius/attribute.go` |
 * | a renewal | `failed to renew entry: …` with `policies have changed, not renewing`, `does not exist during renewal`, `client identity during renewal not matching`, `cannot validate renewal`, and the words of the method's login | `pathLoginRenew` of each method |
 */
import type { WireAnswer } from '../wire/vault-wire.ts';

/** What a refusal of a login is about. */
export type LoginRefusal =
  /** There is no such role. */
  | 'no-role'
  /** The role asks for a secret id. */
  | 'no-secret-id'
  /** The method has no config. */
  | 'not-configured'
  /** The method could not ask whom it asks: no refusal at all. */
  | 'cannot-ask'
  /** The credentials, or where they come from. */
  | 'refused';

const notConfigured = /could not load (?:backend )?configuration|not configured/;

const refusedWith500 =
  /failed to create HMAC of secret_id|failed to verify subset relationship|failed to get connection information|failed to verify client's certificate|tls connection not found|no client certificate found|could not parse UID from claims|service account namespace and name must be set|error\(s\) decoding|decoding failed due to the following error|failed to (?:parse )?template policy|missing (?:password|username|role_id)|plaintext longer than 128 characters|string too long/;

const renewalRefused =
  /policies have changed, not renewing|does not exist during renewal|client identity during renewal not matching|cannot validate renewal/;

/** A method that could not ask: for an issuer's keys, or, in Go's words, whoever it is connected to. */
const cannotAsk = /fetching keys|dial (?:tcp|udp)|i\/o timeout/;

/**
 * What an answer refuses of a login; `undefined` for one that is no refusal.
 *
 * @param said - the server's own errors
 */
export function loginRefusal({ status }: WireAnswer, said: string): LoginRefusal | undefined {
  if (status === 500) {
    if (notConfigured.test(said)) return 'not-configured';
    return refusedWith500.test(said) ? 'refused' : undefined;
  }
  if (status !== 400 && status !== 403) return undefined;
  if (
    /role\b.*(?:could not be found|not found)|unknown role|invalid role name|missing role/.test(
      said,
    )
  )
    return 'no-role';
  if (said.includes('missing secret_id')) return 'no-secret-id';
  if (notConfigured.test(said)) return 'not-configured';
  return status === 400 && cannotAsk.test(said) ? 'cannot-ask' : 'refused';
}

/** Whether a 500 says that a token of a login is not renewed, and will not be. */
export function refusesRenewal({ status }: WireAnswer, said: string): boolean {
  return status === 500 && (renewalRefused.test(said) || refusedWith500.test(said));
}
