/**
 * A real cluster for tests: three nodes with raft storage, one of which is active, whose nodes can be
 * killed, sealed, stopped and started one by one.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import { onFreePorts } from '../machine/free-port.ts';
import { type ServerProcess, serverFolder, serverProcess, until } from './server-process.ts';
import { findVaultBinary } from './vault-binary.ts';
import { serverOver, type VaultServer } from './vault-server.ts';

/** Options of {@link startVaultCluster}. */
export interface VaultClusterOptions {
  /** How many nodes. Default 3: the fewest that go on without one of them. */
  readonly size?: number | undefined;
}

const optionKinds: OptionKinds<VaultClusterOptions> = { size: 'anything' };

/**
 * A node of a {@link VaultCluster}. `stop`, `kill`, `pause` and `resume` are those of a
 * {@link VaultServer}; `restart` keeps what is stored, and waits until the node is unsealed again.
 */
export interface VaultNode extends VaultServer {
  /** Starts it after `stop` or `kill`, unseals it, and waits until it serves as active or standby. */
  start(): Promise<void>;
  /** `sys/seal` takes the active node alone: on a standby this restarts it without unsealing. */
  seal(): Promise<void>;
  /** Waits until it serves again. Does nothing to a node that is not sealed. */
  unseal(): Promise<void>;
  /** Whether it is active, by its own word. */
  isActive(): Promise<boolean>;
}

