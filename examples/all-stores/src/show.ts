/**
 * What this example shows: which stores are left out, and who answers, before and after Vault is killed. Names and providers
 * alone.
 */
import type { Secrets } from '@keyfall/core';
import { chainOf } from './application.ts';
import { type Provisioned, provisioned, startStores } from './stores.ts';

export async function show(
  print: (line: string) => void,
  installed: readonly Provisioned[],
): Promise<void> {
  const leftOut = provisioned.filter((name) => !installed.includes(name));
  if (leftOut.length > 0)
    print(`Left out: ${leftOut.join(', ')}. scripts/provision installs what they need.`);
  const stores = await startStores(installed);
  let secrets: Secrets | undefined;
  try {
    secrets = chainOf(stores);
    secrets.on('fallback', ({ provider, answeredBy, detail }) =>
      print(`told: ${provider} did not answer (${detail}), ${answeredBy} does`),
    );
    for (const name of await secrets.list())
      print(`${name}: ${(await secrets.explain(name)).provider}`);
    await secrets.close();

    await stores.killVault();
    secrets = chainOf(stores);
    const told: string[] = [];
    secrets.on('fallback', ({ provider, answeredBy }) => told.push(`${provider} -> ${answeredBy}`));
    const { provider, freshness } = await secrets.explain('SHARED');
    print(`Vault is killed. SHARED: ${provider} (${freshness}); told: ${told.join(', ')}`);
    try {
      await secrets.get('FROM_VAULT');
    } catch (error) {
      print(`FROM_VAULT, which no other store holds: ${(error as { code: string }).code}`);
    }
  } finally {
    await secrets?.close();
    await stores.stop();
  }
}
