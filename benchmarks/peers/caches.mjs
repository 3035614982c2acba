// What others offer to keep values in memory for a time, and the least that does the same.
import { asyncReader, syncReader } from '../harness/readers.mjs';

/** Five minutes, which is what a chain keeps a value. */
const ttl = 300_000;

/** An async function over a Map. */
export function asyncMap({ values }) {
  const map = new Map(Object.entries(values));
  return asyncReader(async (name) => map.get(name), values);
}

export function map({ values }) {
  const map = new Map(Object.entries(values));
  return syncReader(map, (name) => `source.get('${name}')`, values);
}

export function processEnv({ values }) {
  Object.assign(process.env, values);
  return syncReader(process.env, (name) => `source.${name}`, values);
}

export async function keyv({ values }) {
  const { default: Keyv } = await import('keyv');
  const cache = new Keyv({ ttl });
  for (const [name, value] of Object.entries(values)) await cache.set(name, value);
  return asyncReader((name) => cache.get(name), values);
}

export async function unstorage({ values }) {
  const { createStorage } = await import('unstorage');
  const storage = createStorage();
  for (const [name, value] of Object.entries(values)) await storage.setItem(name, value);
  return asyncReader((name) => storage.getItem(name), values);
}

/** With a function that fetches what is missing. */
export async function lruCacheFetch({ values }) {
  const { LRUCache } = await import('lru-cache');
  const cache = new LRUCache({ max: 1_000, ttl, fetchMethod: async (name) => values[name] });
  return asyncReader((name) => cache.fetch(name), values);
}

export async function lruCacheGet({ values }) {
  const { LRUCache } = await import('lru-cache');
  const cache = new LRUCache({ max: 1_000, ttl });
  for (const [name, value] of Object.entries(values)) cache.set(name, value);
  return syncReader(cache, (name) => `source.get('${name}')`, values);
}

/** With a provider of its own, as its documentation says, since it has none for Vault. */
export async function powertools({ values }) {
  const { BaseProvider } = await import('@aws-lambda-powertools/parameters/base');
  class Provider extends BaseProvider {
    async _get(name) {
      return values[name];
    }
  }
  const provider = new Provider({ proto: class {} });
  return asyncReader((name) => provider.get(name, { maxAge: ttl / 1_000 }), values);
}
