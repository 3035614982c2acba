import { afterAll, beforeAll, expect, test } from 'vitest';
import { startVaultCluster, type VaultCluster } from '../src/index.ts';

let cluster: VaultCluster;
beforeAll(async () => {
  cluster = await startVaultCluster();
});
afterAll(() => cluster?.stop());

test('one node is active, and the others know what is written to it', async () => {
  const active = await cluster.active();
  const standbys = await cluster.standbys();
  expect(standbys).toHaveLength(2);
  const mount = await active.mountKv();
  await active.request('POST', `${mount}/data/shop`, { data: { A: '1' } });
  for (const node of standbys) {
    // a standby hears of a mount a moment later
    await expect
      .poll(
        async () =>
          (await node.request('GET', `${mount}/data/shop`, undefined, { allow: [400, 403, 404] }))
            .body.data?.['data'],
      )
      .toEqual({ A: '1' });
  }
});

test('a node that was killed, sealed or stopped serves again, with what was stored', async () => {
  const active = await cluster.active();
  const mount = await active.mountKv();
  await active.request('POST', `${mount}/data/shop`, { data: { A: '1' } });
  await active.kill();
  const next = await cluster.active();
  expect(next.address).not.toBe(active.address);
  await active.start();
  await next.seal();
  expect((await cluster.active()).address).not.toBe(next.address);
  await next.unseal();
  await next.restart();
  const { body } = await (await cluster.active()).request('GET', `${mount}/data/shop`);
  expect(body.data?.['data']).toEqual({ A: '1' });
});
