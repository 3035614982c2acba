/**
 * Turns whatever a provider threw into a `SecretError`, from allow-listed facts alone: a third-party
 * error may hold request headers, values or key material in its message, stack and fields. A chunk of its own:
 * a provider that keeps its contract never needs it.
 */
import { SecretError, type ThrownFacts } from '../contract/secret-error.ts';
import { thrownFacts } from './thrown-facts.ts';

/** Node's errno codes (libuv) that mean "could not ask". */
const unreachable =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|E(?:HOST|NET)UNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|EMFILE|EIO)$/;

/** OpenSSL's and Node's codes for a certificate that is not trusted. */
const untrusted =
  /^(?:CERT_|ERR_TLS_|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|HOSTNAME_MISMATCH$)/;

/** The `SecretError` that stands for `thrown`, which is none. */
export function toSecretError(thrown: unknown, provider: string): SecretError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (unreachable.test(code))
    return new SecretError('ERR_SECRET_UNAVAILABLE', `it cannot be reached (${code})`, {
      provider,
    });
  if (untrusted.test(code))
    return new SecretError('ERR_SECRET_TLS', 'its certificate is not trusted', { provider });
  const facts = thrownFacts(thrown);
  const where = facts.frames.length > 0 ? ` at ${facts.frames.join(', ')}` : '';
  const what = `threw an error that is not a SecretError: ${facts.type}${where}`;
  return providerError(what, provider, facts);
}

/** The error for a provider that breaks its contract. */
export function providerError(what: string, provider: string, thrown?: ThrownFacts): SecretError {
  return new SecretError('ERR_SECRET_PROVIDER', `the provider ${what}`, {
    provider,
    thrown,
    hint: 'This is a defect of the provider: report it to its author.',
  });
}
