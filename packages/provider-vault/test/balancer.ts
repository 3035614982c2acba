/**
 * A TCP balancer before several servers, as operators put one before a cluster: each connection leads to
 * the next server in turn, and stays there.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Balancer {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** How many connections were opened to each server, in the order in which they were given. */
  readonly connections: readonly number[];
  /** How many connections are open. */
  readonly open: number;
  /** Leads the next connections to these servers, in turn. Those that are open stay where they are. */
  leadTo(...targets: readonly string[]): void;
  /**
   * Forgets the connections that are open, without a word, as a middlebox does with idle ones: the next
   * bytes on each are answered by a reset.
   */
  forget(): void;
  /** Resets, of the requests that come over a connection that was used before, those that this says. */
  resetReuse(decide: () => boolean): void;
  close(): Promise<void>;
}

export async function balancer(...servers: readonly string[]): Promise<Balancer> {
  let targets = servers;
  let turn = 0;
  let resets = () => false;
  const counts = servers.map(() => 0);
  const forgotten = new WeakSet<Socket>();
  const open = new Set<Socket>();
  const front = createServer((client) => {
    const target = targets[turn % targets.length] ?? '';
    turn += 1;
    const place = servers.indexOf(target);
    counts[place] = (counts[place] ?? 0) + 1;
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    open.add(client);
    let answered = false;
    const end = () => {
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    client.on('error', end).on('close', end);
    upstream.on('error', end).on('close', end);
    client.on('data', (bytes) => {
      if (forgotten.has(client) || (answered && resets())) {
        upstream.destroy();
        client.resetAndDestroy();
      } else upstream.write(bytes);
      answered = false;
    });
    upstream.on('data', (bytes) => {
      answered = true;
      client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    connections: counts,
    get open() {
      return open.size;
    },
    leadTo(...next) {
      targets = next;
      turn = 0;
    },
    forget() {
      for (const client of open) forgotten.add(client);
    },
    resetReuse(decide) {
      resets = decide;
    },
    close: () =>
      new Promise((resolve) => {
        front.close(() => resolve());
        for (const client of open) client.destroy();
      }),
  };
}
