/**
 * Several nodes of one cluster as one wire. A request goes to the node that answered last; one that
 * cannot serve it is passed over for the next within the request's time, as long as that cannot do
 * anything twice.
 */

import { hasNoLeader, isBehind, isItsOwn, knowsNoLeader, saidBy } from '../answers/vault-errors.ts';
import type { VaultAddress, VaultWire, WireCall, WireResult } from '../wire/vault-wire.ts';
import { stateIndex } from './vault-index.ts';

/** The nodes of a cluster. */
export interface ClusterSettings {
  readonly address: VaultAddress;
  readonly nodes: readonly VaultAddress[];
  /** Each request takes one of the uses that the token has: none is sent that is not needed. */
  readonly countedUses?: boolean;
}

/** Answered with 200 by every node that can serve: the active one, and standbys, which answer or pass on. */
const health = 'sys/health?standbyok=true&perfstandbyok=true';

/** A request on its way: the verb and what it is called with but for the node. */
interface Request {
  readonly changes: boolean;
  /** Others follow, which will ask for the newest state: this one need not be asked twice for it. */
  readonly leads?: boolean;
  send(call: WireCall): Promise<WireResult>;
}

/**
 * A wire that asks one node after another. A call that names its `node` is sent to that one alone.
 * The result tells in `origin` which node it is from, and in `passedOver` how many others were of no use.
 */
export function acrossNodes(
  wire: VaultWire,
  { address, nodes, countedUses = false }: ClusterSettings,
): VaultWire {
  const index = stateIndex();
  /** The one that answered last comes first, those that failed last come last. */
  let order = [address, ...nodes.filter(({ origin }) => origin !== address.origin)];
  /** Whether the first of them has answered, and not failed since. */
  let known = false;
  /** Those whose last answer or failure spoke of the server at the other end: behind a balancer there are more. */
  const doubted = new Set<VaultAddress>();

  const prefer = (node: VaultAddress): void => {
    order = [node, ...order.filter((other) => other !== node)];
    known = true;
  };
  const demote = (node: VaultAddress): void => {
    known &&= order[0] !== node;
    order = [...order.filter((other) => other !== node), node];
  };

  /** One request to one node, of the state that was seen last, or of the `latest` that its cluster has. */
  async function sendOnce(
    node: VaultAddress,
    { changes, send }: Request,
    call: WireCall,
    latest = false,
  ): Promise<WireResult> {
    const namespace = call.namespace ?? '';
    // sys/health and its like are answered by any node for itself
    const anonymous = call.token === undefined && !changes;
    for (;;) {
      const state = anonymous ? undefined : index.sending(namespace, latest);
      const fresh = doubted.delete(node) || call.fresh;
      const result = await send({ ...call, node, fresh, ...state?.call });
      if (speaksOfServer(result)) doubted.add(node);
      if (state?.call.index !== undefined && isUnreadIndex(result)) {
        index.drop(namespace);
        continue;
      }
      if (result.kind === 'answer' && isSound(result))
        if (state?.answered(result.index, changes) === false) {
          doubted.add(node);
          // as a node says it that knows that it is behind
          return { kind: 'answer', status: 412, text: '', origin: result.origin ?? node.origin };
        }
      return { ...result, origin: result.origin ?? node.origin };
    }
  }

  /**
   * The same, seeing to it that the answer is not of a state that has long been left. Where no active node
   * confirms it, the node's own answer counts, and the user learns that it may be an older one.
   */
  async function sendTo(node: VaultAddress, request: Request, call: WireCall): Promise<WireResult> {
    const namespace = call.namespace ?? '';
    // a login is passed on as a whole: a standby would look its credentials up in its own state
    if (request.changes && call.token === undefined)
      return sendOnce(node, request, call, index.wanted(namespace) === 'latest');
    const asks = !request.changes && call.token !== undefined && call.node === undefined;
    const wanted = asks ? index.wanted(namespace) : 'none';
    const once = wanted === 'first' && (countedUses || request.leads === true);
    if (wanted === 'none' || once) return sendOnce(node, request, call);
    const first = wanted === 'first' ? await sendOnce(node, request, call) : undefined;
    if (first && (!isSound(first) || index.wanted(namespace) !== 'latest')) return first;
    const latest = await sendOnce(node, request, shareOf(call, 2), true);
    if (isSound(latest) && !isUseless(latest, request)) return latest;
    if (call.signal.aborted) return latest;
    const own = first ?? (await sendOnce(node, request, call));
    if (own.kind === 'answer' && own.status < 300)
      call.warn?.(
        `no active node confirms what ${own.origin ?? node.origin} answers: it may be older than what was written last`,
      );
    return own;
  }

  /** A login is a chain's first request: what a standby does not know of its credentials yet, the active node does. */
  function meet(health: WireResult, namespace: string): void {
    const cluster = health.kind === 'answer' && health.body?.['cluster_id'];
    if (typeof cluster === 'string' && cluster !== '') index.meet(namespace, cluster);
  }

  async function dispatch(request: Request, call: WireCall): Promise<WireResult> {
    if (call.node) return sendTo(call.node, request, call);
    const candidates = [...order];
    const failed: WireResult[] = [];
    for (const [position, node] of candidates.entries()) {
      const left = candidates.length - position - 1;
      // what may not be sent twice goes to a node that is known to answer
      const asksFirst = request.changes && candidates.length > 1 && !(known && order[0] === node);
      const shared = left === 0 ? call : shareOf(call, left + 1);
      const look = asksFirst && (await sendTo(node, healthOf(wire), withoutToken(shared)));
      const passed = look && isUseless(look, healthOf(wire)) ? look : undefined;
      if (look) meet(look, call.namespace ?? '');
      const result = passed ?? (await sendTo(node, request, request.changes ? call : shared));
      if (!passed && !isUseless(result, request)) {
        // a redirect that was followed has led to the active node
        if (isSound(result)) prefer(order.find(({ origin }) => origin === result.origin) ?? node);
        else if (isUseless(result, { changes: false })) demote(node);
        return withCount(result, failed.length);
      }
      demote(node);
      failed.push(result);
      if (call.signal.aborted || call.timeLeft() <= 0) break;
    }
    // a standby says that it has no leader, or where that is, also when it has lost it after passing a change on
    const perhaps = failed.find(
      (result) => (result.kind === 'failure' && result.sent) || hasNoLeader(result),
    );
    return withCount((request.changes && perhaps) || mostHopeful(failed), failed.length - 1);
  }

  const reading = (path: string, send: Request['send'], call: WireCall) =>
    dispatch({ changes: call.makes === true, leads: path.startsWith('sys/internal/'), send }, call);
  const changing = (send: Request['send'], call: WireCall) =>
    dispatch({ changes: true, send }, call);
  return {
    read: (path, call) => reading(path, (at) => wire.read(path, at), call),
    list: (path, call) => reading(path, (at) => wire.list(path, at), call),
    write: (path, body, call) => changing((at) => wire.write(path, body, at), call),
    update: (path, body, call) => changing((at) => wire.update(path, body, at), call),
    delete: (path, call) => changing((at) => wire.delete(path, at), call),
    close: () => wire.close(),
  };
}

