/**
 * Turns whatever a provider threw into a `SecretError`, from allow-listed facts alone: a third-party
 * error may hold request headers, values or key material in its message, stack and fields.
 */
import { isSecretError, SecretError } from '../contract/secret-error.ts';

/** Node's errno codes (libuv) that mean "could not ask". */
const unreachable =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|E(?:HOST|NET)UNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|EMFILE|EIO)$/;

/** OpenSSL's and Node's codes of a certificate that is not to be trusted. */
const untrusted =
  /^(?:CERT_|ERR_TLS_|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|HOSTNAME_MISMATCH$)/;

/** The `SecretError` that stands for `thrown`: itself if it is one. */
export function toSecretError(thrown: unknown, provider: string): SecretError {
  if (isSecretError(thrown)) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (unreachable.test(code))
    return new SecretError('ERR_SECRET_UNAVAILABLE', `it cannot be reached (${code})`, {
      provider,
    });
  if (untrusted.test(code))
    return new SecretError('ERR_SECRET_TLS', 'its certificate is not trusted', { provider });
  return new SecretError('ERR_SECRET_INVALID', 'the provider threw what is no SecretError', {
    provider,
    hint: 'It is not shown, since it may hold values.',
  });
}
