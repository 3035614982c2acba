/**
 * TLS in front of a server: which certificate it shows can change, and it remembers whom it met.
 */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';

export interface TlsFront {
  /** `https://127.0.0.1:PORT` */
  readonly address: string;
  /** Handshakes that were tried. */
  readonly attempts: number;
  /** What came through the handshakes. */
  readonly received: string;
  /** The common name of each client's certificate and the server name that it asked for. */
  readonly peers: readonly { readonly name: string; readonly asked: string | false }[];
  /** Connections that went on with a session of an earlier one: no certificate was shown. */
  readonly resumed: number;
  readonly openConnections: number;
  /** Makes the next handshakes with other certificates or authorities. */
  become(options: TlsOptions): void;
  /** Ends every connection. */
  cut(): void;
  /** Keeps what comes until the returned function is called. */
  hold(): () => void;
  close(): void;
}

export async function tlsFront(target: string, options: TlsOptions): Promise<TlsFront> {
  const open = new Set<Socket>();
  const peers: { name: string; asked: string | false }[] = [];
  let attempts = 0;
  let resumed = 0;
  let received = '';
  let held = Promise.resolve();
  const front = createServer(options, async (socket: TLSSocket) => {
    const { subject } = socket.getPeerCertificate();
    peers.push({ name: String(subject?.CN ?? ''), asked: socket.servername || false });
    if (socket.isSessionReused()) resumed += 1;
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => socket.destroy()).pipe(socket);
    socket.on('data', async (bytes) => {
      received += bytes.toString();
      await held;
      upstream.write(bytes);
    });
  });
  front.on('tlsClientError', () => {});
  front.on('connection', (socket: Socket) => {
    attempts += 1;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    address: `https://127.0.0.1:${(front.address() as AddressInfo).port}`,
    get attempts() {
      return attempts;
    },
    get received() {
      return received;
    },
    get openConnections() {
      return open.size;
    },
    peers,
    get resumed() {
      return resumed;
    },
    become: (next) => front.setSecureContext(next),
    cut,
    hold() {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return () => release();
    },
    close() {
      front.close();
      cut();
    },
  };
}
