/**
 * Somewhere for OpenBao's RabbitMQ engine to make users: its real leases, renewals and revocations need
 * no broker, only an answer to the few calls of the management API that it makes. What the engine
 * itself does with a real server is tested on PostgreSQL (`*.provisioned.test.ts`).
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { VaultServer } from '@keyfall/testkit';

/** The users that there are, and what becomes of the next request for one. */
export interface UserRegistry {
  readonly address: string;
  /** Names of the users that exist. */
  readonly users: ReadonlySet<string>;
  /** How many were asked for, and how many were made. */
  readonly asked: number;
  readonly made: number;
  /** While set, making a user waits for it. */
  hold: Promise<void> | undefined;
  /** While `true`, every call is answered with 500. */
  failing: boolean;
  close(): Promise<void>;
}

export async function userRegistry(): Promise<UserRegistry> {
  const users = new Set<string>();
  const server = createServer(async (request, response) => {
    request.resume();
    await once(request, 'end');
    const user = /^\/api\/users\/(.+)$/.exec(request.url ?? '')?.[1];
    if (registry.failing) return response.writeHead(500).end('{}');
    if (user !== undefined && request.method === 'PUT') {
      registry.asked += 1;
      await registry.hold;
      users.add(user);
      registry.made += 1;
    }
    if (user !== undefined && request.method === 'DELETE') users.delete(user);
    const status = request.method === 'GET' ? 200 : request.method === 'PUT' ? 201 : 204;
    return response.writeHead(status, { 'Content-Type': 'application/json' }).end('[]');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const registry = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users,
    asked: 0,
    made: 0,
    hold: undefined as Promise<void> | undefined,
    failing: false,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return registry;
}

/** A RabbitMQ engine over `registry` with a role `shop`. Returns the path of its credentials. */
export async function mountUsers(
  server: VaultServer,
  registry: UserRegistry,
  { ttl = 3_600, maxTtl = 36_000 }: { readonly ttl?: number; readonly maxTtl?: number } = {},
): Promise<string> {
  const mount = `users-${randomBytes(6).toString('hex')}`;
  await server.request('POST', `sys/mounts/${mount}`, { type: 'rabbitmq' });
  await server.request('POST', `${mount}/config/connection`, {
    connection_uri: registry.address,
    username: 'keyfall',
    password: 'management',
  });
  await server.request('POST', `${mount}/config/lease`, { ttl, max_ttl: maxTtl });
  await server.request('POST', `${mount}/roles/shop`, {
    vhosts: JSON.stringify({ '/': { read: '.*', write: '.*' } }),
  });
  return `${mount}/creds/shop`;
}

/** The ids of the leases that the server has below `path`. */
export async function leasesOf(server: VaultServer, path: string): Promise<readonly string[]> {
  const { body } = await server.request('GET', `sys/leases/lookup/${path}?list=true`, undefined, {
    allow: [404],
  });
  return (body.data?.['keys'] as string[] | undefined) ?? [];
}
