/**
 * What can come of a request, and what follows from each: the error that it is, whether the request may be repeated,
 * and whether another node should be asked.
 */
import type { SecretErrorCode } from '@keyfall/core';

/** What was asked, for messages. */
export interface Subject {
  /** The provider's name. */
  readonly provider: string;
  /** The server's origin. */
  readonly origin: string;
  /** `secret/aiogram-shop`. */
  readonly place: string;
  readonly mount: string;
  /** `''` for the root namespace. */
  readonly namespace: string;
}

/**
 * With which requests something is done: with none; with those that change nothing; also with changes that were
 * certainly not carried out; or with any.
 */
export type Extent = 'none' | 'read' | 'undone' | 'any';

/** What can be wrong with an address and the way to it, in the codes of `ProviderCheck`. */
export type AddressFault =
  | 'server-refused'
  | 'server-unreachable'
  | 'server-speaks-http'
  | 'server-speaks-https'
  | 'not-a-vault'
  | 'certificate-untrusted';

/** An error that an answer or a failure is. */
export interface ErrorKind {
  readonly code: SecretErrorCode;
  /** `$origin`, `$place`, `$mount`, `$namespace`, `$status`, `$detail` and `$again` are put in. */
  readonly reason: string;
  readonly hint?: string;
  /** Which requests may be repeated. Default `none`. */
  readonly repeat?: Extent;
  /** Which requests should go to another node instead. Default `none`. */
  readonly nextNode?: Extent;
  /** Whether a change may have been carried out all the same. Default: where the answer is not Vault's own. */
  readonly isAmbiguous?: boolean;
  readonly retryable?: false;
  readonly fault?: AddressFault;
  /** The option and the variable that are at fault. */
  readonly setting?: readonly [option: string, variable: string];
}

type Facts = Omit<ErrorKind, 'code' | 'reason' | 'hint'>;

const ofCode =
  (code: SecretErrorCode) =>
  (reason: string, hint?: string, facts: Facts = {}): ErrorKind => ({
    code,
    reason,
    ...(hint !== undefined && { hint }),
    ...facts,
  });
const unavailable = ofCode('ERR_SECRET_UNAVAILABLE');
const configError = ofCode('ERR_SECRET_CONFIG');
const invalidAnswer = ofCode('ERR_SECRET_INVALID');
const unsupported = ofCode('ERR_SECRET_UNSUPPORTED');
const denied = ofCode('ERR_SECRET_DENIED');
const unauthenticated = ofCode('ERR_SECRET_UNAUTHENTICATED');
const untrusted = ofCode('ERR_SECRET_TLS');

const spreadTheNames = 'Spread the names over several paths.';
const checkTheAddress = 'Check the option address (variable VAULT_ADDR).';
const address = ['address', 'VAULT_ADDR'] as const;
const proxy = ['proxy', 'VAULT_PROXY_ADDR'] as const;

/** A server that failed, and says no more of it. */
const failed = (facts: Facts = {}): ErrorKind =>
  unavailable('$origin answers with status $status', 'Look into the log of the server.', {
    repeat: 'read',
    isAmbiguous: true,
    ...facts,
  });
const refused = invalidAnswer(
  '$origin refused the request as malformed (status $status)',
  'Something in between may alter requests, or the server is too old for it.',
);

/** An answer that is an error. */
export type AnswerErrorKind =
  | 'behind'
  | 'broken-storage'
  | 'cannot-serve'
  | 'failed'
  | 'foreign-missing'
  | 'gateway-failed'
  | 'gateway-refused'
  | 'lost-header'
  | 'lost-leader'
  | 'needs-version'
  | 'no-leader'
  | 'no-mount'
  | 'no-namespace'
  | 'no-such-path'
  | 'not-initialised'
  | 'not-passed-on'
  | 'other-credentials'
  | 'other-kv-version'
  | 'rate-limit'
  | 'refused'
  | 'sealed'
  | 'speaks-https'
  | 'starting'
  | 'too-large-entry'
  | 'too-large-json'
  | 'too-large-request'
  | 'too-many-names'
  | 'unheard-of'
  | 'unknown-request'
  | 'unread-index'
  | 'upgrading';

