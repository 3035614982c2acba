/**
 * The wire over the npm package node-vault, which builds the requests, on a transport of ours,
 * which sends them. Left to itself node-vault follows redirects to any host with the token in hand,
 * reads settings of its own from the environment, and throws errors that hold tokens and bodies.
 */

import type { VaultWire, WireCall, WireFailure, WireResult } from '../wire/vault-wire.ts';
import { listPath } from './direct-wire.ts';
import type { Transport } from './transport.ts';

/** The part of node-vault that is used. Its own types know neither PATCH's body nor our transport. */
interface NodeVaultClient {
  endpoint: string;
  pathPrefix: string;
  token: string;
  namespace: string;
  handleVaultResponse: (response: unknown) => unknown;
  read(path: string): Promise<WireResult>;
  write(path: string, body: string): Promise<WireResult>;
  update(path: string, body: string): Promise<WireResult>;
  delete(path: string): Promise<WireResult>;
}

/** What node-vault hands to its transport: the options of the `request` package of old. */
interface RequestOptions {
  readonly method: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

type CreateNodeVault = (options: object) => NodeVaultClient;

const notInstalled: WireFailure = {
  kind: 'failure',
  what: 'package',
  detail: "the package node-vault, which the option wire: 'node-vault' needs beside this one,",
  sent: false,
};

/**
 * Makes the wire. node-vault (and the axios that it loads) is imported at the first request.
 *
 * @param pathPrefix - what stands between `/v1` and every path: `/team-a`, or nothing
 */
export function nodeVaultWire(transport: Transport, pathPrefix = ''): VaultWire {
  let loading: Promise<CreateNodeVault | undefined> | undefined;
  const load = () => {
    loading ??= import('node-vault').then(
      (module) => module.default as unknown as CreateNodeVault,
      () => undefined,
    );
    return loading;
  };

  /**
   * A client for one request: it is a few closures, and shared it would be state that every
   * concurrent request sees (its token, and headers that stick).
   */
  function clientFor(create: CreateNodeVault, call: WireCall): NodeVaultClient {
    const send = ({ method, uri, headers, json }: RequestOptions) =>
      transport.send({
        method,
        path: uri,
        headers,
        body: typeof json === 'string' ? json : undefined,
        call,
      });
    const client = create({
      commands: {},
      debug: () => {},
      noCustomHTTPVerbs: true,
      rpDefaults: { strictSSL: true },
      'request-promise': { defaults: () => send },
    });
    // the constructor takes these from VAULT_* variables as well; they are ours to decide
    client.endpoint = '';
    client.pathPrefix = pathPrefix;
    client.token = call.token ?? '';
    client.namespace = call.namespace ?? '';
    // its own resolves every answer of a URL with sys/health in it and rejects 202
    client.handleVaultResponse = (response) => response;
    return client;
  }

  async function ask(
    call: WireCall,
    work: (client: NodeVaultClient) => Promise<WireResult>,
  ): Promise<WireResult> {
    const create = await load();
    if (create === undefined) return notInstalled;
    try {
      return await work(clientFor(create, call));
    } catch {
      // nothing of ours rejects: this is node-vault's own, and its text may hold anything
      return { kind: 'failure', what: 'malformed', detail: 'node-vault', sent: true };
    }
  }

  return {
    // requestOptions are never passed: node-vault pins the first token into their headers
    read: (path, call) => ask(call, (client) => client.read(path)),
    list: (path, call) => ask(call, (client) => client.read(listPath(path))),
    write: (path, body, call) => ask(call, (client) => client.write(path, body)),
    update: (path, body, call) => ask(call, (client) => client.update(path, body)),
    delete: (path, call) => ask(call, (client) => client.delete(path)),
    close: () => transport.close(),
  };
}
