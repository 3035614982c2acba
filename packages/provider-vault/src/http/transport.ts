/**
 * HTTP for Vault, over node:http and, once it is needed, node:https, with keep-alive agents of our own:
 * no proxy variable is read, nothing is followed unasked, one deadline bounds the whole exchange, and an
 * answer has a largest size. Never rejects; see `vault-wire.ts`.
 */
import { isUtf8 } from 'node:buffer';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
  validateHeaderValue,
} from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import { longestTimer } from '../wire/time.ts';
import {
  changes,
  type HttpRequest,
  type VaultAddress,
  type WireAnswer,
  type WireCall,
  type WireFailure,
  type WireRequest,
  type WireResult,
} from '../wire/vault-wire.ts';
import { rateLimiter } from './rate-limiter.ts';
import { keptConnections } from './tls/kept-connections.ts';
import type { TunnelError, TunnelOptions } from './tls/proxy-tunnel.ts';
import type { SecureConnections } from './tls/secure-connections.ts';

/** Bytes. An entry on raft storage is at most 1 MiB: what is larger is no answer of a KV engine. */
const largestAnswer = 8 * 1024 * 1024;

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
    const options: RequestOptions = {
      agent: kept.agent(node.origin, call.fresh ? 0 : isChange ? trust : Number.POSITIVE_INFINITY),
      protocol: node.secure ? 'https:' : 'http:',
      method,
      path: node.prefix + request.path,
      ...(node.socketPath === undefined
        ? { host: node.hostname, port: node.port }
        : { socketPath: node.socketPath }),
    };
    const stamp = call.stamp?.();
    const result = await exchange(node, options, request, underWay);
    if (result.kind === 'answer') {
      kept.answered(node.origin);
      return stamp === undefined ? result : { ...result, stamp };
    }
    // where a handshake fails while a file is broken, the file is named: that can be repaired here
    if (result.kind !== 'failure' || result.what !== 'tls') return result;
    return https?.causeOf(result.detail) ?? result;
  }

  return {
    async send(http, asked, call) {
      const kept = await limiter?.turn(call);
      if (kept) return kept;
      const request = { ...http, call, isChange: changes(asked) };
      const node = call.node ?? address;
      const first = await sendTo(node, request);
      if (first.kind !== 'redirect') return first;
      const known = [address, ...nodes];
      const next = nextNode(first, request, node, known, followRedirects);
      if ('kind' in next) return next;
      const second = await sendTo(next, request);
      // one hop: a second one is a cluster that has no leader yet, or a loop
      if (second.kind === 'redirect')
        return failure('led-on', shownPlace(second.location, next, known), isPassedOn(request));
      if (second.kind === 'failure' && isPassedOn(request))
        return { ...second, origin: next.origin, sent: true };
      return { ...second, origin: next.origin };
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
): Record<string, string> {
  return {
    ...headers,
    Accept: 'application/json',
    // an agent with require_request_header answers 412 without it
    'X-Vault-Request': 'true',
    ...(call.index === undefined
      ? {}
      : // a node that has not reached it is to ask the active one
        { 'X-Vault-Index': call.index, 'X-Vault-Inconsistent': 'forward-active-node' }),
    ...(body === undefined
      ? {}
      : {
          'Content-Type': headers['Content-Type'] ?? 'application/json',
          'Content-Length': String(Buffer.byteLength(body)),
        }),
    ...(socketPath === undefined ? {} : { Host: 'localhost' }),
  };
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
    const headers = Object.entries(headersOf(outgoing, node));
    try {
      for (const [name, value] of headers) validateHeaderValue(name, value);
      request = requestHttp({ ...options, ...tunnel });
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

/** Reads a body to its end, or fails with why there is none. */
function collect(
  response: IncomingMessage,
  fail: (what: WireFailure['what'], detail: string) => void,
  done: (body: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > largestAnswer) fail('too-large', `over ${largestAnswer} bytes`);
    else chunks.push(chunk);
  });
  response.on('end', () => {
    if (response.complete) done(Buffer.concat(chunks));
    else fail('unreachable', 'ECONNRESET');
  });
  response.on('error', (error: NodeJS.ErrnoException) =>
    fail('unreachable', error.code ?? 'ECONNRESET'),
  );
}

/**
 * The answer without an id of the request that is a part of what was sent: a secret id and some tokens look
 * like one, and the id is shown.
 */
function withoutMirrors(answer: WireAnswer, sent: readonly string[]): WireAnswer {
  const id = answer.body?.['request_id'];
  if (typeof id !== 'string' || !sent.some((text) => text.includes(id))) return answer;
  return { ...answer, body: { ...answer.body, request_id: undefined } };
}

function answerOf(response: IncomingMessage, bytes: Buffer): WireAnswer | WireFailure {
  const status = response.statusCode ?? 0;
  const success = status >= 200 && status < 300;
  let text = '';
  let body: WireAnswer['body'];
  try {
    if (isUtf8(bytes)) text = bytes.toString('utf8');
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      body = parsed as WireAnswer['body'];
  } catch {
    // judged below: the parser's own message quotes the text
  }
  const mayBeEmpty = status === 202 || status === 204;
  if (success && body === undefined && !mayBeEmpty)
    return failure('malformed', `status ${status} without a JSON object`, true);
  const index = response.headers['x-vault-index'];
  return {
    kind: 'answer',
    status,
    text,
    body,
    retryAfter: retryAfterOf(response),
    index: typeof index === 'string' ? index : undefined,
  };
}

/** `Retry-After` in milliseconds: seconds are all that Vault sends. A hundred years are as good as more. */
function retryAfterOf(response: IncomingMessage): number | undefined {
  const seconds = response.headers['retry-after'];
  if (seconds === undefined || !/^\d+$/.test(seconds)) return undefined;
  return Math.min(Number(seconds), 3_155_760_000) * 1_000;
}

/** TLS alerts (RFC 8446, section 6) that say which side has to change something. */
const alerts: Readonly<Record<string, string>> = {
  '40': 'HANDSHAKE_FAILURE',
  '42': 'BAD_CERTIFICATE',
  '48': 'UNKNOWN_CA',
  '70': 'PROTOCOL_VERSION',
  '116': 'CERTIFICATE_REQUIRED',
};

/**
 * Node's code. Where a write meets what OpenSSL has to say, the code is EPROTO whatever it was, and
 * only the message says which: a number and whether it has a text are taken from it, nothing else.
 */
function codeOf({ code = 'no code', message }: NodeJS.ErrnoException): string {
  if (code !== 'EPROTO') return code;
  const [, alert] = /SSL alert number (\d{1,3})/.exec(message) ?? [];
  if (alert !== undefined) return `ERR_SSL_ALERT_${alerts[alert] ?? alert}`;
  // a peer that does not speak TLS at all
  return /wrong version number|packet length too long/.test(message)
    ? 'ERR_SSL_WRONG_VERSION_NUMBER'
    : code;
}

/** Codes of a certificate check, and of a handshake that went wrong. */
const tlsCode =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|ERROR_IN_)/;

function kindOf(code: string): WireFailure['what'] {
  if (tlsCode.test(code)) return 'tls';
  // llhttp's codes: what came is not HTTP
  return code.startsWith('HPE_') ? 'malformed' : 'unreachable';
}
