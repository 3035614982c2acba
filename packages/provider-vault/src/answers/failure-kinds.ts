/**
 * What can go wrong with a request before it has an answer, and the error that each failure is.
 */
import {
  aborted,
  addressSetting,
  checkTheAddress,
  configError,
  denied,
  type ErrorKind,
  invalidAnswer,
  unavailable,
  untrusted,
} from './error-kinds.ts';

const proxySetting = ['proxy', 'VAULT_PROXY_ADDR'] as const;

/** A failure of the wire. */
export type FailureKind =
  | 'aborted'
  | 'connection-refused'
  | 'foreign-node'
  | 'led-on'
  | 'malformed'
  | 'not-permitted'
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
  aborted: aborted('the provider was closed'),
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
    // the server may be starting again just now; if it is down, the next provider is not kept waiting
    { repeat: 'undone', once: { after: 2 }, nextNode: 'undone', fault: 'server-refused' },
  ),
  'not-permitted': denied(
    'this process may not connect to $origin',
    'Start it with the permission for it: --allow-net of Deno, and of Node under --permission.',
  ),
  'foreign-node': unavailable(
    '$origin points to $detail, which is not one of its listed nodes',
    'If it is a node of your cluster, list it in the option nodes: what its nodes call themselves stands as api_addr in their configuration. The token was not sent to it.',
    { repeat: 'any', nextNode: 'any' },
  ),
  'led-on': unavailable(
    '$origin points to $detail',
    'The cluster may be choosing its leader. If it stays so, look at api_addr of its nodes: it has to name the node itself.',
    { repeat: 'any', nextNode: 'any' },
  ),
  redirect: configError(
    '$origin redirects to $detail in a way that no Vault server does',
    'Set the option address (variable VAULT_ADDR) to the server itself; the token was not sent on.',
    { fault: 'not-a-vault', setting: addressSetting },
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
    { setting: proxySetting },
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
      { ...notTaken, fault: 'server-speaks-http', setting: addressSetting },
    ),
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    untrusted(
      'the certificate of $origin has expired ($detail)',
      'Renew it, unless the clock of this machine is ahead.',
    ),
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
