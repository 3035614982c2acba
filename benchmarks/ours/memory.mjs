// Keyfall reading what it has read before.
import { createSecrets, memoryProvider } from '@keyfall/core';
import { asyncReader, syncReader } from '../harness/readers.mjs';

/** A cached `get`. */
export async function cachedGet({ values }) {
  const secrets = createSecrets({ providers: [memoryProvider(values)] });
  await secrets.get('NAME_0');
  return { ...asyncReader((name) => secrets.get(name), values), close: () => secrets.close() };
}

/** A property of a live object. */
export async function view({ values }) {
  const secrets = createSecrets({ providers: [memoryProvider(values)] });
  const live = await secrets.view(Object.keys(values));
  return { ...syncReader(live, (name) => `source.${name}`, values), close: () => secrets.close() };
}
