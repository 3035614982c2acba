/**
 * One server with storage that is killed, or sealed, in the middle of reads, and comes back.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { memoryProvider, type Secrets } from '@keyfall/core';
import { startVaultCluster, type VaultCluster, type VaultNode } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vaultProvider } from '../../src/index.ts';
import { context, readPolicy, tokenFor } from '../harness.ts';
import { canaries, drill, path, plain, value, witnessEachTest } from './stage.ts';

let cluster: VaultCluster;
let server: VaultNode;
let mount = '';
let token = '';

beforeAll(async () => {
  cluster = await startVaultCluster({ size: 1 });
  server = await cluster.active();
  mount = await server.mountKv();
  await server.request('POST', `${mount}/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, readPolicy(mount, path)));
  canaries.push(token, cluster.token);
});
afterAll(() => cluster?.stop());
witnessEachTest();

function open(ttl: number): Secrets {
  const { address } = server;
  const vault = vaultProvider({ address, token, mount, path, env: {} });
  return drill.open({
    providers: [vault, memoryProvider({ A: plain }, { name: 'dotenv' })],
    ttl,
  });
}

/** Reads without pause until `over`, and tells what came out. */
async function readUntil(secrets: Secrets, over: () => boolean): Promise<ReadonlySet<unknown>> {
  const seen = new Set<unknown>();
  while (!over()) {
    await secrets.get('A').then(
      (text) => seen.add(text),
      (error: unknown) => {
        drill.note(error);
        seen.add(error);
      },
    );
    await wait(5); // two cores are shared with the server
  }
  return seen;
}

test.each<[string, () => Promise<void>, () => Promise<void>]>([
  ['killed and started again', () => server.kill(), () => server.start()],
  ['sealed and unsealed', () => server.seal(), () => server.unseal()],
])(
  'while a server is %s, values that were read stay readable, a new process gets an error, and all recover',
  async (_, end, begin) => {
    const before = drill.events.length;
    const warm = open(1);
    expect(await warm.get('A')).toBe(value);
    let over = false;
    const reading = readUntil(warm, () => over);
    await end();

    const cold = open(300_000);
    expect(await cold.get('A')).toBe(plain);
    const told = drill.events.slice(before).filter(({ type }) => type === 'fallback');
    expect(told).toContainEqual(
      expect.objectContaining({ reason: 'unavailable', answeredBy: 'dotenv', names: ['A'] }),
    );
    const strict = vaultProvider({ address: server.address, token, mount, path, env: {} });
    const error = await drill.errorOf(strict.read('all', context()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
    await strict.close?.();

    await begin();
    // the probe finds out by itself, and tells it
    const recoveries = () => drill.events.slice(before).filter(({ type }) => type === 'recovered');
    await expect.poll(() => recoveries().length, { timeout: 20_000 }).toBe(2);
    expect(await cold.get('A')).toBe(value);
    over = true;
    expect([...(await reading)]).toEqual([value]);
  },
);
