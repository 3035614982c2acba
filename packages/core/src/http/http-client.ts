/**
 * HTTP for providers over a REST API: what a failed connection means is said once, in the kinds of answer that the chain
 * knows; nothing is followed, no proxy variable is read, an answer has a largest size, and no error shows what was sent. It
 * is `node:http` and `node:https`, since `fetch` knows no certificate authority but Node's own.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
  validateHeaderValue,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { SecretError } from '../contract/secret-error.ts';

/** Milliseconds until an idle connection is ended: before a load balancer forgets it without a word. */
const longestIdle = 30_000;

/** Options of {@link httpClient}. */
export interface HttpClientOptions {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** What is asked, for errors: `Secret Manager`. No credentials. */
  readonly subject: string;
  /** Certificates in PEM that are trusted in the place of Node's own. */
  readonly ca?: string | undefined;
  /** What the certificate must be for, where that is not the host of the address. */
  readonly serverName?: string | undefined;
  /** A certificate and its key in PEM, by which this client proves who it is. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Bytes of an answer at most. Default 8 MiB: no bag of secrets is so large. */
  readonly sizeLimit?: number | undefined;
}

const optionKinds: OptionKinds<HttpClientOptions> = {
  provider: 'text',
  subject: 'text',
  ca: 'text',
  serverName: 'text',
  cert: 'text',
  key: 'text',
  sizeLimit: 'anything',
};

/** A request. */
export interface HttpRequest {
  /** Default `GET`. */
  readonly method?: string;
  /** `http` or `https`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What ends a request. */
export interface HttpLimits {
  readonly signal: AbortSignal;
}

/** An answer whose body is still to come. */
export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Ends with an error as {@link HttpClient.send} throws it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection, for a body that is not read to its end. */
  end(): void;
  /** What is still to come does not keep the process alive. */
  unref(): void;
}

/** A whole answer. */
export interface HttpReply extends Pick<HttpStream, 'status' | 'headers'> {
  /** The body as JSON; `undefined` if it is none in UTF-8. */
  readonly json: unknown;
}

/** Sends requests. */
export interface HttpClient {
  /**
   * Sends a request, and gives the answer whatever its status is: a redirect is not followed. A request other than `GET` has a
   * connection of its own, so that none is lost on one that the server has given up.
   *
   * @throws `ERR_SECRET_UNAVAILABLE` without an answer, `ERR_SECRET_TLS` for a certificate that is not trusted or a failed
   *   handshake, `ERR_SECRET_INVALID` for what is not HTTP or is larger than the limit, `ERR_SECRET_ABORTED` once the signal has
   *   fired, `ERR_SECRET_CONFIG` for what cannot be sent. With a method other than `GET` the error says in `applied` whether
   *   it may have been carried out
   */
  send(request: HttpRequest, limits: HttpLimits): Promise<HttpReply>;
  /** The same for an answer that is read as it comes. Its size has no limit. */
  open(request: HttpRequest, limits: HttpLimits): Promise<HttpStream>;
  /** Ends the idle connections. */
  close(): void;
}

/**
 * Makes a client. Does no I/O. A provider imports this entry at its first call, since it loads Node's HTTP and TLS.
 *
 * @throws `ERR_SECRET_CONFIG` for wrong options
 * @example
 * ```ts
 * import { httpClient } from '@keyfall/core/provider/http';
 *
 * const client = httpClient({ provider: 'drawer', subject: 'the drawer' });
 * const { signal } = new AbortController();
 * const { status, json } = await client.send(
 *   { url: 'https://drawer.example/secrets', headers: { authorization: 'Bearer …' } },
 *   { signal },
 * );
 * ```
 */
