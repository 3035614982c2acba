/**
 * Secrets from an HTTP endpoint that answers all of them as one JSON object of texts. It is here to be
 * replaced by your store: what stays is that every answer is sorted into held, "not here" and one kind
 * of error, and that nothing a library threw or a server sent is shown.
 */
import {
  assertOptions,
  type OptionKinds,
  type SecretBatch,
  SecretError,
  type SecretErrorCode,
  type SecretProvider,
  type SecretSetting,
} from '@keyfall/core/provider';
import type { HttpClient } from '@keyfall/core/provider/http';

/** Options of {@link __camel__Provider}. */
export interface __Pascal__ProviderOptions {
  /** The endpoint, `http` or `https`, without credentials in it. */
  readonly address: string;
  /** Sent as `Authorization: Bearer …` (RFC 6750). Default: the variable `__UPPER___TOKEN`. */
  readonly token?: string | undefined;
  /** Unique in the chain. Default `__id__`. */
  readonly name?: string | undefined;
}

const optionKinds: OptionKinds<__Pascal__ProviderOptions> = {
  address: 'text',
  token: 'text',
  name: 'text',
};

/** Where the token comes from that is not given as an option. */
const tokenVariable = '__UPPER___TOKEN';

type Problem = (code: SecretErrorCode, what: string, hint?: string, status?: number) => SecretError;

/**
 * A read-only provider over the endpoint at `address`. Before the first read it makes no request, and reads no
 * variable.
 *
 * @throws `ERR_SECRET_CONFIG` if an option cannot be used; the error names it. Without a token the first read
 *   rejects with it
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { __camel__Provider } from '@keyfall/provider-__id__';
 *
 * const provider = __camel__Provider({ address: 'https://config.example/shop' });
 * const secrets = createSecrets({ providers: [provider] });
 * ```
 */
export function __camel__Provider(options: __Pascal__ProviderOptions): SecretProvider {
  assertOptions(options, '__camel__Provider', optionKinds);
  const { name = '__id__' } = options;
  const url = endpoint(options.address);
  if (options.token !== undefined) assertToken(options.token, { option: 'token' });
  const shown = `${url.origin}${url.pathname}`;
  const problem: Problem = (code, what, hint, status) =>
    new SecretError(code, `${shown} ${what}`, { provider: name, hint, storeStatus: status });

  let client: HttpClient | undefined;

  return {
    name,
    store: shown,
    place: { kind: '__id__', address: url.origin, paths: [url.pathname] },
    // what `keyfall run` starts must not inherit it
    credentialVariables: new Set([tokenVariable]),
    async read(_names, { signal }) {
      const token = options.token ?? tokenOf(process.env);
      // what loads Node's HTTP and TLS waits for the first read
      const { httpClient } = await import('@keyfall/core/provider/http');
      client ??= httpClient({ provider: name, subject: shown });
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
      const { status, json } = await client.send({ url: url.href, headers }, { signal });
      if (status === 200) return batchOf(json, name, problem);
      if (status !== 404) throw refusal(status, problem);
      return {
        entries: new Map(),
        complete: true,
        missingDocument: { description: `has nothing at ${shown}`, optional: false },
      };
    },
    async close() {
      client?.close();
      client = undefined;
    },
  };
}

function endpoint(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // the address itself is not shown: it may hold a password
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      'the option address is not an http or https URL, or has credentials or a query in it',
      { setting: { option: 'address' } },
    );
  return url;
}

/** The token of the environment. */
function tokenOf(environment: NodeJS.ProcessEnv): string {
  const token = environment[tokenVariable];
  const setting: SecretSetting = { option: 'token', variable: tokenVariable };
  if (!token)
    throw new SecretError('ERR_SECRET_CONFIG', `the option token (${tokenVariable}) is missing`, {
      hint: `Set ${tokenVariable}.`,
      // by this `ifUnconfigured: 'skip'` goes past it
      setting: { ...setting, isMissing: true },
    });
  assertToken(token, setting);
  return token;
}

/** What a header can hold. */
function assertToken(token: string, setting: SecretSetting): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  const reason = 'the option token is not a bearer token';
  throw new SecretError('ERR_SECRET_CONFIG', reason, { setting });
}

/** A whole answer: every name there is, so what is absent from it is not here. */
function batchOf(json: unknown, provider: string, problem: Problem): SecretBatch {
  if (json === undefined) throw problem('ERR_SECRET_INVALID', 'answers something that is not JSON');
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw problem('ERR_SECRET_INVALID', 'answers JSON that is not an object');
  const entries = new Map<string, { value: string } | SecretError>();
  for (const [secretName, value] of Object.entries(json)) {
    // one broken secret does not take the others with it
    const reason = `${secretName} is not text but JSON of another type`;
    const broken = () => new SecretError('ERR_SECRET_INVALID', reason, { provider, secretName });
    entries.set(secretName, typeof value === 'string' ? { value } : broken());
  }
  return { entries, complete: true };
}

/** What a status other than 200 and 404 says (RFC 9110, 15). */
function refusal(status: number, problem: Problem): SecretError {
  if (status === 401)
    return problem('ERR_SECRET_UNAUTHENTICATED', 'does not know the token', 'Renew it.', status);
  if (status === 403) return problem('ERR_SECRET_DENIED', 'denies access', undefined, status);
  if (status === 429 || status >= 500)
    return problem('ERR_SECRET_UNAVAILABLE', `answers status ${status}`, undefined, status);
  const hint = 'Something else may answer in its place: check the option address.';
  return problem('ERR_SECRET_INVALID', `answers status ${status}`, hint, status);
}
