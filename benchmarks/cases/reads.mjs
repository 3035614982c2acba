/** An uncached read of a secret of 40 names from a real server, one after another and with 64 in flight. */
import { measureOperations, profileOperations } from '../harness/clients.mjs';
import { figure } from '../harness/results.mjs';
import { startStore } from '../harness/server.mjs';
import { hvacClient } from '../peers/install.mjs';

const ours = new URL('../ours/vault.mjs', import.meta.url).href;
const peers = new URL('../peers/vault-clients.mjs', import.meta.url).href;

export async function measure({ quick }) {
  const subjects = [
    { name: 'node:http', kind: 'floor', start: [peers, 'nodeHttp'] },
    { name: 'Keyfall, the provider', kind: 'ours', start: [ours, 'provider'] },
    {
      name: 'Keyfall, a chain with ttl: 0',
      kind: 'ours',
      start: [ours, 'uncachedChain'],
      note: 'time limit, circuit breaker, events and redaction on top of the provider',
    },
    {
      name: 'Keyfall over node-vault',
      kind: 'ours',
      start: [ours, 'providerOverNodeVault'],
      note: 'the provider with `nodeVaultWire()`',
    },
    { name: 'node-vault', kind: 'peer', start: [peers, 'nodeVault'] },
    { name: 'node-vault-client', kind: 'peer', start: [peers, 'nodeVaultClient'] },
    { name: 'hashi-vault-js', kind: 'peer', start: [peers, 'hashiVaultJs'] },
    { name: '@litehex/node-vault', kind: 'peer', start: [peers, 'litehex'] },
    { name: 'fetch', kind: 'peer', start: [peers, 'builtInFetch'], note: "Node's own" },
    {
      name: 'hvac',
      kind: 'peer',
      note: 'Python; a thread for each read in flight',
      ...hvacClient(),
    },
  ];
  const store = await startStore();
  try {
    const [rounds, generations] = quick ? [5, 1] : [16, 3];
    // V8 has compiled what it will after some 5,000 reads
    const warm = { milliseconds: quick ? 3_000 : 10_000, operations: 6_000 };
    const how = { rounds, generations, slice: 200, warm, widths: [1, 64] };
    const samples = await measureOperations(subjects, store.settings, how);
    const operations = quick ? 2_000 : 5_000;
    const [floor, provider, chain] = subjects;
    // beside each other, and not by the ratio of each part
    const profiled = [{ ...floor, kind: 'peer' }, provider, chain];
    const parts = await profileOperations(profiled, store.settings, {
      generations,
      operations,
      warm,
    });
    return {
      versions: { server: store.version },
      figures: {
        one: figure('µs', samples.get(1)),
        many: figure('µs', samples.get(64)),
        parts: figure('µs', parts),
      },
    };
  } finally {
    await store.stop();
  }
}
