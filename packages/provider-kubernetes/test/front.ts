/**
 * What `kubectl proxy` is: plain HTTP on this machine, passed on to the API; and what no API answers on demand.
 */
import { createServer, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is answered instead of the API; `undefined` passes the request on. */
type Instead = (request: IncomingMessage) => Reply | 'silence' | undefined;

export interface Front {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** The method and path of each request, in order, and its `authorization`. */
  readonly seen: { readonly what: string; readonly authorization: string | undefined }[];
  answer(instead: Instead | undefined): void;
  /** From now on every request is passed on with a token that the API does not know. */
  forgetTokens(): void;
  /** Ends the connections, also those of watches. */
  cut(): void;
  /** Ends the connections, and takes no new one. */
  close(): Promise<void>;
}

/** An error as Kubernetes answers it. */
export function statusReply(code: number, reason: string): Reply {
  const body = JSON.stringify({ kind: 'Status', status: 'Failure', code, reason, message: reason });
  return { status: code, body, headers: { 'content-type': 'application/json' } };
}

export async function startFront(target?: { address: string; ca: string }): Promise<Front> {
  let instead: Instead | undefined;
  let isForgetful = false;
  const seen: Front['seen'] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    seen.push({ what: `${method} ${url}`, authorization: headers.authorization });
    const own = instead?.(incoming);
    if (own === 'silence') return;
    if (own !== undefined) return void outgoing.writeHead(own.status, own.headers).end(own.body);
    if (target === undefined) return void incoming.socket.destroy();
    const send = target.address.startsWith('https:') ? requestHttps : requestHttp;
    if (isForgetful) headers.authorization = 'Bearer unknown';
    const passed = send(`${target.address}${url}`, { method, headers, ca: target.ca }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer(given) {
      instead = given;
    },
    forgetTokens() {
      isForgetful = true;
    },
    cut: () => server.closeAllConnections(),
    async close() {
      if (!server.listening) return;
      const closed = new Promise((resolve) => void server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