/**
 * What an answer is. `token-rejected` and `denied` are certain; with a `?` they are what the server's words let
 * suspect.
 */
export type AnswerKind =
  | 'ok'
  | 'missing'
  | 'conflict'
  | 'token-rejected'
  | 'token-rejected?'
  | 'denied'
  | 'denied?'
  | AnswerErrorKind;

export const answerErrors: Readonly<Record<AnswerErrorKind, ErrorKind>> = {
  'needs-version': unsupported(
    '$place takes no write without a version',
    'Name the version that the change is made from: ifVersion.',
  ),
  upgrading: unavailable('the mount $mount is being upgraded', undefined, {
    repeat: 'any',
    nextNode: 'any',
  }),
  'too-many-names': unsupported(
    '$place has more names than the server takes in one request',
    spreadTheNames,
  ),
  'too-large-request': unsupported(
    '$place is larger than the server takes in one request',
    spreadTheNames,
  ),
  'too-large-json': unsupported(
    '$place has more names, or a longer one or text, than the server takes in one request',
    spreadTheNames,
  ),
  'too-large-entry': unsupported(
    "$place is larger than an entry of the server's storage",
    spreadTheNames,
  ),
  'speaks-https': configError(
    '$origin speaks https',
    'Write the option address (variable VAULT_ADDR) with https://.',
    { fault: 'server-speaks-https', setting: address },
  ),
  refused,
  'unread-index': refused,
  'other-credentials': unauthenticated(
    '$origin asks for other credentials than a token (status $status)',
    'A proxy in front of the server may ask for its own.',
  ),
  'gateway-refused': denied(
    '$origin refused the request as Vault does not (status $status)',
    'A firewall or gateway in front of the server may have done so: let it pass what begins with /v1/.',
  ),
  'no-namespace': configError(
    'the namespace $namespace does not exist',
    'Check the option namespace (variable VAULT_NAMESPACE).',
    { setting: ['namespace', 'VAULT_NAMESPACE'] },
  ),
  'no-mount': configError(
    'nothing is mounted at $mount',
    'Check the option mount (variable VAULT_MOUNT_POINT).',
    { setting: ['mount', 'VAULT_MOUNT_POINT'] },
  ),
  'other-kv-version': configError(
    'the mount $mount is of KV version 2, not 1',
    'Leave the option kvVersion out, or set it to 2.',
    { setting: ['kvVersion', ''] },
  ),
  'no-such-path': configError(
    '$mount has no such path as a KV engine has',
    'Check the options mount and kvVersion.',
    { setting: ['mount', 'VAULT_MOUNT_POINT'] },
  ),
  'foreign-missing': invalidAnswer(
    '$origin says that $place is not found, but not as Vault says it',
    'Check that the option address (variable VAULT_ADDR) is a Vault server.',
    { fault: 'not-a-vault' },
  ),
  'unknown-request': unsupported(
    '$origin does not know this request (status $status)',
    'It may be too old for it.',
  ),
  'not-passed-on': unavailable(
    '$origin did not pass the request on, or not to its end (status $status)',
    'Look into the log of the gateway or proxy in front of the server.',
    { repeat: 'undone' },
  ),
  'lost-header': configError(
    '$origin did not get the header X-Vault-Request, which was sent',
    'Something in between takes headers away: let it pass those that begin with X-Vault-.',
    { nextNode: 'any', setting: address },
  ),
  behind: unavailable('$origin has not caught up with its cluster (status $status)', undefined, {
    repeat: 'any',
    nextNode: 'any',
  }),
  // the other nodes are not asked in order to get round it
  'rate-limit': unavailable('$origin limits the rate of requests$again', undefined, {
    repeat: 'any',
  }),
  // a gateway that says so may have passed a change on all the same
  'cannot-serve': unavailable(
    '$origin is a node that cannot serve it (status $status)',
    'List the other nodes of its cluster in the option nodes.',
    { nextNode: 'undone' },
  ),
  'not-initialised': unavailable(
    '$origin is not initialised',
    'Initialise it: bao operator init, or vault operator init.',
    { nextNode: 'undone' },
  ),
  // for a change the seal may have come in the middle of it
  sealed: unavailable(
    '$origin is sealed',
    'Unseal it: bao operator unseal, or vault operator unseal.',
    { repeat: 'read', nextNode: 'read' },
  ),
  'broken-storage': unavailable(
    '$origin cannot read its own storage (status $status)',
    'Look into the log of the server.',
    { retryable: false },
  ),
  // it says so before it tries to pass the request on
  'no-leader': failed({ nextNode: 'any' }),
  'lost-leader': failed({ nextNode: 'read' }),
  // a node that was just unsealed
  starting: failed({ nextNode: 'read' }),
  'gateway-failed': failed({ nextNode: 'read' }),
  failed: failed(),
  'unheard-of': invalidAnswer(
    '$origin answers with status $status, as no Vault server does here',
    checkTheAddress,
    { fault: 'not-a-vault' },
  ),
};

