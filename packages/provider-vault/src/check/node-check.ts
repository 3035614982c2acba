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
  const clusters = new Map<string, string>();
  const lines = await Promise.all(all.map((node) => nodeLine(node, client, bounds, clusters)));
  const usable = all.find((_, position) => lines[position]?.state === 'ready');
  // in the order in which they are listed, not that in which they answered
  const known = all.flatMap(({ origin }) => {
    const cluster = clusters.get(origin);
    return cluster === undefined ? [] : [{ origin, cluster }];
  });
  return { lines: [...lines, ...clusterLines(known)], usable };
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

/** @param clusters - gets the id of the node's cluster, by the node's origin */
async function nodeLine(
  node: VaultAddress,
  client: VaultClient,
  context: ReadContext,
  clusters: Map<string, string>,
): Promise<ProviderCheck> {
  const subject = 'node';
  const { origin } = node;
  const path = 'sys/health?standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200';
  const result = await client.probe({ verb: 'read', path, anonymous: true, node }, context);
  const found = classify(result, client.subject);
  if (found.kind === 'error')
    return { ...failing(subject, found.error, found.fault), facts: { address: origin } };
  const { initialized, sealed, standby, cluster_id } =
    (result.kind === 'answer' && result.body) || {};
  if (typeof cluster_id === 'string' && cluster_id !== '') clusters.set(origin, cluster_id);
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
