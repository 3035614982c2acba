/**
 * Real servers behind a TCP balancer: a connection that is kept leads to one of them for as long as it is
 * used, and what stands between may forget it. Connections and answers are counted.
 */

import { createSecrets, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  type Fault,
  faultyServer,
  manualClock,
  sharedVaultServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { directWire } from '../src/http/direct-wire.ts';
import { createTransport } from '../src/http/transport.ts';
import { vaultProvider } from '../src/index.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import { type Balancer, balancer } from './balancer.ts';
import { canary, context, eventually, failureOf, freshPath, wires } from './harness.ts';

const path = freshPath();
const value = canary();
const endings: (() => unknown)[] = [];
/** The one that is well, and the one that is sealed later on: two servers with the same document and token. */
let well: VaultServer;
let other: VaultServer;

beforeAll(async () => {
  well = await sharedVaultServer();
  other = await startVaultServer({ external: false, token: well.token });
  for (const server of [well, other])
    await server.request('POST', `secret/data/${path}`, { data: { TOKEN: value } });
});
afterAll(() => other?.stop());
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function before(...servers: readonly string[]): Promise<Balancer> {
  const front = await balancer(...servers);
  endings.push(() => front.close());
  return front;
}

function providerAt(
  address: string,
  more: Partial<Parameters<typeof vaultProvider>[0]> = {},
): SecretProvider {
  const provider = vaultProvider({
    address,
    token: well.token,
    path,
    kvVersion: 2,
    env: {},
    ...more,
  });
  endings.push(() => provider.close?.());
  return provider;
}

const tokenIn = async (provider: SecretProvider) => {
  const found = (await provider.read('all', context())).entries.get('TOKEN');
  return found && 'value' in found ? found.value : found;
};

describe.each(['direct', 'node-vault'] as const)('over the wire %s', (wire) => {
  test.each<[string, Fault]>([
    [
      'answers that it is sealed',
      { kind: 'status', status: 503, body: { errors: ['Vault is sealed'] } },
    ],
    [
      'answers 500 as a leader that has lost its cluster',
      { kind: 'status', status: 500, body: { errors: ['internal error'] } },
    ],
    [
      'answers 500 in other words',
      { kind: 'status', status: 500, body: { errors: ['rpc error: desc'] } },
    ],
    [
      'points to a node that is not listed',
      { kind: 'redirect', location: `http://127.0.0.1:9/v1/secret/data/${path}` },
    ],
    ['is a gateway without a server', { kind: 'status', status: 502, body: '' }],
    ['is behind its cluster', { kind: 'status', status: 429, body: { errors: [] } }],
    ['cuts its answers', { kind: 'cut', after: 60 }],
  ])('a server that %s is asked over its connection no more', async (_, fault) => {
    // a stand-in for the one server that has become of no use, with a real one beside it
    const sick = await faultyServer(fault);
    endings.push(() => sick.close());
    const front = await before(sick.address, well.address);
    const provider = providerAt(front.address, { wire: wires[wire] });
    expect(await tokenIn(provider)).toBe(value);
    expect(front.connections).toEqual([1, 1]);
    // what was said of the server holds for whoever asks next, though nothing is repeated
    const once = providerAt(front.address, { wire: wires[wire], retry: { max: 0 } });
    front.leadTo(sick.address, well.address);
    await failureOf(once.read('all', context()), value);
    expect(await tokenIn(once)).toBe(value);
    expect(await tokenIn(once)).toBe(value);
    expect(front.connections).toEqual([2, 2]);
  });
});

describe('a server that is sealed under connections that are kept', () => {
  let front: Balancer;
  beforeEach(async () => {
    front = await before(other.address, well.address);
  });

  test('a chain goes on with the other server, and its probes do not keep it at the sealed one', async () => {
    const clock = manualClock();
    const plain = memoryProvider({ TOKEN: 'second-hand' }, { name: 'plain' });
    const secrets = createSecrets({
      providers: [providerAt(front.address, { retry: { max: 0 } }), plain],
      ttl: '1m',
      staleIfError: 0,
      clock,
    });
    let fallbacks = 0;
    secrets.on('fallback', () => {
      fallbacks += 1;
    });
    endings.push(() => secrets.close());
    front.leadTo(other.address);
    expect(await secrets.get('TOKEN')).toBe(value);
    await other.request('PUT', 'sys/seal');
    front.leadTo(other.address, well.address);
    await clock.advance(180_000);
    expect(await secrets.get('TOKEN')).toBe('second-hand');
    // the circuit's probes go to where the balancer leads, and not to where they went before
    await eventually(async () => {
      // while a probe is under way the clock stands still: it would end the probe before the server answers
      if (secrets.status()[0]?.breaker === 'open') await clock.advance(1_000);
      expect(await secrets.get('TOKEN')).toBe(value);
    });
    expect(front.connections).toEqual([2, 1]);
    expect(fallbacks).toBe(1);
  });

  test('with repeats no read fails', async () => {
    const provider = providerAt(front.address);
    for (let reads = 0; reads < 6; reads += 1) expect(await tokenIn(provider)).toBe(value);
    expect(front.connections).toEqual([1, 1]);
  });
});

describe('connections that something in between has forgotten', () => {
  test('ten of them fail no read', async () => {
    const front = await before(well.address);
    const provider = providerAt(front.address);
    await Promise.all(Array.from({ length: 10 }, () => tokenIn(provider)));
    expect(front.open).toBe(10);
    front.forget();
    // the first meets one of them, and its repeat must not meet the next
    for (let reads = 0; reads < 3; reads += 1) expect(await tokenIn(provider)).toBe(value);
    expect(front.connections).toEqual([11]);
  });

  test('where three of ten reuses are reset, no read of three paths fails', async () => {
    const front = await before(well.address);
    const paths = [path, `${path}-2`, `${path}-3`];
    for (const one of paths.slice(1))
      await well.request('POST', `secret/data/${one}`, { data: { TOKEN: value } });
    let state = 1;
    let resets = 0;
    front.resetReuse(() => {
      state = (state * 48_271) % 2_147_483_647; // the same numbers in each run
      const reset = state % 10 < 3;
      if (reset) resets += 1;
      return reset;
    });
    const provider = providerAt(front.address, { path: paths });
    for (let reads = 0; reads < 40; reads += 1) expect(await tokenIn(provider)).toBe(value);
    expect(resets).toBeGreaterThan(20);
  });

  test('a request that may not be sent twice uses a connection that has just worked, or a new one', async () => {
    const front = await before(well.address);
    const settings = resolveSettings({ address: front.address, token: well.token, path, env: {} });
    const transport = createTransport({ ...settings, trust: 0 });
    endings.push(() => transport.close());
    const { signal } = new AbortController();
    const call = { signal, remainingTimeout: () => 10_000, token: well.token };
    const ask = async (verb: 'read' | 'write', body?: string) => {
      const request = { verb, path: `secret/data/${path}`, body };
      return transport.send(await directWire(request, call), request, call);
    };
    await ask('read');
    front.forget();
    const written = await ask('write', JSON.stringify({ data: { TOKEN: value } }));
    expect(written).toMatchObject({ kind: 'answer', status: 200 });
    expect(front.connections).toEqual([2]);
  });
});
