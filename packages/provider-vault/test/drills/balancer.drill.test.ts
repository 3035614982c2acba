/**
 * A cluster of three behind a balancer that does not watch its nodes: it leads each connection to the next one,
 * also to one that is sealed, stopped or without a leader. Applications that know the balancer's address alone
 * go on reading, and do not stay at a node that has become of no use.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { startVaultCluster, type VaultCluster } from '@keyfall/testkit';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { vaultProvider } from '../../src/index.ts';
import { type Balancer, balancer } from '../balancer.ts';
import { context, readPolicy } from '../harness.ts';
import { canaries, drill, endings, path, value, witnessEachTest } from './stage.ts';

let cluster: VaultCluster;
let front: Balancer;
let mount = '';
let token = '';

beforeAll(async () => {
  cluster = await startVaultCluster();
  const active = await cluster.active();
  mount = await active.mountKv();
  await active.request('POST', `${mount}/data/${path}`, { data: { A: value } });
  const policy = await active.createPolicy(readPolicy(mount, path));
  ({ token } = await active.createToken({ policies: ['default', policy] }));
  canaries.push(cluster.token, token);
  // a standby hears of a fresh mount and of a token a moment later
  for (const node of cluster.nodes)
    await vi.waitUntil(async () => {
      const options = { token, allow: [400, 403, 404] };
      const { status } = await node.request('GET', `${mount}/data/${path}`, undefined, options);
      return status === 200;
    }, 10_000);
});
afterAll(() => cluster?.stop());
witnessEachTest();
beforeEach(async () => {
  front = await balancer(...cluster.addresses);
  endings.push(() => front.close());
});

/** How many connections in a row the balancer may lead to the one node that is of no use, by chance. */
const byChance = 4;

/**
 * Applications that read without a pause while `disturb` runs and for some reads after it, a hundred times at
 * least: a slow machine reads seldom meanwhile. None of them stays at a node that is of no use: its reads fail
 * for as long as the balancer leads it there, and no longer.
 */
async function readWhile(disturb: () => Promise<void>): Promise<void> {
  let over = false;
  const applications = [1, 2, 3].map(async () => {
    const provider = vaultProvider({ address: front.address, token, mount, path, env: {} });
    let [longest, streak, failed, reads, left] = [0, 0, 0, 0, 20];
    while (left > 0 || reads < 100) {
      if (over) left -= 1;
      reads += 1;
      try {
        const entry = (await provider.read('all', context({ limit: 2_500 }))).entries.get('A');
        expect(entry).toMatchObject({ value });
        streak = 0;
      } catch (error) {
        drill.note(error);
        failed += 1;
        streak += 1;
        longest = Math.max(longest, streak);
      }
      await wait(10);
    }
    await provider.close?.();
    return { reads, failed, longest, streak };
  });
  await disturb();
  over = true;
  for (const { reads, failed, longest, streak } of await Promise.all(applications)) {
    expect(streak).toBe(0);
    expect(longest).toBeLessThanOrEqual(byChance);
    expect(failed).toBeLessThan(reads / 10);
  }
}

test('a standby is sealed, stays in the rotation, and is unsealed', async () => {
  await readWhile(async () => {
    const [standby] = await cluster.standbys();
    await standby?.seal();
    await wait(1_000);
    await standby?.unseal();
  });
});

test('the leader steps down', async () => {
  await readWhile(async () => {
    const active = await cluster.active();
    await active.request('PUT', 'sys/step-down');
    await cluster.active();
  });
});

test('a standby is killed, and comes back', async () => {
  await readWhile(async () => {
    const [standby] = await cluster.standbys();
    await standby?.kill();
    await wait(1_000);
    await standby?.start();
  });
});

test('the leader is sealed, and unsealed', async () => {
  await readWhile(async () => {
    const active = await cluster.active();
    await active.seal();
    await cluster.active();
    await active.unseal();
  });
});
