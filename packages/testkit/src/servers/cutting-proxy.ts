/**
 * A network that misbehaves in front of a real server: connections are cut in the middle of an
 * answer, answers get lost after the server has acted, the line goes dark and comes back.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';

/** What happens to the connections through a {@link CuttingProxy}. */
export type LineState =
  /** Bytes go through. */
  | { readonly kind: 'pass' }
  /** Each connection ends after this many more bytes of answers: FIN (default) or RST. */
  | { readonly kind: 'cut'; readonly after: number; readonly how?: 'fin' | 'reset' }
  /**
   * Requests reach the server, and as soon as it answers the connection ends without the answer:
   * the client cannot know whether the server has acted, and it has.
   */
  | { readonly kind: 'drop-answers'; readonly how?: 'fin' | 'reset' | 'hang' }
  /** Nothing goes through in either direction, and neither end notices. What is sent waits on the line. */
  | { readonly kind: 'dark' }
  /** Answers go through one byte at a time, one every so many milliseconds. */
  | { readonly kind: 'trickle'; readonly every: number };

/** A TCP proxy whose line can be set. */
export interface CuttingProxy {
  /** Like the target, with the proxy's own host and port. */
  readonly address: string;
  /** Sets the line, for connections that are open and for new ones. */
  set(state: LineState): void;
  /** How many connections were opened so far. */
  readonly connections: number;
  /** How many bytes of requests went through to the target. */
  readonly bytesSent: number;
  /** How many answers were dropped: that many requests did reach the server. */
  readonly answersDropped: number;
  /** How many bytes of answers went through one by one. */
  readonly bytesTrickled: number;
  /** Ends every connection and stops. Safe to call twice. */
  close(): Promise<void>;
}

/** Options of {@link cuttingProxy}. */
export interface CuttingProxyOptions {
  /** The address of the real server, with its port. */
  readonly target: string;
  /** What happens to connections at first. Default: bytes go through. */
  readonly state?: LineState | undefined;
}

const optionKinds: OptionKinds<CuttingProxyOptions> = { target: 'text', state: 'an object' };

/**
 * Starts a proxy on a free port of the loopback interface.
 *
 * @param options - `target`: the server's address, `http://HOST:PORT`; `state`: default `pass`
 * @example
 * ```ts
 * import { cuttingProxy, startVaultServer } from '@keyfall/testkit';
 *
 * const server = await startVaultServer();
 * const proxy = await cuttingProxy({ target: server.address });
 * proxy.set({ kind: 'cut', after: 100, how: 'reset' });
 * ```
 */
export async function cuttingProxy(options: CuttingProxyOptions): Promise<CuttingProxy> {
  assertOptions(options, 'cuttingProxy', optionKinds);
  const target = new URL(options.target);
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
  const host = target.hostname.replace(/^\[|\]$/g, '');
  let state: LineState = options.state ?? { kind: 'pass' };
  let connections = 0;
  let bytesSent = 0;
  let answersDropped = 0;
  let bytesTrickled = 0;
  const lines = new Set<Line>();

  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(port, host);
    const line: Line = { client, upstream, answered: 0, hurry: () => {} };
    lines.add(line);
    const finish = (): void => {
      line.hurry();
      client.destroy();
      upstream.destroy();
      lines.delete(line);
    };
    client.on('error', finish).on('close', finish);
    upstream.on('error', () => client.resetAndDestroy()).on('close', () => client.end());
    client.on('data', (bytes) => {
      bytesSent += bytes.length;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (state.kind === 'drop-answers') {
        answersDropped += 1;
        end(line, state.how ?? 'fin');
        return;
      }
      if (state.kind === 'trickle') {
        trickle(line, bytes, state.every, () => {
          bytesTrickled += 1;
        });
        return;
      }
      const left = state.kind === 'cut' ? state.after - line.answered : bytes.length;
      line.answered += bytes.length;
      if (bytes.length < left || state.kind !== 'cut') client.write(bytes);
      else {
        const { how = 'fin' } = state;
        upstream.pause();
        client.write(bytes.subarray(0, left), () => end(line, how));
      }
    });
    if (state.kind === 'dark') darken(line);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const listening = (server.address() as AddressInfo).port;

  return {
    address: `${target.protocol}//127.0.0.1:${listening}`,
    set(next) {
      state = next;
      for (const line of lines) {
        line.answered = 0;
        line.hurry();
        if (state.kind === 'dark') darken(line);
        else {
          line.client.resume();
          line.upstream.resume();
        }
      }
    },
    get connections() {
      return connections;
    },
    get bytesSent() {
      return bytesSent;
    },
    get answersDropped() {
      return answersDropped;
    },
    get bytesTrickled() {
      return bytesTrickled;
    },
    close: () =>
      new Promise((resolve) => {
        for (const { client, upstream } of lines) {
          client.destroy();
          upstream.destroy();
        }
        server.close(() => resolve());
      }),
  };
}

interface Line {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Bytes of answers since the line's state was set. */
  answered: number;
  /** Ends a trickle: what is left of it goes through at once. */
  hurry: () => void;
}

function darken({ client, upstream }: Line): void {
  client.pause();
  upstream.pause();
}

function end({ client, upstream }: Line, how: 'fin' | 'reset' | 'hang'): void {
  upstream.removeAllListeners('close').destroy();
  if (how === 'fin') client.end();
  else if (how === 'reset') client.resetAndDestroy();
}

function trickle(line: Line, bytes: Buffer, every: number, onByte: () => void): void {
  const { client, upstream } = line;
  // what came before it goes first
  line.hurry();
  let at = 0;
  const timer = setInterval(() => {
    client.write(bytes.subarray(at, at + 1));
    at += 1;
    onByte();
    if (at >= bytes.length) line.hurry();
  }, every);
  upstream.pause();
  line.hurry = () => {
    line.hurry = () => {};
    clearInterval(timer);
    if (client.writable && at < bytes.length) client.write(bytes.subarray(at));
    upstream.resume();
  };
}
