/**
 * One request to Vault and what comes of it, as everything above the transport sees them. A request never
 * rejects: it resolves to what the server answered or to what failed on the way, in allow-listed facts, so that
 * no error of a library (those hold tokens and bodies) gets past this line.
 */

/** What is asked of the API. */
export interface WireRequest {
  /** `update` is a PATCH with a JSON merge patch (RFC 7396). */
  readonly verb: 'read' | 'write' | 'update' | 'delete';
  /** A logical path, encoded, with its query: `secret/data/aiogram-shop?version=2`. */
  readonly path: string;
  /** JSON text, for `write` and `update`. Text, so that a key `__proto__` survives. */
  readonly body?: string | undefined;
  /** A `read` that makes something on the server (a lease): it is not sent twice, no more than a write. */
  readonly notIdempotent?: boolean | undefined;
}

/** Whether a request changes something on the server. */
export function changes({ verb, notIdempotent = false }: WireRequest): boolean {
  return verb !== 'read' || notIdempotent;
}

/** Who asks. */
export interface WireSender {
  /** Left out for the endpoints that must not see one: `sys/health` and logins. */
  readonly token?: string | undefined;
  /** `''` or left out: the root namespace. */
  readonly namespace?: string | undefined;
}

/** A request as it goes out. */
export interface HttpRequest {
  readonly method: string;
  /** From the `/v1`, encoded, query included. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string | undefined;
}

/**
 * A client of Vault, as far as it is used: it builds the HTTP request of what is asked. Our transport sends it, so
 * the choice of the client changes no limit, no redirect and no error.
 */
export type VaultWire = (
  request: WireRequest,
  sender: WireSender,
) => HttpRequest | Promise<HttpRequest>;

/** Where a server is. */
export interface VaultAddress {
  /** `https://host:8200`, or `unix:///path`; no credentials, no path. */
  readonly origin: string;
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly socketPath?: string;
  /** A path in front of the API, as some proxies want it: `/vault`, or nothing. */
  readonly prefix: string;
}

/** What bounds one request and says who asks, and whom. */
export interface WireCall extends WireSender {
  readonly signal: AbortSignal;
  /** Milliseconds left for the answer. */
  readonly remainingTimeout: () => number;
  /** The node to ask. Left out: the address of the settings. */
  readonly node?: VaultAddress | undefined;
  /** `X-Vault-Index`: the state that the answer must at least have. Opaque; see {@link WireAnswer}. */
  readonly index?: string | undefined;
  /**
   * Over a new connection: this is a repeat, or what came last from there spoke of the server at the other
   * end. No connection that was made before is used for it, or for any request after it.
   */
  readonly fresh?: boolean | undefined;
  /** Is called with what the user has to know although the request goes out. */
  readonly warn?: ((message: string) => void) | undefined;
  /** As `ReadContext.stamp`. Called when the request goes out, and again when it is repeated. */
  readonly stamp?: (() => number) | undefined;
  /** No caller waits for it: the process may end before its answer comes. */
  readonly unattended?: boolean | undefined;
}

/** Sends one request and resolves to what came of it. Never rejects. */
export type WireSend = (request: WireRequest, call: WireCall) => Promise<WireResult>;

/** Sends requests to one server, or to the nodes of one cluster. */
export interface Wire {
  readonly send: WireSend;
  /** Ends every connection. */
  close(): void;
}

/** Who the result is from, where there are several nodes. */
interface WireOrigin {
  /** The origin of the node that was asked last. Left out: the address of the settings. */
  readonly origin?: string | undefined;
  /** How many other nodes were asked before it, or instead, and failed. */
  readonly passedOver?: number | undefined;
}

/** The server answered, well or badly. */
export interface WireAnswer extends WireOrigin {
  readonly kind: 'answer';
  readonly status: number;
  /** `Retry-After` in milliseconds. */
  readonly retryAfter?: number | undefined;
  /** `X-Vault-Index`: the state of the node that answered. Opaque, not for people. */
  readonly index?: string | undefined;
  /** What `stamp` gave when the request went out that this answers. */
  readonly stamp?: number | undefined;
  /** The body as it came. Holds values. */
  readonly text: string;
  /** The body, if it is a JSON object. Holds values. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

/** No usable answer came. */
export interface WireFailure extends WireOrigin {
  readonly kind: 'failure';
  readonly what:
    | 'unreachable'
    | 'timeout'
    | 'aborted'
    | 'tls'
    /** The other end does not speak HTTP, or no JSON where Vault does, or was cut short. */
    | 'malformed'
    | 'too-large'
    /** A standby points to a node that is not on our list. */
    | 'foreign-node'
    /** The node that a standby points to points on: there is no leader yet, or they go in a circle. */
    | 'led-on'
    /** A redirect that no Vault server makes. */
    | 'redirect'
    /** The proxy that leads to the server cannot be reached, or refuses. */
    | 'proxy'
    /** Our own limit of requests a second leaves it no turn within its time. */
    | 'rate-limit'
    /** A file of the TLS settings cannot be read or used. */
    | 'tls-file'
    /** The path, the token or the namespace holds a character that no request can carry. */
    | 'unsendable';
  /** What a proxy that refuses answered. */
  readonly proxyStatus?: number;
  /** Node's or OpenSSL's own code, the origin of a redirect or proxy, or the name of a setting. */
  readonly detail: string;
  /** Whether the server may have received the request and acted on it. */
  readonly sent: boolean;
}

export type WireResult = WireAnswer | WireFailure;
