/**
 * Secrets from an HTTP endpoint that answers all of them as one JSON object of texts. It is here to be
 * replaced by your store: what stays is that every answer is sorted into held, "not here" and one kind
 * of error, and that nothing a library threw or a server sent is shown.
 */
import {
  assertOptions,
  type OptionKinds,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretErrorCode,
  type SecretProvider,
  type SecretSetting,
} from '@keyfall/core/provider';

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

/** A larger answer is refused: no bag of secrets is so large. Bytes. */
const sizeLimit = 8 * 1024 * 1024;

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

  return {
    name,
    store: shown,
    place: { kind: '__id__', address: url.origin, paths: [url.pathname] },
    // what `keyfall run` starts must not inherit it
    credentialVariables: new Set([tokenVariable]),
    async read(_names, { signal }) {
      const token = options.token ?? tokenOf(process.env);
      try {
        const response = await fetch(url, {
          headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
          // a redirect would take the question, and perhaps the token, to another place
          redirect: 'manual',
          signal,
        });
        if (response.status === 200)
          return batchOf(await bytesOf(response, problem), name, problem);
        await response.body?.cancel();
        if (response.status !== 404) throw refusal(response.status, problem);
        return {
          entries: new Map(),
          complete: true,
          missingDocument: { description: `has nothing at ${shown}`, optional: false },
        };
      } catch (error) {
        throw error instanceof SecretError ? error : failure(error, signal, name, problem);
      }
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

/** What a header can hold; `fetch` would refuse other text with an error that shows it. */
function assertToken(token: string, setting: SecretSetting): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  const reason = 'the option token is not a bearer token';
  throw new SecretError('ERR_SECRET_CONFIG', reason, { setting });
}

/** The body, as far as the limit allows. */
async function bytesOf(response: Response, problem: Problem): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > sizeLimit) throw problem('ERR_SECRET_INVALID', 'answers more than 8 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A whole answer: every name there is, so what is absent from it is not here. */
function batchOf(bytes: Uint8Array, provider: string, problem: Problem): SecretBatch {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw problem('ERR_SECRET_INVALID', 'answers something that is not JSON');
  }
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

/** What a request that got no whole answer died of. Of a foreign error only its code is looked at. */
function failure(
  thrown: unknown,
  signal: ReadContext['signal'],
  provider: string,
  problem: Problem,
): SecretError {
  if (signal.aborted)
    return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
  // no `instanceof`: under Jest the errors of Node are of another realm than our `Error`
  const found = String(Object(Object(thrown).cause).code);
  const code = /^[A-Z][A-Z0-9_]*$/.test(found) ? found : 'no code';
  if (/CERT|SELF_SIGNED|UNABLE_TO_|_TLS_|_SSL_|^EPROTO$/.test(code))
    return problem('ERR_SECRET_TLS', `offers no TLS connection that can be trusted (${code})`);
  if (code.startsWith('HPE_'))
    return problem('ERR_SECRET_INVALID', `does not answer in HTTP (${code})`);
  return problem('ERR_SECRET_UNAVAILABLE', `could not be asked (${code})`);
}
