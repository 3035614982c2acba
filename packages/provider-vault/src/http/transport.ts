/**
 * HTTP for Vault, over node:http and, once it is needed, node:https, with keep-alive agents of our own:
 * no proxy variable is read, nothing is followed unasked, one deadline bounds the whole exchange, and an
 * answer has a largest size. Never rejects; see `vault-wire.ts`.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  type RequestOptions,
  request as requestHttp,
  validateHeaderValue,
} from 'node:http';
import type { Socket } from 'node:net';
import { kindOf as kindOfResult } from '../answers/classify-result.ts';
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import { longestTimer } from '../wire/time.ts';
import {
  changes,
  type HttpRequest,
  type VaultAddress,
  type WireCall,
  type WireFailure,
  type WireRequest,
  type WireResult,
} from '../wire/vault-wire.ts';
import { codeOf, kindOf } from './connection-codes.ts';
import { rateLimiter } from './rate-limiter.ts';
import { answerOf, collect, withoutMirrors } from './read-answer.ts';
import { keptConnections } from './tls/kept-connections.ts';
import type { TunnelError, TunnelOptions } from './tls/proxy-tunnel.ts';
import type { SecureConnections } from './tls/secure-connections.ts';

/**
 * Milliseconds until an idle connection is ended by us: before a load balancer or a NAT forgets it
 * without a word, and the next request waits in vain.
 */
const longestIdle = 30_000;

/**
 * Milliseconds since its last answer for which a connection is trusted with a request that may not be sent
 * twice: if something in between has forgotten the connection, it is not known what became of the request.
 */
const longestTrust = 1_000;

/** One request, with its bounds. */
interface TransportRequest extends HttpRequest {
  readonly call: WireCall;
  /** Whether it must not be sent twice. */
  readonly isChange: boolean;
}

/** Sends requests to one server. */
export interface Transport {
  /** @param asked - what the request was built from */
  send(request: HttpRequest, asked: WireRequest, call: WireCall): Promise<WireResult>;
  close(): void;
}

/** Where and how a transport connects. */
export type TransportOptions = Pick<
  ConnectionSettings,
  'address' | 'nodes' | 'followRedirects' | 'tls' | 'proxy' | 'rateLimit'
> & {
  /** Milliseconds that an idle connection is kept. Default 30 s. */
  readonly idle?: number;
  /** Milliseconds that one is kept for requests that may not be sent twice. Default 1 s. */
  readonly trust?: number;
  /** Milliseconds before a warning says that the TLS files cannot be used. Default 1 min. */
  readonly warnAfter?: number;
};

interface Redirect {
  readonly kind: 'redirect';
  readonly status: number;
  readonly location: string;
}

