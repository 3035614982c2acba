/**
 * Real sockets that misbehave, for the failures that no real server makes on demand.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type ReceivedRequest, takeRequests } from './http-requests.ts';

/** How a {@link FaultyServer} answers each request. */
export type Fault =
  /** Takes the request and never answers. */
  | { readonly kind: 'black-hole' }
  /** Answers one byte every `interval` milliseconds (default 50), without end. `part`: in a header or in the body (default). */
  | {
      readonly kind: 'slow-loris';
      readonly interval?: number;
      readonly part?: 'head' | 'body';
    }
  /** Answers 200 with a JSON text that never ends, as fast as the client takes it. */
  | { readonly kind: 'flood' }
  /** Announces a whole answer, sends `after` bytes of it (default 100) and ends: FIN. */
  | { readonly kind: 'cut'; readonly after?: number }
  /** As `cut`, but resets: RST. Default of `after`: 0, before any answer. */
  | { readonly kind: 'reset'; readonly after?: number }
  /** Sends the client elsewhere. Default status: 307. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }
  /** Answers bytes that are no HTTP, and ends. */
  | { readonly kind: 'garbage' }
  /** Answers 200 with a web page, as captive portals and proxies do. */
  | { readonly kind: 'html' }
  /** Answers 200 with a whole body that is half of a JSON text. */
  | { readonly kind: 'truncated-json' }
  /** Answers 200 with the JSON text `null`. */
  | { readonly kind: 'null-json' }
  /** Answers this status. `body`: text as it is, anything else as JSON. Default: `{"errors":[]}`. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** A server that misbehaves. */
export interface FaultyServer {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** The requests that came whole, first first. */
  readonly requests: readonly ReceivedRequest[];
  /** Every byte that came, as text: where nothing may have been sent, look here. */
  received(): string;
  /** How many connections were opened so far. */
  readonly connections: number;
  /** How many of them are open. */
  readonly openConnections: number;
  /** Misbehaves in another way from the next request on. */
  become(fault: Fault): void;
  /** Ends every connection and stops. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts a server on a free port of the loopback interface.
 *
 * @example
 * ```ts
 * import { faultyServer } from '@keyfall/testkit';
 *
 * const elsewhere = await faultyServer({ kind: 'status', status: 200 });
 * const server = await faultyServer({ kind: 'redirect', location: elsewhere.address });
 * // ... after the client's call: elsewhere.received() must be ''
 * ```
 */
export async function faultyServer(fault: Fault): Promise<FaultyServer> {
  let current = fault;
  let connections = 0;
  const requests: ReceivedRequest[] = [];
  const received: Buffer[] = [];
  const open = new Set<Socket>();

  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes);
      const taken = takeRequests(Buffer.concat([rest, bytes]));
      rest = taken.rest;
      for (const request of taken.requests) {
        requests.push(request);
        misbehave(socket, current);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    address: `http://127.0.0.1:${port}`,
    requests,
    received: () => Buffer.concat(received).toString(),
    get connections() {
      return connections;
    },
    get openConnections() {
      return open.size;
    },
    become(next) {
      current = next;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => {
          open.clear(); // their close events may come later
          resolve();
        });
      }),
  };
}

function misbehave(socket: Socket, fault: Fault): void {
  const json = (body: string): void => void socket.write(answer(200, body));
  switch (fault.kind) {
    case 'black-hole':
      break;
    case 'slow-loris':
      drip(socket, fault.part ?? 'body', fault.interval ?? 50);
      break;
    case 'flood':
      flood(socket);
      break;
    case 'cut':
      socket.end(wholeAnswer().subarray(0, fault.after ?? 100));
      break;
    case 'reset':
      socket.write(wholeAnswer().subarray(0, fault.after ?? 0), () => socket.resetAndDestroy());
      break;
    case 'redirect':
      socket.write(answer(fault.status ?? 307, '', { location: fault.location }));
      break;
    case 'garbage':
      socket.end(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x80]));
      break;
    case 'html': {
      const page = '<!doctype html><title>Sign in</title><p>Sign in to the network.';
      socket.write(answer(200, page, { 'content-type': 'text/html' }));
      break;
    }
    case 'truncated-json':
      json('{"data":{"data":{"ALPHA":"half of a va');
      break;
    case 'null-json':
      json('null');
      break;
    case 'status': {
      const { status, body = { errors: [] }, headers } = fault;
      socket.write(answer(status, typeof body === 'string' ? body : JSON.stringify(body), headers));
      break;
    }
  }
}

function answer(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const bodiless = status === 204 || status === 304;
  const all = {
    'content-type': 'application/json',
    ...(bodiless ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n${bodiless ? '' : body}`);
}

/** Some 4 KB, so that there is something to cut. */
function wholeAnswer(): Buffer {
  return answer(200, JSON.stringify({ data: { data: { FILLER: 'filler '.repeat(600) } } }));
}

function drip(socket: Socket, part: 'head' | 'body', interval: number): void {
  socket.write(
    part === 'head'
      ? 'HTTP/1.1 200 OK\r\nx-slow: '
      : 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{"data":"',
  );
  const timer = setInterval(() => socket.write('x'), interval);
  socket.once('close', () => clearInterval(timer));
}

function flood(socket: Socket): void {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const framed = Buffer.concat([
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  socket.write(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{"data":"\r\n',
  );
  const pour = (): void => {
    while (!socket.destroyed && socket.write(framed)) {}
  };
  socket.on('drain', pour);
  pour();
}
