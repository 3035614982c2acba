/**
 * What it means that no usable answer came: a server that is away, a certificate that is not trusted,
 * or a setting of ours that leads to the wrong place.
 */
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import type { WireFailure } from '../wire/vault-wire.ts';
import type { AddressFault, Repeat, Subject, Verdict } from './verdict.ts';

const errnos: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
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

/** What to do about a setting that cannot be used. */
const unusable = {
  'tls-file':
    'Check that it exists, that this user may read it and that it is PEM, a key without a passphrase.',
  package: 'Install it beside this one, or leave the option wire out.',
  unsendable: 'Look for a character that no request can carry.',
};

/** What a failure of the wire means: whose fault it is, and whether asking again may help. */
export function failureVerdict(failure: WireFailure, subject: Subject): Verdict {
  const { what, detail, sent, proxyStatus = 0 } = failure;
  const { origin, provider } = subject;
  const error = (
    code: SecretErrorCode,
    reason: string,
    hint: string | undefined,
    { repeat = 'none', found }: { repeat?: Repeat; found?: AddressFault } = {},
  ): Verdict => ({
    kind: 'error',
    error: new SecretError(code, reason, { provider, hint }),
    repeat,
    ambiguous: sent,
    itsOwn: false,
    found,
  });
  switch (what) {
    case 'aborted':
      return error('ERR_SECRET_ABORTED', 'the provider was closed', undefined);
    case 'timeout':
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} did not answer in time`,
        'Look whether it is busy, and whether a firewall lets requests through to the option address (variable VAULT_ADDR).',
        { found: 'server-unreachable' },
      );
    case 'unreachable':
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} ${errnos[detail] ?? `cannot be reached (${detail})`}`,
        detail === 'ECONNREFUSED'
          ? 'Start the server, or check the option address (variable VAULT_ADDR).'
          : 'Check the option address (variable VAULT_ADDR).',
        {
          repeat: sent ? 'read' : 'any',
          found: detail === 'ECONNREFUSED' ? 'server-refused' : 'server-unreachable',
        },
      );
    case 'foreign-node':
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} points to ${detail}, which is not one of its listed nodes`,
        'If it is a node of your cluster, list it in the option nodes: what its nodes call themselves stands as api_addr in their configuration. The token was not sent to it.',
        { repeat: 'any' },
      );
    case 'led-on':
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${origin} points to a node that points on to ${detail}`,
        'The cluster may be choosing its leader. If it stays so, look at api_addr of its nodes: it has to name the node itself.',
        { repeat: 'any' },
      );
    case 'redirect':
      return error(
        'ERR_SECRET_CONFIG',
        `${origin} redirects to ${detail} in a way that no Vault server does`,
        'Set the option address (variable VAULT_ADDR) to the server itself; the token was not sent on.',
        { found: 'not-a-vault' },
      );
    case 'tls':
      return tlsError(detail, sent, subject);
    case 'too-large':
      return error(
        'ERR_SECRET_INVALID',
        `the answer of ${origin} is ${detail}`,
        'No Vault server answers that: check the option address (variable VAULT_ADDR).',
        { found: 'not-a-vault' },
      );
    case 'tls-file':
    case 'package':
    case 'unsendable':
      return error('ERR_SECRET_CONFIG', `${detail} cannot be used`, unusable[what]);
    case 'proxy':
      // a proxy that is busy may let the next request through; one that refuses will not
      return (proxyStatus >= 400 && proxyStatus < 500) || proxyStatus === 501
        ? error(
            'ERR_SECRET_CONFIG',
            `the proxy ${detail} when it is asked for ${origin}`,
            proxyStatus === 407
              ? 'It asks for credentials: write the option proxy (variable VAULT_PROXY_ADDR) as http://user:password@host:port.'
              : 'Check the option proxy (variable VAULT_PROXY_ADDR), and what the proxy allows.',
          )
        : error(
            'ERR_SECRET_UNAVAILABLE',
            `${origin} cannot be reached: the proxy ${detail}`,
            'Check the option proxy (variable VAULT_PROXY_ADDR).',
            { repeat: 'any' },
          );
    case 'rate-limit':
      return error(
        'ERR_SECRET_UNAVAILABLE',
        `${detail} allows no further request to ${origin} within the time limit`,
        'Raise it, or ask for less often.',
      );
    default:
      return error(
        'ERR_SECRET_INVALID',
        `the answer of ${origin} is not one of a Vault server (${detail})`,
        'Something else may answer in its place: check the option address (variable VAULT_ADDR).',
        { found: 'not-a-vault' },
      );
  }
}

/** What the codes of OpenSSL and Node mean to somebody who has to mend it. */
const tlsReasons: readonly (readonly [RegExp, string, string, AddressFault?])[] = [
  [/^CERT_HAS_EXPIRED$/, 'the certificate of $ has expired', 'Renew it.'],
  [
    /^CERT_NOT_YET_VALID$/,
    'the certificate of $ is not valid yet',
    'Check the clocks of both machines.',
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    'the certificate of $ is for another name',
    'Use the name in the certificate, or give it as tlsServerName (variable VAULT_TLS_SERVER_NAME).',
  ],
  [
    /^EPROTO$/,
    '$ does not speak TLS as we do',
    'If it speaks plain http, write the option address (variable VAULT_ADDR) with http://.',
    'server-speaks-http',
  ],
  [
    /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE/,
    '$ speaks no version of TLS that is safe',
    'TLS 1.2 is the least: raise tls_min_version on the server, or renew what stands before it.',
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE|BAD_CERTIFICATE/,
    '$ refused our side of the handshake',
    'It may ask for a client certificate: clientCert and clientKey.',
  ],
  [
    /^(?:UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED|CERT_|INVALID_CA)/,
    'the certificate of $ is not signed by an authority that is trusted here',
    'Give the authority as caCert (variable VAULT_CACERT).',
    'certificate-untrusted',
  ],
];

/** OpenSSL's codes for bytes that are not TLS at all: no certificate was shown, good or bad. */
const noTls = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/;

/** Alerts by which the other end refuses our side of the handshake: it took no request (RFC 8446, section 6). */
const handshakeRefused =
  /ALERT_(?:CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|PROTOCOL_VERSION)/;

function tlsError(code: string, sent: boolean, { provider, origin }: Subject): Verdict {
  if (noTls.test(code))
    return {
      kind: 'error',
      repeat: 'none',
      ambiguous: false,
      itsOwn: false,
      found: 'server-speaks-http',
      error: new SecretError(
        'ERR_SECRET_CONFIG',
        `${origin} does not speak https (${code}); the token was not sent`,
        {
          provider,
          hint: 'If it speaks plain http, write the option address (variable VAULT_ADDR) with http://. If it should not, something else answers in its place.',
        },
      ),
    };
  const [, reason, hint, found] = tlsReasons.find(([codes]) => codes.test(code)) ?? [
    code,
    'no secure connection to $ could be made',
    'Check the option address (variable VAULT_ADDR), and what the server accepts.',
  ];
  return {
    kind: 'error',
    repeat: 'none',
    // on a connection that was good the record of an answer may be broken
    ambiguous: sent && !handshakeRefused.test(code),
    itsOwn: false,
    found,
    error: new SecretError('ERR_SECRET_TLS', `${reason.replace('$', () => origin)} (${code})`, {
      provider,
      hint,
    }),
  };
}