/** Makes a transport. Does no I/O: TLS files are read at the first request. */
export function createTransport({
  address,
  nodes,
  followRedirects,
  tls,
  proxy,
  rateLimit,
  idle = longestIdle,
  trust = longestTrust,
  warnAfter,
}: TransportOptions): Transport {
  const http = keptConnections(() => new HttpAgent({ keepAlive: true, timeout: idle }));
  const limiter = rateLimit && rateLimiter(rateLimit);
  /** What ends each exchange that is under way. */
  const underWay = new Set<() => void>();
  let https: SecureConnections | undefined;
  let closed = false;

  async function secured(): Promise<SecureConnections> {
    const { secureConnections } = await import('./tls/secure-connections.ts');
    https ??= secureConnections({ tls, proxy }, idle, warnAfter);
    return https;
  }

  async function sendTo(
    node: VaultAddress,
    request: TransportRequest,
  ): Promise<WireResult | Redirect> {
    const { call, method, isChange } = request;
    const kept = node.secure ? await (await secured()).kept() : http;
    if ('kind' in kept) return kept;
    const notice = node.secure && https?.notice();
    if (notice) call.warn?.(notice);
    if (closed || call.signal.aborted) return failure('aborted', 'aborted', false);
    // Node copies the options several times for each request: there are none that go without saying
    const options: RequestOptions = {
      agent: kept.agent(node.origin, call.fresh ? 0 : isChange ? trust : Number.POSITIVE_INFINITY),
      path: node.prefix + request.path,
    };
    if (method !== 'GET') options.method = method;
    if (node.secure) options.protocol = 'https:';
    if (node.socketPath !== undefined) options.socketPath = node.socketPath;
    else {
      options.host = node.hostname;
      options.port = node.port;
    }
    const stamp = call.stamp?.();
    const result = await exchange(node, options, request, underWay);
    if (result.kind === 'answer') {
      kept.answered(node.origin);
      return { origin: node.origin, stamp, ...result };
    }
    // where a handshake fails while a file is broken, the file is named: that can be repaired here
    if (result.kind !== 'failure' || result.what !== 'tls') return result;
    return https?.causeOf(result.detail) ?? result;
  }

  return {
    async send(http, asked, call) {
      const kept = limiter && (await limiter.turn(call));
      if (kept) return kept;
      const request = { call, isChange: changes(asked), ...http };
      const node = call.node ?? address;
      const first = await sendTo(node, request);
      if (first.kind !== 'redirect') return first;
      const known = [address, ...nodes];
      const next = nextNode(first, request, node, known, followRedirects);
      if ('kind' in next) return next;
      const second = await sendTo(next, request);
      // one hop: a second one is a cluster that has no leader yet, or a loop; one that nothing takes is a leader that has died
      const ledOn = (where: string) => failure('led-on', where, isPassedOn(request));
      if (second.kind === 'redirect')
        return ledOn(`a node that points on to ${shownPlace(second.location, next, known)}`);
      if (kindOfResult(second) === 'connection-refused')
        return ledOn(`${next.origin}, which refuses the connection`);
      if (second.kind === 'failure' && isPassedOn(request))
        return { ...second, origin: next.origin, sent: true };
      return second.origin === undefined ? { ...second, origin: next.origin } : second;
    },
    close() {
      closed = true;
      for (const end of underWay) end();
      http.close();
      https?.close();
    },
  };
}

function headersOf(
  { headers, body, call }: TransportRequest,
  { socketPath }: VaultAddress,
): readonly (readonly [name: string, value: string])[] {
  const all: [name: string, value: string][] = Object.entries(headers);
  all.push(['Accept', 'application/json']);
  // an agent with require_request_header answers 412 without it
  all.push(['X-Vault-Request', 'true']);
  if (call.index !== undefined) {
    all.push(['X-Vault-Index', call.index]);
    // a node that has not reached it is to ask the active one
    all.push(['X-Vault-Inconsistent', 'forward-active-node']);
  }
  if (body !== undefined) {
    if (headers['Content-Type'] === undefined) all.push(['Content-Type', 'application/json']);
    all.push(['Content-Length', String(Buffer.byteLength(body))]);
  }
  if (socketPath !== undefined) all.push(['Host', 'localhost']);
  return all;
}

function failure(what: WireFailure['what'], detail: string, sent: boolean): WireFailure {
  return { kind: 'failure', what, detail, sent };
}

/**
 * The listed node that a redirect names, or why it is not followed: 307 alone (the others turn a
 * write into a read), with the same path and query, and never from https to http.
 */
