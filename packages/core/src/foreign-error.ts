/**
 * Turns whatever a provider threw into a `SecretError`, from allow-listed facts alone: a third-party
 * error may hold request headers, values or key material in its message, stack and fields.
 */
import { isSecretError, SecretError, type SecretErrorCode } from './secret-error.ts';

/** Node's errno codes (libuv) that mean "could not ask". */
const unreachable: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['ECONNABORTED', 'connection aborted'],
  ['EPIPE', 'connection closed'],
  ['ETIMEDOUT', 'timed out'],
  ['EHOSTUNREACH', 'host unreachable'],
  ['ENETUNREACH', 'network unreachable'],
  ['ENETDOWN', 'network down'],
  ['ENOTFOUND', 'host name not found'],
  ['EAI_AGAIN', 'name server did not answer'],
  ['EMFILE', 'too many open files'],
  ['EIO', 'input/output error'],
]);

/** OpenSSL's and Node's codes of a certificate that is not to be trusted. */
const untrusted =
  /^(?:CERT_|ERR_TLS_|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF_SIGNATURE)|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|HOSTNAME_MISMATCH$)/;

const builtIn: ReadonlySet<string> = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'AggregateError',
  'AbortError',
]);

/** The `SecretError` that stands for `thrown`: itself if it is one. */
export function toSecretError(thrown: unknown, provider: string): SecretError {
  if (isSecretError(thrown)) return thrown;
  const errno = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const said = (code: SecretErrorCode, reason: string) =>
    new SecretError(code, reason, { provider });
  const network = unreachable.get(errno);
  if (network !== undefined) return said('ERR_SECRET_UNAVAILABLE', network);
  if (untrusted.test(errno)) return said('ERR_SECRET_TLS', 'its certificate is not trusted');
  const kind = thrown instanceof Error && builtIn.has(thrown.name) ? thrown.name : 'something else';
  return new SecretError(
    'ERR_SECRET_INVALID',
    `the provider threw ${kind} instead of a SecretError`,
    {
      provider,
      hint: 'This is a defect of the provider: its own error is not shown, since it may hold values.',
    },
  );
}
