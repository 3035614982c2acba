/**
 * A cluster of three that loses its leader, its quorum, or one node after the other, under load: no
 * wrong answer, and no failed read where a node with a quorum or a last good value is left.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { memoryProvider, type Secrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { startVaultCluster, type VaultCluster } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { appRoleAuth, vaultProvider } from '../../src/index.ts';
import { frontOf } from '../front.ts';
import { context, eventually, readPolicy, relayTo, writePolicy } from '../harness.ts';
import { canaries, drill, endings, value as mark, path, witnessEachTest } from './stage.ts';

let cluster: VaultCluster;
let mount = '';
let reader = '';
let editor = '';

beforeAll(async () => {
  cluster = await startVaultCluster();
  const active = await cluster.active();
  mount = await active.mountKv();
  const tokenOf = async (rules: string) => {
    const policy = await active.createPolicy(rules);
    return (await active.createToken({ policies: ['default', policy] })).token;
  };
  reader = await tokenOf(readPolicy(mount, path));
  editor = await tokenOf(writePolicy(mount, path));
  canaries.push(cluster.token, reader, editor);
  await write(providerOf(editor), 0);
  // a standby hears of a fresh mount a moment later
  for (const node of cluster.nodes)
    await vi.waitUntil(async () => {
      const allow = [400, 403, 404];
      const { status } = await node.request('GET', `${mount}/data/${path}`, undefined, { allow });
      return status === 200;
    }, 10_000);
});
afterAll(() => cluster?.stop());
witnessEachTest();

const consistency = { readYourWrites: true };

/** A provider that begins with the node of this number. */
function providerOf(token: string, first = 0): SecretProvider {
  const { addresses } = cluster;
  const [address = '', ...nodes] = [...addresses.slice(first), ...addresses.slice(0, first)];
  const provider = vaultProvider({ address, nodes, token, mount, path, consistency, env: {} });
  endings.push(() => provider.close?.());
  return provider;
}

const write = async (provider: SecretProvider, count: number, limit?: number) =>
  provider.write?.(
    { entries: new Map([['COUNT', `${mark}.${count}`]]) },
    context(limit === undefined ? {} : { limit }),
  );
const countOf = (value: string) => Number(value.slice(mark.length + 1));

interface Load {
  /** What was read, by those who go on reading and by those who have just started. */
  readonly warm: readonly number[];
  readonly cold: readonly number[];
  readonly failures: readonly string[];
  /** The newest write that was confirmed. */
  readonly written: number;
  /** Stops writers and readers. */
  stop(): Promise<void>;
}

let counter = 0;

/**
 * One who writes 1, 2, 3, … as often as it can, one application that reads without pause, and one that
 * starts anew for each read, at another node each time.
 */
function load(): Load {
  const warm: number[] = [];
  const cold: number[] = [];
  const failures: string[] = [];
  let written = 0;
  let going = true;
  const repeat = async (work: () => Promise<void>): Promise<void> => {
    while (going) {
      await work();
      await wait(10); // as often as an application might, so that two cores can keep up
    }
  };
  const writer = providerOf(editor);
  const application = drill.open({ providers: [providerOf(reader)], ttl: 1 });
  const read = async (secrets: Secrets, into: number[], who: string) => {
    try {
      into.push(countOf(await secrets.get('COUNT')));
    } catch (error) {
      drill.note(error);
      failures.push(`${who}: ${String(error)}`);
    }
  };
  let starts = 0;
  const done = Promise.all([
    repeat(async () => {
      counter += 1;
      const count = counter;
      try {
        await write(writer, count);
        written = count;
      } catch (error) {
        drill.note(error);
      }
    }),
    repeat(() => read(application, warm, 'warm')),
    repeat(async () => {
      starts += 1;
      const secrets = drill.open({ providers: [providerOf(reader, starts % 3)] });
      await read(secrets, cold, 'cold');
      await secrets.close();
    }),
  ]);
  return {
    warm,
    cold,
    failures,
    get written() {
      return written;
    },
    async stop() {
      going = false;
      await done;
    },
  };
}

/** Runs `disturb` under load, and until writes succeed again after it. */
async function underLoad(disturb: () => Promise<void>): Promise<Load> {
  const running = load();
  await expect.poll(() => running.written, { timeout: 20_000 }).toBeGreaterThan(0);
  await disturb();
  const before = counter;
  await expect.poll(() => running.written, { timeout: 30_000 }).toBeGreaterThan(before);
  await running.stop();
  return running;
}

