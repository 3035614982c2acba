/**
 * What `status` and `doctor` show of a cluster: a line for each of its nodes.
 */
import type { ProviderCheck, ReadContext } from '@keyfall/core';
import type { VaultAddress } from './connection-settings.ts';
import { failing } from './kv-check.ts';
import type { VaultClient } from './vault-client.ts';
import { verdictOf } from './vault-errors.ts';
import type { VaultSettings } from './vault-settings.ts';

/** How the nodes fare, and one of them that can be asked further. */
export interface NodeChecks {
  readonly lines: readonly ProviderCheck[];
  readonly usable: VaultAddress | undefined;
}

/** Asks every node for its health, all at once. No line where there is only one address. */
export async function checkNodes(
  { address, nodes }: VaultSettings,
  client: VaultClient,
  context: ReadContext,
): Promise<NodeChecks> {
  if (nodes.length === 0) return { lines: [], usable: undefined };
  const all = [address, ...nodes.filter(({ origin }) => origin !== address.origin)];
  const share = context.timeLeft() / 2;
  const began = performance.now();
  // a node that is silent must leave time for what is still to be looked at
  const bounds: ReadContext = {
    ...context,
    timeLeft: () => Math.max(0, share - (performance.now() - began)),
  };
  const lines = await Promise.all(all.map((node) => nodeLine(node, client, bounds)));
  return { lines, usable: all.find((_, position) => lines[position]?.state === 'ready') };
}

async function nodeLine(
  node: VaultAddress,
  client: VaultClient,
  context: ReadContext,
): Promise<ProviderCheck> {
  const subject = 'node';
  const { origin } = node;
  const path = 'sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200';
  const result = await client.probe({ verb: 'read', path, anonymous: true, node }, context);
  const verdict = verdictOf(result, client.subject);
  if (verdict.kind === 'error')
    return { ...failing(subject, verdict.error, verdict.found), facts: { address: origin } };
  const { initialized, sealed, standby } = (result.kind === 'answer' && result.body) || {};
  const mend = (command: string) => `${command} -address=${origin}`;
  if (initialized === false)
    return {
      subject,
      state: 'failing',
      message: `${origin} is not initialised: it has not joined its cluster`,
      mend: mend('bao operator raft join'),
      code: 'node-not-joined',
      facts: { address: origin },
    };
  if (sealed === true)
    return {
      subject,
      state: 'failing',
      message: `${origin} is sealed`,
      mend: mend('bao operator unseal'),
      code: 'node-sealed',
      facts: { address: origin },
    };
  if (typeof standby !== 'boolean')
    return { subject, state: 'unknown', message: `${origin} does not tell its health` };
  return {
    subject,
    state: 'ready',
    message: `${origin} is ${standby ? 'a standby' : 'the active node'}`,
  };
}