/** A failure of the wire. */
export type FailureKind =
  | 'aborted'
  | 'connection-refused'
  | 'foreign-node'
  | 'led-on'
  | 'malformed'
  | 'proxy'
  | 'proxy-refused'
  | 'rate-limit'
  | 'redirect'
  | 'timeout'
  | 'tls'
  | 'tls-file'
  | 'too-large'
  | 'unreachable'
  | 'unsendable';

export const failureErrors: Readonly<Record<FailureKind, ErrorKind>> = {
  aborted: ofCode('ERR_SECRET_ABORTED')('the provider was closed'),
  timeout: unavailable(
    '$origin did not answer in time',
    'Look whether it is busy, and whether a firewall lets requests through to the option address (variable VAULT_ADDR).',
    { nextNode: 'undone', fault: 'server-unreachable' },
  ),
  unreachable: unavailable('$origin $detail', checkTheAddress, {
    repeat: 'undone',
    nextNode: 'undone',
    fault: 'server-unreachable',
  }),
  'connection-refused': unavailable(
    '$origin refused the connection',
    'Start the server, or check the option address (variable VAULT_ADDR).',
    { repeat: 'undone', nextNode: 'undone', fault: 'server-refused' },
  ),
  'foreign-node': unavailable(
    '$origin points to $detail, which is not one of its listed nodes',
    'If it is a node of your cluster, list it in the option nodes: what its nodes call themselves stands as api_addr in their configuration. The token was not sent to it.',
    { repeat: 'any', nextNode: 'any' },
  ),
  'led-on': unavailable(
    '$origin points to a node that points on to $detail',
    'The cluster may be choosing its leader. If it stays so, look at api_addr of its nodes: it has to name the node itself.',
    { repeat: 'any', nextNode: 'any' },
  ),
  redirect: configError(
    '$origin redirects to $detail in a way that no Vault server does',
    'Set the option address (variable VAULT_ADDR) to the server itself; the token was not sent on.',
    { fault: 'not-a-vault', setting: address },
  ),
  'too-large': invalidAnswer(
    'the answer of $origin is $detail',
    'No Vault server answers that: check the option address (variable VAULT_ADDR).',
    { fault: 'not-a-vault' },
  ),
  malformed: invalidAnswer(
    'the answer of $origin is not one of a Vault server ($detail)',
    'Something else may answer in its place: check the option address (variable VAULT_ADDR).',
    { fault: 'not-a-vault' },
  ),
  'tls-file': configError(
    '$detail cannot be used',
    'Check that it exists, that this user may read it and that it is PEM, a key without a passphrase.',
    { setting: ['tls', 'VAULT_CACERT'] },
  ),
  unsendable: configError(
    '$detail cannot be used',
    'Look for a character that no request can carry.',
    { setting: ['namespace', 'VAULT_NAMESPACE'] },
  ),
  'rate-limit': unavailable(
    '$detail allows no further request to $origin within the time limit',
    'Raise it, or ask for less often.',
  ),
  proxy: unavailable(
    '$origin cannot be reached: the proxy $detail',
    'Check the option proxy (variable VAULT_PROXY_ADDR).',
    { repeat: 'any' },
  ),
  'proxy-refused': configError(
    'the proxy $detail when it is asked for $origin',
    'Check the option proxy (variable VAULT_PROXY_ADDR), and what the proxy allows. If it asks for credentials, write it as http://user:password@host:port.',
    { setting: proxy },
  ),
  tls: untrusted(
    'no secure connection to $origin could be made ($detail)',
    'Check the option address (variable VAULT_ADDR), and what the server accepts.',
  ),
};

