import type { SecretChange, Secrets } from '@keyfall/core';

/**
 * Watches names until what is returned is called; resolves once the first answers are there. What loads the code of
 * a first watch takes time that no clock of a test stands for: watch once before.
 */
export async function follow(
  secrets: Secrets,
  names: string | readonly string[],
  hear: (change: SecretChange) => void = () => {},
): Promise<() => void> {
  const stop = new AbortController();
  void (async () => {
    for await (const change of secrets.watch(names, { signal: stop.signal })) hear(change);
  })();
  for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate);
  return () => stop.abort();
}
