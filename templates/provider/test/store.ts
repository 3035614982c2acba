/**
 * The store, for tests. Replace it by the real one, started here, wherever one can be had; what no real
 * one does on demand stays a real socket that does it.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running store. */
export interface Store {
  readonly address: string;
  /** The token that it knows, until `forgetToken`. */
  readonly token: string;
  /** What it holds. */
  readonly values: Map<string, unknown>;
  /** Answers like this from now on, instead of with the values. */
  answer(how: (response: ServerResponse) => void): void;
  forgetToken(): void;
  /** Ends every connection and refuses new ones. */
  stop(): Promise<void>;
  /** Answers again at the same address. */
  start(): Promise<void>;
}

/** Starts a store that holds `values`, on a free port of the loopback interface. */
export async function startStore(values: ReadonlyMap<string, unknown>): Promise<Store> {
  const held = new Map<string, unknown>(values);
  const token = `token-${crypto.randomUUID()}`;
  let known: string | undefined = token;
  let answer = (response: ServerResponse): void => {
    const pairs = [...held].map(
      ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
    );
    response.end(`{${pairs.join(',')}}`);
  };
  const server = createServer((request, response) => {
    if (request.headers.authorization === `Bearer ${known}`) return answer(response);
    response.writeHead(401).end();
  });
  const start = (port: number) =>
    new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  await start(0);
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/shop`,
    token,
    values: held,
    answer(how) {
      answer = how;
    },
    forgetToken() {
      known = undefined;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    start: () => start(port),
  };
}
