/**
 * An HTTP relay before a real server that remembers what was sent, headers and bodies included, and
 * answers in the server's place where it is told to.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

interface RelayedRequest {
  readonly method: string;
  /** `/v1/auth/approle/login` */
  readonly path: string;
  /** `POST auth/approle/login` */
  readonly line: string;
  readonly token: string | undefined;
  readonly body: string;
}

/**
 * What becomes of a request: a status, a refusal or a body instead of the server's answer, a web page that denies
 * it, or its answer lost.
 */
export type Interference =
  | number
  | Refusal
  | object
  | 'page'
  | 'lose-answer'
  | 'reset'
  | Instead
  | undefined;

/** What a gateway answers in the place of the server, which has carried the request out or never saw it. */
export class Instead {
  readonly carriedOut: boolean;
  readonly answer: 'fin' | 'reset' | { readonly status: number; readonly body: string };
  constructor(carriedOut: boolean, answer: Instead['answer']) {
    this.carriedOut = carriedOut;
    this.answer = answer;
  }
}

/** An answer in a server's own words. */
interface Refusal {
  readonly refusedWith: number;
  readonly errors: readonly string[];
  readonly request_id?: string;
}

export interface LoginRelay {
  readonly address: string;
  readonly requests: readonly RelayedRequest[];
  /** How many requests there were of this line. */
  count(line: string): number;
  /** Asked for each request from now on. */
  interfere(decide: (request: RelayedRequest) => Interference | Promise<Interference>): void;
  close(): Promise<void>;
}

/** @param more - headers that are sent with every request besides its own */
export async function loginRelay(
  address: string,
  more: Readonly<Record<string, string>> = {},
): Promise<LoginRelay> {
  const { hostname, port } = new URL(address);
  const requests: RelayedRequest[] = [];
  let decide: Parameters<LoginRelay['interfere']>[0] = () => undefined;
  const relay = createServer(async (incoming, outgoing) => {
    const { url: path = '', method = '', headers } = incoming;
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const token = headers['x-vault-token'];
    const seen: RelayedRequest = {
      method,
      path,
      line: `${method} ${path.replace('/v1/', '')}`,
      token: typeof token === 'string' ? token : undefined,
      body: body.toString(),
    };
    requests.push(seen);
    const fate = await decide(seen);
    if (fate === 'reset') return void incoming.socket.resetAndDestroy();
    if (fate === 'page') {
      outgoing.writeHead(403, { 'Content-Type': 'text/html' });
      return void outgoing.end('<html><body>Access denied</body></html>');
    }
    if (typeof fate === 'number') {
      outgoing.writeHead(fate, { 'Content-Type': 'application/json' });
      return void outgoing.end(fate === 403 ? '{"errors":["permission denied"]}' : '{"errors":[]}');
    }
    if (typeof fate === 'object' && 'refusedWith' in fate) {
      outgoing.writeHead(fate.refusedWith, { 'Content-Type': 'application/json' });
      const { refusedWith: _, ...body } = fate;
      return void outgoing.end(JSON.stringify(body));
    }
    const answerInstead = (): void => {
      const { answer } = fate as Instead;
      if (answer === 'reset') incoming.socket.resetAndDestroy();
      else if (answer === 'fin') incoming.socket.destroy();
      else {
        outgoing.writeHead(answer.status, {
          'Content-Type': answer.body.startsWith('{') ? 'application/json' : 'text/html',
        });
        outgoing.end(answer.body);
      }
    };
    if (fate instanceof Instead && !fate.carriedOut) return answerInstead();
    if (typeof fate === 'object' && !(fate instanceof Instead))
      return void outgoing.end(JSON.stringify(fate));
    const fields = { ...headers, ...more };
    const onward = request({ hostname, port, path, method, headers: fields }, (answer) => {
      if (fate instanceof Instead) {
        answer.resume().on('end', answerInstead);
        return;
      }
      if (fate === 'lose-answer') {
        answer.resume().on('end', () => incoming.socket.resetAndDestroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => incoming.socket.destroy());
    onward.end(body);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    requests,
    count: (line) => requests.filter((request) => request.line === line).length,
    interfere(next) {
      decide = next;
    },
    async close() {
      relay.close();
      relay.closeAllConnections();
    },
  };
}
