/**
 * What a connection that failed is due to, by the codes of Node, of OpenSSL and of its HTTP parser.
 */
import type { WireFailure } from '../wire/vault-wire.ts';

/** TLS alerts (RFC 8446, section 6) that say which side has to change something. */
const alerts: Readonly<Record<string, string>> = {
  '40': 'HANDSHAKE_FAILURE',
  '42': 'BAD_CERTIFICATE',
  '48': 'UNKNOWN_CA',
  '70': 'PROTOCOL_VERSION',
  '116': 'CERTIFICATE_REQUIRED',
};

/**
 * Node's code. Where a write meets what OpenSSL has to say, the code is EPROTO whatever it was, and
 * only the message says which: a number and whether it has a text are taken from it, nothing else.
 */
export function codeOf({ name, code = 'no code', message }: NodeJS.ErrnoException): string {
  // Deno's for what the permissions of the process refuse, which has no code
  if (name === 'NotCapable') return 'ERR_ACCESS_DENIED';
  if (code !== 'EPROTO') return code;
  const [, alert] = /SSL alert number (\d{1,3})/.exec(message) ?? [];
  if (alert !== undefined) return `ERR_SSL_ALERT_${alerts[alert] ?? alert}`;
  // a peer that does not speak TLS at all
  return /wrong version number|packet length too long/.test(message)
    ? 'ERR_SSL_WRONG_VERSION_NUMBER'
    : code;
}

/** Codes of a certificate check, and of a handshake that went wrong. */
const tlsCode =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|ERROR_IN_)/;

/** The kind of failure that a code stands for. */
export function kindOf(code: string): WireFailure['what'] {
  if (tlsCode.test(code)) return 'tls';
  // llhttp's codes: what came is not HTTP
  return code.startsWith('HPE_') ? 'malformed' : 'unreachable';
}
