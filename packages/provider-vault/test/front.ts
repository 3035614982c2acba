/**
 * A TCP front before a server, so that the address a provider was given can lead to something else
 * later: to a server that misbehaves, or to nothing.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Front {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly port: number;
  /** Leads new connections to `address` and ends those that are open. */
  leadTo(address: string): void;
  /** Refuses connections. */
  refuse(): Promise<void>;
  /** Takes connections again. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

export async function frontOf(address: string): Promise<Front> {
  let target = Number(new URL(address).port);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => {
          open.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    client.pipe(upstream).pipe(client);
  });
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const refuse = async () => {
    cut();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    address: `http://127.0.0.1:${port}`,
    port,
    leadTo(other) {
      target = Number(new URL(other).port);
      cut();
    },
    refuse,
    accept: () => listen(server, port),
    close: refuse,
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
}