/** What a connection that was not made is due to, by the codes of libuv. */
export const errnos: Readonly<Record<string, string>> = {
  ECONNRESET: 'closed the connection before it answered',
  EPIPE: 'closed the connection before it answered',
  ETIMEDOUT: 'cannot be reached: the connection timed out',
  EHOSTUNREACH: 'cannot be reached: no route to the host',
  ENETUNREACH: 'cannot be reached: no route to its network',
  ENOTFOUND: 'cannot be reached: its host name is not known',
  EAI_AGAIN: 'cannot be reached: the name server does not answer',
  ENOENT: 'cannot be reached: there is no such socket',
  EACCES: 'cannot be reached: this user may not use its socket',
};

const notTaken = { isAmbiguous: false } as const;

/** What a handshake that failed is due to, by the codes of OpenSSL and Node. */
export const tlsErrors: readonly (readonly [codes: RegExp, ErrorKind])[] = [
  // bytes that are not TLS at all: no certificate was shown, good or bad
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/,
    configError(
      '$origin does not speak https ($detail); the token was not sent',
      'If it speaks plain http, write the option address (variable VAULT_ADDR) with http://. If it should not, something else answers in its place.',
      { ...notTaken, fault: 'server-speaks-http', setting: address },
    ),
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    untrusted('the certificate of $origin has expired ($detail)', 'Renew it.'),
  ],
  [
    /^CERT_NOT_YET_VALID$/,
    untrusted(
      'the certificate of $origin is not valid yet ($detail)',
      'Check the clocks of both machines.',
    ),
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    untrusted(
      'the certificate of $origin is for another name ($detail)',
      'Use the name in the certificate, or give it as tls.serverName (variable VAULT_TLS_SERVER_NAME).',
    ),
  ],
  [
    /^EPROTO$/,
    untrusted(
      '$origin does not speak TLS as we do ($detail)',
      'If it speaks plain http, write the option address (variable VAULT_ADDR) with http://.',
      { fault: 'server-speaks-http' },
    ),
  ],
  [
    /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE/,
    untrusted(
      '$origin speaks no version of TLS that is safe ($detail)',
      'TLS 1.2 is the least: raise tls_min_version on the server, or renew what stands before it.',
      notTaken,
    ),
  ],
  // alerts by which the other end refuses our side: it took no request (RFC 8446, section 6)
  [
    /ALERT_(?:CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA)/,
    untrusted(
      '$origin refused our side of the handshake ($detail)',
      'It may ask for a client certificate: tls.cert and tls.key.',
      notTaken,
    ),
  ],
  [
    /^(?:UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED|CERT_|INVALID_CA)/,
    untrusted(
      'the certificate of $origin is not signed by an authority that is trusted here ($detail)',
      'Give the authority as tls.ca (variable VAULT_CACERT).',
      { fault: 'certificate-untrusted' },
    ),
  ],
];
