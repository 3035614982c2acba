/**
 * What `status` and `doctor` show of a cluster: a line for each of its nodes.
 */
import type { ProviderCheck, ReadContext } from '@keyfall/core/provider';
import { classify } from '../answers/classify-result.ts';
import type { VaultClient } from '../session/vault-client.ts';
import type { ClientSettings } from '../settings/vault-settings.ts';
import { partOf } from '../wire/bounds.ts';
import type { VaultAddress } from '../wire/vault-wire.ts';
import { failing } from './check-lines.ts';

/** How the nodes fare, and one of them that can be asked further. */
export interface NodeChecks {
  readonly lines: readonly ProviderCheck[];
  readonly usable: VaultAddress | undefined;
}

/** Asks every node for its health, all at once. No line where there is only one address. */
export async function checkNodes(
  { address, nodes }: ClientSettings,
  client: VaultClient,
  context: ReadContext,
): Promise<NodeChecks> {
  if (nodes.length === 0) return { lines: [], usable: undefined };
  const all = [address, ...nodes.filter(({ origin }) => origin !== address.origin)];
  // a node that is silent must leave time for what is still to be looked at
  const bounds = partOf(context, 2);
  const said = new Map<string, NodeHealth>();
  const lines = await Promise.all(all.map((node) => nodeLine(node, client, bounds, said)));
  const usable = all.find((_, position) => lines[position]?.state === 'ready');
  // in the order in which they are listed, not that in which they answered
  const known = all.flatMap(({ origin }) => {
    const cluster = said.get(origin)?.cluster_id;
    return typeof cluster === 'string' && cluster !== '' ? [{ origin, cluster }] : [];
  });
  const isLost = lines.some(({ state }) => state === 'failing');
  return {
    lines: [...lines, ...clusterLines(known), ...(isLost ? leaderLines([...said.values()]) : [])],
    usable,
  };
}

/** Of what a node says of its health, what counts for the cluster. */
interface NodeHealth {
  readonly initialized?: unknown;
  readonly sealed?: unknown;
  readonly standby?: unknown;
  readonly cluster_id?: unknown;
}

/**
 * With too few nodes none of them leads: those that are left answer reads, and take no change. A standby itself names the last
 * leader for as long as it runs.
 */
function leaderLines(said: readonly NodeHealth[]): readonly ProviderCheck[] {
  const serving = said.filter(({ initialized, sealed }) => initialized !== false && !sealed);
  if (serving.length === 0 || serving.some(({ standby }) => standby !== true)) return [];
  return [
    {
      subject: 'node',
      state: 'failing',
      message: 'none of them is the active node, without which nothing can be written',
      hint: 'Start or unseal the others: more than half of a cluster has to run. If the active node is not listed, list it in the option nodes.',
      code: 'no-active-node',
    },
  ];
}

/** A node of another cluster answers as well as any, with another cluster's secrets. */
function clusterLines(
  nodes: readonly { readonly origin: string; readonly cluster: string }[],
): readonly ProviderCheck[] {
  const [first, ...others] = nodes;
  const stranger = others.find(({ cluster }) => cluster !== first?.cluster);
  if (first === undefined || stranger === undefined) return [];
  return [
    {
      subject: 'node',
      state: 'failing',
      message: `${stranger.origin} is of another cluster than ${first.origin}`,
      hint: 'List the nodes of one cluster alone in the options address and nodes.',
      code: 'node-of-another-cluster',
      facts: { address: stranger.origin },
    },
  ];
}

/** @param said - gets what the node says, by its origin */
async function nodeLine(
  node: VaultAddress,
  client: VaultClient,
  context: ReadContext,
  said: Map<string, NodeHealth>,
): Promise<ProviderCheck> {
  const subject = 'node';
  const { origin } = node;
  const path = 'sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200';
  const result = await client.probe({ verb: 'read', path, anonymous: true, node }, context);
  const found = classify(result, client.subject);
  if (found.kind === 'error')
    return { ...failing(subject, found.error, found.fault), facts: { address: origin } };
  const health: NodeHealth = (result.kind === 'answer' && result.body) || {};
  const { initialized, sealed, standby } = health;
  said.set(origin, health);
  const hint = (command: string) => `${command} -address=${origin}`;
  if (initialized === false)
    return {
      subject,
      state: 'failing',
      message: `${origin} is not initialised: it has not joined its cluster`,
      hint: hint('bao operator raft join'),
      code: 'node-not-joined',
      facts: { address: origin },
    };
  if (sealed === true)
    return {
      subject,
      state: 'failing',
      message: `${origin} is sealed`,
      hint: hint('bao operator unseal'),
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