function nextNode(
  { status, location }: Redirect,
  request: TransportRequest,
  from: VaultAddress,
  known: readonly VaultAddress[],
  follows: boolean,
): VaultAddress | WireFailure {
  const refused = (what: 'redirect' | 'foreign-node', sent: boolean) =>
    failure(what, shownPlace(location, from, known), sent);
  // a 303 says that it was done, and where the outcome is
  if (status !== 307) return refused('redirect', status === 303);
  const origin = originOf(location, from);
  const node = follows && known.find((candidate) => candidate.origin === origin);
  if (!node) return refused('foreign-node', isPassedOn(request));
  if (from.secure && !node.secure) return refused('redirect', false);
  // what is asked for as it stands: the origin's own spelling (a port that goes without saying) may vary
  const target = location.replace(/^https?:\/\/[^/?#]*/i, '');
  return target === node.prefix + request.path ? node : refused('redirect', false);
}

/**
 * Whether a node that points elsewhere may have had the request carried out all the same: a standby passes
 * changes on, and points to its leader where that has died before it could say so. A login, which has no
 * token, is left out: it changes nothing in what is stored.
 */
function isPassedOn({ isChange, call }: TransportRequest): boolean {
  return isChange && call.token !== undefined;
}

function originOf(location: string, from: VaultAddress): string | undefined {
  if (!URL.canParse(location, from.origin)) return undefined;
  return new URL(location, from.origin).origin;
}

/**
 * Where a redirect leads, as far as it may be shown: the server wrote it, and a name, a path or the digits
 * of IPv6 have room for the token that it was sent. An address of the settings is shown, and one of IPv4.
 */
function shownPlace(location: string, from: VaultAddress, known: readonly VaultAddress[]): string {
  const origin = originOf(location, from);
  if (origin === undefined) return 'an unreadable address';
  if ([from, ...known].some((node) => node.origin === origin)) return origin;
  return /^https?:\/\/\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?$/.test(origin) ? origin : 'another host';
}

/** One exchange on one connection, settled by whatever comes first: answer, failure, deadline, abort. */
function exchange(
  node: VaultAddress,
  options: RequestOptions,
  outgoing: TransportRequest,
  underWay: Set<() => void>,
): Promise<WireResult | Redirect> {
  const { body, call } = outgoing;
  return new Promise((resolve) => {
    let sent = false;
    let request: ClientRequest;
    let making: ClientRequest | Socket | undefined;
    const tunnel: TunnelOptions = {
      onTunnel: (part) => {
        making = part;
      },
      unattended: call.unattended === true,
    };
    const headers = headersOf(outgoing, node);
    try {
      for (const [name, value] of headers) validateHeaderValue(name, value);
      // a connection without TLS leads through no tunnel
      request = requestHttp(node.secure ? { ...options, ...tunnel } : options);
    } catch {
      // Node refuses characters in the path and in headers, and its error may show them
      resolve(failure('unsendable', 'the path, the token or the namespace', false));
      return;
    }
    // no part of the options: a socket keeps those for life, and NODE_DEBUG=net prints them
    for (const [name, value] of headers) request.setHeader(name, value);

    const settle = (result: WireResult | Redirect): void => {
      if (!underWay.delete(onAbort)) return;
      clearTimeout(timer);
      call.signal.removeEventListener('abort', onAbort);
      resolve(result);
      // an answer read to its end leaves the connection to the next request
      if (result.kind === 'answer') return;
      request.destroy();
      making?.destroy();
    };
    const fail = (what: WireFailure['what'], detail: string) => settle(failure(what, detail, sent));
    const onAbort = () => fail('aborted', 'aborted');
    const timer = setTimeout(
      () => fail('timeout', 'timed out'),
      Math.min(call.remainingTimeout(), longestTimer),
    );
    call.signal.addEventListener('abort', onAbort);
    underWay.add(onAbort);
    if (call.unattended) timer.unref();

    request.on('socket', (socket) => {
      making = undefined;
      // the agent takes it back as any other
      if (call.unattended) socket.unref();
      // a tunnel hands over a socket that is secure already
      if (request.reusedSocket || !socket.connecting) sent = true;
      else
        socket.once(node.secure ? 'secureConnect' : 'connect', () => {
          sent = true;
        });
    });
    // stays attached: a destroyed request says so once more
    request.on('error', (error: NodeJS.ErrnoException) => {
      const { failure: inTunnel } = error as Partial<TunnelError>;
      if (inTunnel) return settle(inTunnel);
      const code = codeOf(error);
      return fail(kindOf(code), code);
    });
    // Node leaves a server that wants to speak another protocol (101) without a word
    const unanswered = () => fail('malformed', 'no answer');
    request.on('close', unanswered);
    request.on('response', (response) => {
      request.off('close', unanswered);
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (status >= 300 && status < 400 && location !== undefined)
        return settle({ kind: 'redirect', status, location });
      return collect(response, fail, (text) => {
        const answer = answerOf(response, text);
        if (answer.kind === 'failure') fail(answer.what, answer.detail);
        else settle(withoutMirrors(answer, [body ?? '', ...headers.map(([, sent]) => sent)]));
      });
    });
    request.end(body);
  });
}