export function httpClient(options: HttpClientOptions): HttpClient {
  assertOptions(options, 'httpClient', optionKinds);
  const { provider, subject, ca, serverName, cert, key, sizeLimit = 8 * 1024 * 1024 } = options;
  const agents = new Map<string, HttpAgent>();

  function agentFor(isSecure: boolean, keepAlive: boolean): HttpAgent {
    const kept = { keepAlive, timeout: longestIdle };
    if (!isSecure) return new HttpAgent(kept);
    return new HttpsAgent({
      ...kept,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(serverName !== undefined && { servername: serverName }),
    });
  }
  /** A kept connection for what may be sent twice, and one of its own for what may not. */
  function connectionFor(protocol: string, isKept: boolean): HttpAgent {
    const isSecure = protocol === 'https:';
    if (!isKept) return agentFor(isSecure, false);
    const kept = agents.get(protocol) ?? agentFor(isSecure, true);
    agents.set(protocol, kept);
    return kept;
  }

  async function exchange(
    { method = 'GET', url: address, headers, body }: HttpRequest,
    { signal }: HttpLimits,
    isAgain = false,
  ): Promise<HttpStream> {
    const isChange = method !== 'GET';
    let isSent = false;
    const applied = () => (isChange ? ({ applied: isSent ? 'unknown' : 'no' } as const) : {});
    const aborted = () =>
      new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider, ...applied() });
    const unsendable = () =>
      new SecretError('ERR_SECRET_CONFIG', `the request to ${subject} cannot be sent as it is`, {
        provider,
        hint: 'Check whether the address, the token or a name has characters that HTTP cannot carry.',
        ...applied(),
      });
    const failureOf = (thrown: unknown) => {
      if (signal.aborted) return aborted();
      const code = codeOf(thrown);
      const problem = (kind: 'UNAVAILABLE' | 'TLS' | 'INVALID', what: string, hint?: string) =>
        new SecretError(`ERR_SECRET_${kind}`, `${subject} ${what} (${code})`, {
          provider,
          hint,
          ...applied(),
        });
      if (untrusted.test(code))
        return problem(
          'TLS',
          'offers no TLS connection that can be trusted',
          'The connection may be intercepted. For an authority of your own, give its certificate.',
        );
      if (code.startsWith('HPE_')) return problem('INVALID', 'does not answer in HTTP');
      return problem('UNAVAILABLE', 'could not be reached');
    };
    if (!URL.canParse(address)) throw unsendable();
    const { protocol, hostname, port, pathname, search } = new URL(address);
    const agent = connectionFor(protocol, !isChange && !isAgain);
    const request = protocol === 'https:' ? requestHttps : requestHttp;
    if (signal.aborted) throw aborted();
    const to: RequestOptions = {
      agent,
      protocol,
      method,
      host: hostname.replace(/^\[|\]$/g, ''),
      ...(port !== '' && { port }),
      path: pathname + search,
    };
    let outgoing: ClientRequest;
    try {
      for (const [name, value] of Object.entries(headers)) validateHeaderValue(name, value);
      outgoing = request(to);
      // no part of the options: a socket keeps those for life, and NODE_DEBUG=net prints them
      for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
      if (body !== undefined) outgoing.setHeader('content-length', Buffer.byteLength(body));
    } catch {
      // Node's error may show what it refuses
      throw unsendable();
    }
    const end = () => outgoing.destroy();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      signal.addEventListener('abort', end, { once: true });
      outgoing.on('socket', (socket) => {
        if (!socket.connecting) isSent = true;
        else
          socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', () => {
            isSent = true;
          });
      });
      outgoing.on('response', resolve);
      // stays attached: a destroyed request says so once more
      outgoing.on('error', reject);
      // Node leaves a server that wants to speak another protocol without a word
      outgoing.on('close', () => reject({ code: 'HPE_NO_ANSWER' }));
      outgoing.end(body);
    }).catch((thrown: unknown) => {
      signal.removeEventListener('abort', end);
      // the server had ended the connection before the request came
      const isStale = outgoing.reusedSocket && codeOf(thrown) === 'ECONNRESET';
      if (isStale && !signal.aborted) return undefined;
      throw failureOf(thrown);
    });
    if (answer === undefined)
      return exchange(
        { method, url: address, headers, ...(body !== undefined && { body }) },
        { signal },
        true,
      );

    async function* read(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of incoming) yield chunk as Uint8Array;
      } catch (thrown) {
        throw failureOf(thrown);
      } finally {
        signal.removeEventListener('abort', end);
      }
    }
    return {
      status: answer.statusCode ?? 0,
      headers: answer.headers,
      body: read(answer),
      end,
      unref: () => answer.socket.unref(),
    };
  }

  return {
    open: exchange,
    async send(request, limits) {
      const { status, headers, body, end } = await exchange(request, limits);
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of body) {
        size += chunk.length;
        chunks.push(chunk);
        if (size > sizeLimit) {
          end();
          throw new SecretError(
            'ERR_SECRET_INVALID',
            `${subject} answers more than ${sizeLimit} bytes`,
            {
              provider,
              storeStatus: status,
              ...(request.method !== undefined &&
                request.method !== 'GET' && { applied: 'unknown' }),
            },
          );
        }
      }
      return { status, headers, json: jsonOf(Buffer.concat(chunks)) };
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

/** Codes of a certificate check, and of a handshake that went wrong. */
const untrusted =
  /CERT|SELF_SIGNED|UNABLE_TO_|^HOSTNAME_MISMATCH$|_TLS_|_SSL_|^EPROTO$|^INVALID_CA$/;

/** The only part of an error of Node that is used. */
function codeOf(thrown: unknown): string {
  // no `instanceof`: under Jest the errors of Node are of another realm than our `Error`
  const found = String(Object(thrown).code);
  return /^[A-Z][A-Z0-9_]*$/.test(found) ? found : 'no code';
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