/** Nothing failed, everything is something that was written, and nothing went back in time. */
function expectSound({ warm, cold, failures }: Load): void {
  expect(failures).toEqual([]);
  expect(warm.length).toBeGreaterThan(0);
  expect(cold.length).toBeGreaterThan(0);
  expect([...warm, ...cold].filter((count) => !(count >= 0 && count <= counter))).toEqual([]);
  expect(warm.filter((count, at) => count < (warm[at - 1] ?? 0))).toEqual([]);
}

test('read your own writes: through a balancer that reads elsewhere than it wrote', async () => {
  const front = await frontOf((await cluster.active()).address);
  endings.push(() => front.close());
  const options = { address: front.address, token: editor, mount, path, env: {} };
  const provider = vaultProvider({ ...options, consistency });
  endings.push(() => provider.close?.());
  const wrong: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    counter += 1;
    const count = counter;
    // on a busy machine another may become the leader meanwhile
    await eventually(async () => {
      front.leadTo((await cluster.active()).address);
      await write(provider, count);
    });
    const standbys = await cluster.standbys();
    front.leadTo(standbys[round % standbys.length]?.address ?? '');
    const entry = (await provider.read('all', context())).entries.get('COUNT');
    const read = entry && 'value' in entry ? countOf(entry.value) : -1;
    if (read !== count) wrong.push(`${read} instead of ${count}`);
  }
  expect(wrong).toEqual([]);
});

test('a standby that points to the leader: followed where it is listed, and the token sent nowhere else', async () => {
  const [active, [standby]] = [await cluster.active(), await cluster.standbys()];
  // as standbys do by themselves for some seconds after they have joined
  const pointing = await relayTo(standby?.address ?? '', () => 'pass', {
    'X-Vault-No-Request-Forwarding': 'true',
  });
  endings.push(pointing.close);
  const address = pointing.address;
  const open = (nodes: readonly string[]) => {
    const options = {
      address,
      nodes,
      token: editor,
      mount,
      path,
      kvVersion: 2,
      consistency,
      env: {},
    } as const;
    const provider = vaultProvider({ ...options, retry: { max: 0 } });
    endings.push(() => provider.close?.());
    return provider;
  };
  const listed = open([active.address]);
  counter += 1;
  const receipt = await write(listed, counter);
  const { body } = await active.request('GET', `${mount}/data/${path}`);
  expect(body.data).toMatchObject({
    data: { COUNT: `${mark}.${counter}` },
    metadata: { version: Number(receipt?.version) },
  });
  // else it is a conflict: the standby has the version before yet, and somebody wrote another
  await eventually(async () => {
    const own = await standby?.request('GET', `${mount}/data/${path}`);
    expect(own?.body.data).toMatchObject({ metadata: { version: Number(receipt?.version) } });
  });
  const error = await drill.errorOf(write(open([]), counter + 1, 2_500));
  expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(error.message).toContain(`points to ${active.address}`);
});

test('the leader steps down', async () => {
  const done = await underLoad(async () => {
    const active = await cluster.active();
    await active.request('PUT', 'sys/step-down');
    await cluster.active();
  });
  expectSound(done);
});

test('applications that start and log in while another leader is chosen read from the store, and do not fall back', async () => {
  const first = await cluster.active();
  const policy = await first.createPolicy(readPolicy(mount, path));
  await first.request('POST', 'sys/auth/drilled', { type: 'approle' });
  await first.request('POST', 'auth/drilled/role/shop', { token_policies: policy });
  const { body: role } = await first.request('GET', 'auth/drilled/role/shop/role-id');
  const roleId = String(role.data?.['role_id']);
  for (let round = 0; round < 4; round += 1) {
    const active = await cluster.active();
    const { body } = await active.request('POST', 'auth/drilled/role/shop/secret-id', {
      num_uses: 1,
    });
    const secretId = String(body.data?.['secret_id']);
    canaries.push(secretId);
    const [address = '', ...nodes] = (await cluster.standbys()).map((node) => node.address);
    await active.request('PUT', 'sys/step-down');
    const auth = appRoleAuth({ roleId, secretId, mount: 'drilled' });
    const options = {
      address,
      nodes: [...nodes, active.address],
      auth,
      mount,
      path,
      consistency,
      env: {},
    };
    // as long as a busy machine may need for an election
    const [timeout, budget] = ['9s', '12s'] as const;
    const secrets = drill.open({
      providers: [
        { provider: vaultProvider(options), timeout },
        memoryProvider({ COUNT: 'plain' }, { name: 'dotenv' }),
      ],
      budget,
    });
    expect(await secrets.get('COUNT')).not.toBe('plain');
    await secrets.close();
  }
  expect(drill.events.filter(({ type }) => type === 'fallback')).toEqual([]);
}, 60_000);

