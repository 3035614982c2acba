/**
 * `@keyfall/provider-vault/node-vault`: requests that the npm package node-vault builds. An entry of its own, so
 * that nothing else names that package.
 */
import createNodeVault from 'node-vault';
import type { HttpRequest, VaultWire } from './wire/vault-wire.ts';

export type { HttpRequest, VaultWire, WireRequest, WireSender } from './wire/vault-wire.ts';

/** The part of node-vault that is used. Its own types know neither PATCH's body nor what we have it return. */
interface NodeVaultClient {
  endpoint: string;
  pathPrefix: string;
  token: string;
  namespace: string;
  handleVaultResponse: (response: unknown) => unknown;
  read(path: string): Promise<BuiltRequest>;
  write(path: string, body: string): Promise<BuiltRequest>;
  update(path: string, body: string): Promise<BuiltRequest>;
  delete(path: string): Promise<BuiltRequest>;
}

/** What node-vault hands to its transport: the options of the `request` package of old. */
interface BuiltRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

/** Left to itself node-vault asks axios. Here it returns what it would have asked. */
const options = {
  commands: {},
  debug: () => {},
  noCustomHTTPVerbs: true,
  rpDefaults: { strictSSL: true },
  'request-promise': { defaults: () => (built: BuiltRequest) => Promise.resolve(built) },
};

/**
 * Has node-vault build the requests of a provider; give it as the option `wire`. It sends none: left to itself it
 * follows redirects to any host with the token in hand, reads settings of its own from the environment, and throws
 * errors that hold tokens and bodies.
 *
 * @example
 * ```ts
 * import { vaultProvider } from '@keyfall/provider-vault';
 * import { nodeVaultWire } from '@keyfall/provider-vault/node-vault';
 *
 * const provider = vaultProvider({ path: 'aiogram-shop', wire: nodeVaultWire() });
 * ```
 */
export function nodeVaultWire(): VaultWire {
  const create = createNodeVault as unknown as (options: object) => NodeVaultClient;
  return async (
    { verb, path, body = '' },
    { token = '', namespace = '' },
  ): Promise<HttpRequest> => {
    // one for each request: a shared one is state that every concurrent request sees
    const client = create(options);
    // the constructor takes these from VAULT_* variables as well; they are ours to decide
    Object.assign(client, { endpoint: '', pathPrefix: '', token, namespace });
    client.handleVaultResponse = (response) => response;
    // requestOptions are never passed: node-vault pins the first token into their headers
    const { method, uri, headers, json } =
      verb === 'write' || verb === 'update'
        ? await client[verb](path, body)
        : await client[verb](path);
    return { method, path: uri, headers, body: typeof json === 'string' ? json : undefined };
  };
}