/** A running cluster. */
export interface VaultCluster {
  readonly nodes: readonly VaultNode[];
  /** The addresses of all nodes. */
  readonly addresses: readonly string[];
  /** The root token. */
  readonly token: string;
  /** Waits until one node is active, and returns it. */
  active(): Promise<VaultNode>;
  /** The nodes that are not `active`. */
  standbys(): Promise<readonly VaultNode[]>;
  /** Stops every node and removes what they stored. Safe to call twice. */
  stop(): Promise<void>;
  /** As {@link stop}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a cluster on free ports of the loopback interface, over http, initialised and unsealed with
 * one key share. Takes some 5 s. Its nodes die with the test process.
 *
 * @throws an `Error` with the end of a node's log if it does not start
 * @example
 * ```ts
 * import { startVaultCluster } from '@keyfall/testkit';
 *
 * const cluster = await startVaultCluster();
 * const active = await cluster.active();
 * await active.request('PUT', 'sys/step-down');
 * await cluster.stop();
 * ```
 */
export async function startVaultCluster(options: VaultClusterOptions = {}): Promise<VaultCluster> {
  assertOptions(options, 'startVaultCluster', optionKinds);
  const { size = 3 } = options;
  return onFreePorts((nextPort) => startOnce(size, nextPort));
}

async function startOnce(size: number, nextPort: () => Promise<number>): Promise<VaultCluster> {
  const binary = await findVaultBinary();
  const { folder, remove } = await serverFolder();
  const places: Place[] = [];
  for (let number = 0; number < size; number += 1)
    places.push({ number, port: await nextPort(), clusterPort: await nextPort() });
  const members: Member[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(({ process }) => process.end('SIGKILL')));
    await remove();
  };
  try {
    for (const place of places) members.push(await prepare(binary, folder, place, places));
    await Promise.all(members.map(({ process }) => process.start()));
    const [first, ...others] = members;
    if (first === undefined) throw new Error('A cluster needs a node.');
    const { body } = await first.ask('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    const token = String(body['root_token']);
    const [key] = body['keys'] as string[];
    const secrets = { token, key: String(key) };
    await unseal(first, secrets.key);
    await until(async () => (await stateOf(first)) === 'active', 'the first node to be active');
    const nodes = members.map((member) => nodeOver(member, secrets));
    const [leader] = nodes;
    // a node that joins has no vote until it was stable for this long (else 10 s)
    await leader?.request('POST', 'sys/storage/raft/autopilot/configuration', {
      server_stabilization_time: '1s',
    });
    await Promise.all(others.map((member) => unseal(member, secrets.key)));
    await until(
      async () => leader !== undefined && (await votersOf(leader)) === size,
      'every node to have a vote',
    );
    const active = async (): Promise<VaultNode> => {
      let found: VaultNode | undefined;
      await until(async () => {
        const states = await Promise.all(nodes.map((node) => node.isActive()));
        found = nodes[states.indexOf(true)];
        return found !== undefined;
      }, 'a node to be active');
      return found as VaultNode;
    };
    return {
      nodes,
      addresses: nodes.map(({ address }) => address),
      token,
      active,
      standbys: async () => {
        const leading = await active();
        return nodes.filter((node) => node !== leading);
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Place {
  readonly number: number;
  readonly port: number;
  readonly clusterPort: number;
}

interface Member {
  readonly address: string;
  readonly process: ServerProcess;
  /** Asks without a token. */
  ask(
    method: string,
    path: string,
    body?: unknown,
    limit?: number,
  ): Promise<{ body: Record<string, unknown> }>;
}

async function prepare(
  binary: string,
  folder: string,
  { number, port, clusterPort }: Place,
  all: readonly Place[],
): Promise<Member> {
  const address = `http://127.0.0.1:${port}`;
  const path = await mkdtemp(join(folder, `node-${number}-`));
  const config = join(folder, `node-${number}.json`);
  const others = all.filter((place) => place.number !== number);
  const configuration = {
    storage: {
      raft: {
        path,
        node_id: `node-${number}`,
        // elections in about a second, which on an idle loopback interface are as sound as slow ones
        performance_multiplier: 1,
        autopilot_reconcile_interval: '500ms',
        autopilot_update_interval: '500ms',
        ...(others.length === 0
          ? {}
          : {
              retry_join: others.map((place) => ({
                leader_api_addr: `http://127.0.0.1:${place.port}`,
              })),
            }),
      },
    },
    listener: {
      tcp: {
        address: `127.0.0.1:${port}`,
        cluster_address: `127.0.0.1:${clusterPort}`,
        tls_disable: true,
      },
    },
    api_addr: address,
    cluster_addr: `https://127.0.0.1:${clusterPort}`,
    disable_mlock: true,
    log_level: 'warn',
  };
  await writeFile(config, JSON.stringify(configuration), { mode: 0o600 });
  const ask: Member['ask'] = async (method, path, body, limit = 10_000) => {
    const answer = await fetch(`${address}/v1/${path}`, {
      method,
      signal: AbortSignal.timeout(limit),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { body: (await answer.json()) as Record<string, unknown> };
  };
  const listening = () =>
    ask('GET', 'sys/seal-status').then(
      () => true,
      () => false,
    );
  const options = { binary, args: ['server', `-config=${config}`], ready: listening };
  return { address, ask, process: serverProcess(options) };
}

/** What the node says of itself; `gone` if it says nothing. */
async function stateOf({ ask }: Member): Promise<'active' | 'standby' | 'sealed' | 'gone'> {
  try {
    const { body } = await ask('GET', 'sys/health', undefined, 1_000);
    if (body['sealed'] !== false) return 'sealed';
    return body['standby'] === false ? 'active' : 'standby';
  } catch {
    return 'gone';
  }
}

async function unseal(member: Member, key: string): Promise<void> {
  await until(async () => {
    const state = await stateOf(member);
    if (state === 'active' || state === 'standby') return true;
    // a node that has not joined its leader yet is not initialised, and refuses the key
    await member.ask('PUT', 'sys/unseal', { key }).catch(() => undefined);
    return false;
  }, `${member.address} to be unsealed`);
}

async function votersOf(node: VaultNode): Promise<number> {
  const { body } = await node.request('GET', 'sys/storage/raft/configuration');
  const config = body.data?.['config'] as { servers: readonly { voter: boolean }[] };
  return config.servers.filter(({ voter }) => voter).length;
}

function nodeOver(
  member: Member,
  { token, key }: { readonly token: string; readonly key: string },
): VaultNode {
  const { address, process } = member;
  const server = serverOver({ address, token }, process);
  const start = async (): Promise<void> => {
    await process.start();
    await unseal(member, key);
  };
  return {
    ...server,
    start,
    restart: async () => {
      await process.end('SIGTERM');
      await start();
    },
    unseal: () => unseal(member, key),
    seal: async () => {
      if ((await stateOf(member)) === 'active') await server.request('PUT', 'sys/seal');
      else {
        await process.end('SIGTERM');
        await process.start();
      }
      await until(async () => (await stateOf(member)) === 'sealed', 'the node to be sealed');
    },
    isActive: async () => (await stateOf(member)) === 'active',
  };
}
