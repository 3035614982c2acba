import { SecretError, type SecretErrorCode } from '@keyfall/core';
import type { SecretBatch, SecretProvider } from '@keyfall/core/provider';

/**
 * Read-only: `GET address` answers every secret there is as one JSON object of texts. The address is
 * shown in errors, so it must hold no credentials.
 */
export function drawerProvider(options: {
  readonly address: string;
  readonly token: string;
}): SecretProvider {
  const { address, token } = options;
  const problem = (code: SecretErrorCode, what: string) =>
    new SecretError(code, `${address} ${what}`, { provider: 'drawer' });
  const batchOf = (text: string): SecretBatch => {
    const entries = new Map<string, { value: string }>();
    const broken = () => problem('ERR_SECRET_INVALID', 'answers no JSON object of texts');
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw broken(); // what JSON.parse throws shows the text
    }
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw broken();
    for (const [name, value] of Object.entries(json)) {
      if (typeof value !== 'string') throw broken();
      entries.set(name, { value });
    }
    return { entries, complete: true }; // all there is: what is absent from it is not here
  };

  return {
    name: 'drawer',
    store: address,
    async read(_names, { signal }) {
      let status: number;
      let text: string;
      try {
        const headers = { authorization: `Bearer ${token}` };
        const response = await fetch(address, { headers, redirect: 'manual', signal });
        ({ status } = response);
        text = await response.text();
      } catch (error) {
        if (signal.aborted) throw problem('ERR_SECRET_ABORTED', 'was not waited for');
        const { code = '' } = ((error as Error).cause ?? {}) as { code?: string };
        if (/CERT|SELF_SIGNED|UNABLE_TO_|_TLS_|_SSL_|^EPROTO$/.test(code))
          throw problem('ERR_SECRET_TLS', 'offers no TLS connection that can be trusted');
        throw problem('ERR_SECRET_UNAVAILABLE', 'could not be asked');
      }
      if (status === 200) return batchOf(text);
      if (status === 401) throw problem('ERR_SECRET_UNAUTHENTICATED', 'does not know the token');
      if (status === 403) throw problem('ERR_SECRET_DENIED', 'denies access');
      if (status === 404) {
        const missingDocument = { description: `has nothing at ${address}`, optional: false };
        return { entries: new Map(), complete: true, missingDocument };
      }
      if (status === 429 || status >= 500)
        throw problem('ERR_SECRET_UNAVAILABLE', `answers status ${status}`);
      throw problem('ERR_SECRET_INVALID', `answers status ${status}`);
    },
  };
}
