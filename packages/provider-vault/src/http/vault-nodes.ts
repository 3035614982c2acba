/**
 * Several nodes of one cluster as one. A request goes to the node that answered last; one that cannot serve it is
 * passed over for the next within the request's time, as long as that cannot do anything twice.
 */
import { hasAnswered, hasNoLeader, kindOf, needsAnotherNode } from '../answers/classify-result.ts';
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import { partOf } from '../wire/bounds.ts';
import {
  changes,
  type VaultAddress,
  type WireRequest,
  type WireResult,
  type WireSend,
} from '../wire/vault-wire.ts';
import { readYourWrites, type SendToNode } from './read-your-writes.ts';

/** Answered with 200 by every node that can serve: the active one, and standbys, which answer or pass on. */
const health: WireRequest = {
  verb: 'read',
  path: 'sys/health?standbyok=true&perfstandbyok=true',
};

/**
 * Asks one node after another. A call that names its `node` is sent to that one alone. The result says in `origin`
 * which node it is from, and in `passedOver` how many others failed before it.
 */
export function acrossNodes(
  send: WireSend,
  { address, nodes, consistency }: Pick<ConnectionSettings, 'address' | 'nodes' | 'consistency'>,
): WireSend {
  /** The one that answered last comes first, those that failed last come last. */
  let order = [address, ...nodes.filter(({ origin }) => origin !== address.origin)];
  /** Whether the first of them has answered, and not failed since. */
  let isKnown = false;
  /** Those whose last answer or failure spoke of the server at the other end: behind a balancer there are more. */
  const doubted = new Set<VaultAddress>();

  const prefer = (node: VaultAddress): void => {
    if (order[0] !== node) order = [node, ...order.filter((other) => other !== node)];
    isKnown = true;
  };
  const demote = (node: VaultAddress): void => {
    isKnown &&= order[0] !== node;
    order = [...order.filter((other) => other !== node), node];
  };

  const sendOnce: SendToNode = async (request, call) => {
    const { node } = call;
    const fresh = doubted.delete(node) || call.fresh;
    const result = await send(request, { ...call, fresh });
    if (speaksOfServer(result)) doubted.add(node);
    return result.origin === undefined ? { ...result, origin: node.origin } : result;
  };
  const sendTo = consistency.readYourWrites ? readYourWrites(sendOnce, consistency) : sendOnce;

  return async (request, call) => {
    if (call.node) return sendTo(request, { ...call, node: call.node });
    const isChange = changes(request);
    const candidates = order;
    const failed: WireResult[] = [];
    for (const node of candidates) {
      const left = candidates.length - failed.length;
      const bounds = left === 1 ? call : partOf(call, left);
      // what may not be sent twice goes to a node that is known to answer
      const asksFirst = isChange && candidates.length > 1 && !(isKnown && order[0] === node);
      const look = asksFirst
        ? await sendTo(health, { ...bounds, node, token: undefined, namespace: undefined })
        : undefined;
      const result =
        look && needsAnotherNode(look, false)
          ? look
          : await sendTo(request, { ...(isChange ? call : bounds), node });
      if (result !== look && !needsAnotherNode(result, isChange)) {
        // a redirect that was followed has led to the active node
        if (hasAnswered(result))
          prefer(order.find(({ origin }) => origin === result.origin) ?? node);
        else if (needsAnotherNode(result, false)) demote(node);
        return withCount(result, failed.length);
      }
      demote(node);
      failed.push(result);
      if (call.signal.aborted || call.remainingTimeout() <= 0) break;
    }
    // a standby says that it has no leader, or where that is, also when it has lost it after passing a change on
    const perhaps = failed.find(
      (result) => (result.kind === 'failure' && result.sent) || hasNoLeader(result),
    );
    return withCount((isChange && perhaps) || mostHopeful(failed), failed.length - 1);
  };
}

/**
 * Whether what came speaks of the server at the other end of the connection, or of the connection: another one may
 * lead to a server that can serve.
 */
function speaksOfServer(result: WireResult): boolean {
  if (result.kind === 'failure')
    return !['aborted', 'rate-limit', 'tls-file', 'unsendable'].includes(result.what);
  return (
    result.status >= 500 ||
    [408, 421, 425].includes(result.status) ||
    needsAnotherNode(result, false)
  );
}

/** Of results that did not serve, the one that says most about whether to ask again soon. */
function mostHopeful(results: readonly WireResult[]): WireResult {
  const rank = (result: WireResult): number => {
    const kind = kindOf(result);
    if (kind === 'cannot-serve' || kind === 'not-initialised') return -1;
    // nothing listens there now: the others may have a leader in a moment
    if (kind === 'connection-refused') return -0.5;
    if (result.kind === 'answer') return result.status === 503 ? 0 : 3;
    return kind === 'foreign-node' || kind === 'led-on' ? 2 : 1;
  };
  return results.reduce((best, result) => (rank(result) > rank(best) ? result : best));
}

function withCount(result: WireResult, passedOver: number): WireResult {
  return passedOver === 0 ? result : { ...result, passedOver };
}
