/**
 * The token that a request is sent with: of the application's own credentials, or found by google-auth-library, which the
 * first call loads. Its errors hold requests with keys in them, so only Node's code and the status are used.
 */
import { SecretError, type SecretErrorCode } from '@keyfall/core/provider';

/** Credentials of google-auth-library: a `GoogleAuth` or a client of it, such as `Impersonated`. */
export interface GcpCredentials {
  getAccessToken(): Promise<
    string | null | undefined | { readonly token?: string | null | undefined }
  >;
}

/** Gives tokens. */
export interface AccessTokens {
  /** @throws `SecretError` */
  token(signal: AbortSignal): Promise<string>;
  /** The last one was not accepted: the next is another one, if the credentials can give one. */
  forget(): void;
}

/** @param given - the application's own; default: what the environment, the files of gcloud and the machine have */
export function accessTokens(given: GcpCredentials | undefined, provider: string): AccessTokens {
  let found: GcpCredentials | undefined = given;

  async function ask(): Promise<string> {
    try {
      if (found === undefined) {
        const { GoogleAuth } = await import('google-auth-library');
        found = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
      }
      const answer = await found.getAccessToken();
      const token = typeof answer === 'object' ? answer?.token : answer;
      if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
    } catch (thrown) {
      throw errorOf(thrown, provider);
    }
    throw unauthenticated(provider);
  }

  return {
    token: (signal) =>
      // the library takes no signal
      new Promise((resolve, reject) => {
        const abort = () =>
          reject(new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider }));
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        const leave = () => signal.removeEventListener('abort', abort);
        ask().then(resolve, reject).finally(leave);
      }),
    forget() {
      found = given;
    },
  };
}

function unauthenticated(provider: string): SecretError {
  return new SecretError(
    'ERR_SECRET_UNAUTHENTICATED',
    'google-auth-library found no usable credentials of Google Cloud',
    {
      provider,
      hint: 'Run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account.',
    },
  );
}

/** What an error of the library means: a server that gives tokens failed, or there are none to be had. */
function errorOf(thrown: unknown, provider: string): SecretError {
  const {
    code: said,
    status: answered,
    response,
  } = Object(thrown) as {
    readonly code?: unknown;
    readonly status?: unknown;
    readonly response?: { readonly status?: unknown };
  };
  const code = typeof said === 'string' && /^[A-Z][A-Z0-9_]*$/.test(said) ? said : '';
  const status = [response?.status, answered].find((each) => typeof each === 'number');
  const problem = (kind: SecretErrorCode, what: string) =>
    new SecretError(kind, `the server that gives tokens for Google Cloud ${what}`, {
      provider,
      ...(typeof status === 'number' && { storeStatus: status }),
    });
  if (untrusted.test(code)) return problem('ERR_SECRET_TLS', `is not trusted (${code})`);
  if (typeof status === 'number' && (status === 429 || status >= 500))
    return problem('ERR_SECRET_UNAVAILABLE', `answers status ${status}`);
  if (status === undefined && unreachable.test(code))
    return problem('ERR_SECRET_UNAVAILABLE', `could not be reached (${code})`);
  return unauthenticated(provider);
}

const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_|_TLS_|_SSL_|^EPROTO$/;

/** Node's codes for a server without an answer. One for a file, such as ENOENT, is about the credentials. */
const unreachable = /^(?:ECONN\w+|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE)$/;
