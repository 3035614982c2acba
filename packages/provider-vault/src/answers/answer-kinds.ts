/**
 * What an answer of a server can be, and the error that each kind is.
 */
import {
  addressSetting,
  checkTheAddress,
  configError,
  denied,
  type ErrorFacts,
  type ErrorKind,
  invalidAnswer,
  unauthenticated,
  unavailable,
  unsupported,
} from './error-kinds.ts';

const spreadTheNames = 'Spread the names over several paths.';

/** A server that failed, and says no more of it. */
const failed = (facts: ErrorFacts = {}, hint = 'Look into the log of the server.'): ErrorKind =>
  unavailable('$origin answers with status $status', hint, {
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
    { fault: 'server-speaks-https', setting: addressSetting },
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
    { nextNode: 'any', setting: addressSetting },
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
    // it does not change within a call: once is enough to tell a blip
    { repeat: 'read', once: {}, nextNode: 'read' },
  ),
  'broken-storage': unavailable(
    '$origin cannot read its own storage (status $status)',
    'Look into the log of the server.',
    { retryable: false },
  ),
  // it says so before it tries to pass the request on
  'no-leader': failed({ nextNode: 'any' }),
  'lost-leader': failed({ nextNode: 'read' }),
  // a node that was just unsealed, or whose audit log takes no more
  starting: failed(
    { nextNode: 'read' },
    'Look into the log of the server. If its audit log has no room on the disk, it refuses everything.',
  ),
  'gateway-failed': failed({ nextNode: 'read' }),
  failed: failed(),
  'unheard-of': invalidAnswer(
    '$origin answers with status $status, as no Vault server does here',
    checkTheAddress,
    { fault: 'not-a-vault' },
  ),
};