const healthOf = (wire: VaultWire): Request => ({
  changes: false,
  send: (call) => wire.read(health, call),
});

const withoutToken = ({ signal, timeLeft, unattended, fresh, warn }: WireCall): WireCall => ({
  signal,
  timeLeft,
  unattended,
  fresh,
  warn,
});

/** A fair part of what is left: a node that is silent must leave time for the others. */
function shareOf(call: WireCall, candidates: number): WireCall {
  const share = call.timeLeft() / candidates;
  const began = performance.now();
  return {
    ...call,
    timeLeft: () => Math.max(0, Math.min(call.timeLeft(), share - (performance.now() - began))),
  };
}

/** Whether another node should be asked instead, which for a change means: this one did not act on it. */
function isUseless(result: WireResult, { changes }: Pick<Request, 'changes'>): boolean {
  if (result.kind === 'failure')
    return (
      result.what === 'foreign-node' ||
      result.what === 'led-on' ||
      (result.what === 'unreachable' && !(changes && result.sent)) ||
      (result.what === 'timeout' && !(changes && result.sent))
    );
  switch (result.status) {
    // the codes by which a node says that it cannot serve: disaster recovery and performance
    // secondaries, a standby without an active node, a node that was removed, one without storage
    case 472:
    case 473:
    case 474:
    case 501:
    case 530:
      // a gateway that says so may have passed a change on all the same
      return !changes || isItsOwn(result);
    case 412:
      return true;
    // a standby that has not heard yet that a fresh mount is ready
    case 400:
      return saidBy(result).includes('upgrade from non-versioned');
    // a quota is not got round
    case 429:
      return isBehind(result);
    // a sealed node; for a change the seal may have come in the middle of it
    case 503:
    case 502:
    case 504:
      return !changes;
    case 500:
      return knowsNoLeader(result) || (!changes && saidBy(result).startsWith('internal error'));
    default:
      return false;
  }
}

/**
 * Whether what came tells of the server at the other end of the connection, or of the connection: another
 * one may lead to a server that can serve. A gateway's own 408, 421 and 425 are of that kind as well.
 */
function speaksOfServer(result: WireResult): boolean {
  if (result.kind === 'failure')
    return !['aborted', 'rate-limit', 'tls-file', 'package', 'unsendable'].includes(result.what);
  return (
    result.status >= 500 ||
    [408, 421, 425].includes(result.status) ||
    isUseless(result, { changes: false })
  );
}

/** Whether the node that answered is one to ask first the next time. */
function isSound(result: WireResult): boolean {
  return result.kind === 'answer' && result.status < 500;
}

function isUnreadIndex(result: WireResult): boolean {
  return (
    result.kind === 'answer' && result.status === 400 && saidBy(result).includes('X-Vault-Index')
  );
}

/** Of answers that are of no use, the one that says most about whether to ask again soon. */
function mostHopeful(results: readonly WireResult[]): WireResult {
  const rank = (result: WireResult): number => {
    if (result.kind === 'failure')
      return result.what === 'foreign-node' || result.what === 'led-on' ? 2 : 1;
    if (result.status === 503) return 0;
    return [472, 473, 474, 501, 530].includes(result.status) ? -1 : 3;
  };
  return results.reduce((best, result) => (rank(result) > rank(best) ? result : best));
}

function withCount(result: WireResult, passedOver: number): WireResult {
  return passedOver === 0 ? result : { ...result, passedOver };
}
