/** Reading what has been read before: a cached `get`, and a property of a live object, which needs no promise. */
import { measureOperations } from '../harness/clients.mjs';
import { figure } from '../harness/results.mjs';
import { values } from '../harness/server.mjs';

const ours = new URL('../ours/memory.mjs', import.meta.url).href;
const peers = new URL('../peers/caches.mjs', import.meta.url).href;

const asynchronous = [
  { name: 'an async function over a Map', kind: 'floor', start: [peers, 'asyncMap'] },
  { name: 'Keyfall, a cached get', kind: 'ours', start: [ours, 'cachedGet'] },
  { name: 'lru-cache, fetch', kind: 'peer', start: [peers, 'lruCacheFetch'] },
  { name: 'keyv', kind: 'peer', start: [peers, 'keyv'] },
  { name: 'unstorage', kind: 'peer', start: [peers, 'unstorage'], note: 'keeps a value for ever' },
  {
    name: '@aws-lambda-powertools/parameters',
    kind: 'peer',
    start: [peers, 'powertools'],
    note: 'with a provider over a Map, since it has none for Vault',
  },
];

const synchronous = [
  { name: 'Map.get', kind: 'floor', start: [peers, 'map'] },
  { name: 'Keyfall, a property of a view', kind: 'ours', start: [ours, 'view'] },
  { name: 'lru-cache, get', kind: 'peer', start: [peers, 'lruCacheGet'] },
  { name: 'process.env', kind: 'peer', start: [peers, 'processEnv'], note: 'what dotenv fills' },
];

export async function measure({ quick }) {
  const [rounds, generations] = quick ? [7, 1] : [15, 3];
  const how = { rounds, generations, slice: 60 };
  const nanoseconds = async (subjects) => {
    const samples = (await measureOperations(subjects, { values }, how)).get(1);
    for (const of of samples.values())
      for (const numbers of Object.values(of))
        for (const [round, number] of numbers.entries()) numbers[round] = number * 1_000;
    return figure('ns', samples);
  };
  return {
    figures: { get: await nanoseconds(asynchronous), view: await nanoseconds(synchronous) },
  };
}