test('the leader is killed, and comes back', async () => {
  const done = await underLoad(async () => {
    const active = await cluster.active();
    await active.kill();
    await cluster.active();
    await active.start();
  });
  expectSound(done);
});

test('the leader is sealed, and unsealed', async () => {
  const done = await underLoad(async () => {
    const active = await cluster.active();
    await active.seal();
    await cluster.active();
    await active.unseal();
  });
  expectSound(done);
});

test('the leader stands still, and wakes up believing that it is the leader', async () => {
  const done = await underLoad(async () => {
    const active = await cluster.active();
    await active.pause();
    await cluster.active();
    await active.resume();
  });
  expectSound(done);
}, 60_000);

test('chains that begin at a node that is just being unsealed have what was written before', async () => {
  const [standby] = await cluster.standbys();
  if (standby === undefined) throw new Error('no standby');
  await standby.seal();
  const running = load();
  await expect.poll(() => running.written, { timeout: 20_000 }).toBeGreaterThan(counter - 5);
  const older: string[] = [];
  let answers = 0;
  let waking = true;
  const starts = (async () => {
    while (waking || answers < 30) {
      const confirmed = running.written;
      const secrets = drill.open({
        providers: [
          vaultProvider({
            address: standby.address,
            token: reader,
            mount,
            path,
            consistency,
            env: {},
            retry: { max: 0 },
          }),
        ],
      });
      try {
        const count = countOf(await secrets.get('COUNT'));
        answers += 1;
        if (count < confirmed) older.push(`${count} instead of ${confirmed}`);
      } catch (error) {
        drill.note(error); // it is sealed yet
      }
      await secrets.close();
    }
  })();
  await standby.unseal();
  waking = false;
  await starts;
  await running.stop();
  expect(older).toEqual([]);
  expect(running.failures).toEqual([]);
}, 60_000);

test('all nodes are restarted one by one', async () => {
  const done = await underLoad(async () => {
    for (const node of cluster.nodes) {
      await node.restart();
      await cluster.active();
    }
  });
  expectSound(done);
}, 60_000);

test('doctor reports each node, and continues with one that works', async () => {
  const [first] = cluster.nodes;
  await first?.kill();
  const active = await cluster.active();
  const checks = (await providerOf(reader).check?.(context())) ?? [];
  drill.note(checks);
  const nodes = checks.filter(({ subject }) => subject === 'node');
  expect(nodes).toHaveLength(3);
  expect(nodes.filter(({ state }) => state === 'failing')).toMatchObject([
    { message: `${first?.address} refused the connection` },
  ]);
  expect(nodes.filter(({ message }) => message.endsWith(' is the active node'))).toMatchObject([
    { message: expect.stringContaining(active.address) },
  ]);
  const others = checks.filter(({ subject }) => subject !== 'node');
  expect(others.map(({ subject }) => subject)).toContain('address');
  expect(others.filter(({ state }) => state === 'failing')).toEqual([]);
  await first?.start();
});

test('the quorum is lost: what was read stays readable, writes fail, and it heals by itself', async () => {
  const provider = providerOf(editor);
  const secrets = drill.open({
    providers: [provider, memoryProvider({ COUNT: 'plain' }, { name: 'dotenv' })],
    ttl: 1,
  });
  const before = await secrets.get('COUNT');
  const [one, other] = await cluster.standbys();
  await Promise.all([one?.kill(), other?.kill()]);
  for (let reads = 0; reads < 50; reads += 1) expect(await secrets.get('COUNT')).toBe(before);
  const error = await drill.errorOf(
    provider.write?.({ entries: new Map([['COUNT', `${mark}.0`]]) }, context({ limit: 2_500 })),
  );
  expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
  await Promise.all([one?.start(), other?.start()]);
  const active = await cluster.active();
  await expect
    .poll(
      async () => {
        const answer = await active.request('POST', `${mount}/data/${path}`, {
          data: { COUNT: `${mark}.${counter}` },
        });
        return answer.status;
      },
      { timeout: 20_000 },
    )
    .toBe(200);
  await expect.poll(() => secrets.get('COUNT'), { timeout: 20_000 }).toBe(`${mark}.${counter}`);
  expect(drill.events.filter(({ answeredBy }) => answeredBy === 'dotenv')).toEqual([]);
});
