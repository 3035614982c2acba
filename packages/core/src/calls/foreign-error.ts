/**
 * Turns whatever a provider threw into a `SecretError`, from allow-listed facts alone: a third-party
 * error may hold request headers, values or key material in its message, stack and fields. What is
 * shown of a defect is a chunk of its own: a provider that keeps its contract never needs it.
 */
import { isSecretError, SecretError, type ThrownFacts } from '../contract/secret-error.ts';
import { isError } from './is-error.ts';

/** Node's errno codes (libuv) that mean "could not ask". */
const unreachable =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|E(?:HOST|NET)UNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|EMFILE|EIO)$/;

/** OpenSSL's and Node's codes for a certificate that is not trusted. */
const untrusted =
  /^(?:CERT_|ERR_TLS_|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|HOSTNAME_MISMATCH$)/;

/** The `SecretError` that stands for `thrown`: itself if it is one. */
export async function toSecretError(thrown: unknown, provider: string): Promise<SecretError> {
  if (isSecretError(thrown)) return thrown;
  const what = 'threw an error that is not a SecretError';
  try {
    const code = isError(thrown) ? String(thrown.code) : '';
    if (unreachable.test(code))
      return new SecretError('ERR_SECRET_UNAVAILABLE', `it cannot be reached (${code})`, {
        provider,
      });
    if (untrusted.test(code))
      return new SecretError('ERR_SECRET_TLS', 'its certificate is not trusted', { provider });
    const { refusalOf, thrownFacts, summaryOf } = await import('./thrown-facts.ts');
    const facts = thrownFacts(thrown);
    return (
      refusalOf(thrown, provider) ?? providerError(`${what}: ${summaryOf(facts)}`, provider, facts)
    );
  } catch {
    // a process that is out of file descriptors can load nothing, and a foreign object may refuse to be looked at
    return providerError(what, provider);
  }
}

/** The error for a provider that breaks its contract. */
export function providerError(what: string, provider: string, thrown?: ThrownFacts): SecretError {
  return new SecretError('ERR_SECRET_PROVIDER', `the provider ${what}`, {
    provider,
    thrown,
    hint: 'This is a defect of the provider: report it to its author.',
  });
}
