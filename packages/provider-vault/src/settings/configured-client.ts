/**
 * A node-vault client that a team has configured: what is taken from it, and what would be lost.
 */
import type { Wrong } from '../environment/setting-reader.ts';

/** What is used of a node-vault client. Its `namespace` and `pathPrefix` are read as well. */
export interface ConfiguredVaultClient {
  readonly endpoint: string;
  readonly apiVersion: string;
  readonly token?: string | undefined;
  read(path: string): Promise<unknown>;
}

/** What was taken from it. */
export interface ClientFacts {
  readonly endpoint: string;
  readonly namespace: string;
  readonly pathPrefix: string;
  /** The token that it has now: it may log in later, or have its token renewed. */
  token(): string;
}

/**
 * Reads endpoint, namespace and prefix. The client is as it was afterwards, and sends nothing.
 *
 * @throws `ERR_SECRET_CONFIG` for what is no such client, and for one with settings that cannot be
 *   carried over to our transport
 */
export function factsOfClient(client: ConfiguredVaultClient, wrong: Wrong): ClientFacts {
  const { endpoint, apiVersion, namespace, pathPrefix }: { readonly [member: string]: unknown } = {
    ...client,
  };
  const built = typeof endpoint === 'string' ? requestBuiltBy(client) : undefined;
  if (typeof endpoint !== 'string' || built === undefined)
    throw wrong(
      'the option client is not a client of node-vault',
      "Give what require('node-vault')({ … }) returns, not frozen or wrapped.",
    );
  if (apiVersion !== 'v1')
    throw wrong('the option client has another apiVersion than v1', 'Vault has no other.');
  const { path: _path, method: _method, ...more } = built;
  const lost = Object.keys(more).filter((name) => !isNothing(more[name]));
  if (lost.length > 0)
    throw wrong(
      `the option client has request options that are not carried over: ${lost.map(shown).join(', ')}`,
      `Make it without them${hintFor(lost)}.`,
    );
  if (!/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/.test(String(pathPrefix ?? '')))
    throw wrong('the option client has a pathPrefix that is no path', "Write it as '/team-a'.");
  return {
    endpoint,
    namespace: typeof namespace === 'string' ? namespace : '',
    pathPrefix: String(pathPrefix ?? ''),
    token: () => (typeof client.token === 'string' ? client.token : ''),
  };
}

/**
 * What the client hands to its own transport for a read. Its settings are in a closure, and show
 * nowhere else; so for this moment, and no other code runs in it, the request goes here instead.
 */
function requestBuiltBy(client: ConfiguredVaultClient): Record<string, unknown> | undefined {
  const own = Object.getOwnPropertyDescriptor(client, 'request');
  if (own?.configurable !== true || typeof own.value !== 'function') return undefined;
  let built: unknown;
  try {
    const value = (options: unknown) => {
      built = options;
      return Promise.resolve();
    };
    Object.defineProperty(client, 'request', { ...own, value });
    Promise.resolve(client.read('sys/health')).catch(() => {});
  } catch {
    return undefined;
  } finally {
    Object.defineProperty(client, 'request', own);
  }
  return typeof built === 'object' && built !== null ? { ...built } : undefined;
}

function isNothing(value: unknown): boolean {
  return (
    value === undefined ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}

/** A name of an option, if it looks like one. */
function shown(name: string): string {
  return /^[A-Za-z]\w{0,40}$/.test(name) ? name : 'one with an odd name';
}

const ours: Readonly<Record<string, string>> = {
  ca: 'caCert or caCertPem',
  cert: 'clientCert',
  key: 'clientKey',
  strictSSL: 'skipVerify',
  rejectUnauthorized: 'skipVerify',
  timeout: 'timeout',
  proxy: 'proxy',
  httpsAgent: 'proxy, caCert or clientCert',
  agentOptions: 'caCert or clientCert',
};

function hintFor(lost: readonly string[]): string {
  const options = new Set(lost.map((name) => ours[name]).filter((name) => name !== undefined));
  return options.size === 0 ? '' : `, and give our own in their place: ${[...options].join(', ')}`;
}
