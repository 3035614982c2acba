/**
 * Never an older state than was written or seen, on a cluster whose standbys answer reads. OpenBao names the state
 * of the node that answered in `X-Vault-Index` (Vault Enterprise: after a write); sent back with
 * `X-Vault-Inconsistent: forward-active-node`, a standby that is behind it asks the active node instead of
 * answering with what has been overwritten.
 *
 * The index of the newest answer goes with every request: that of a write so that it is seen, that of a read so
 * that another node, or the same one after a restart, does not go back behind it. It is opaque, but where it is
 * one that OpenBao makes, it shows that an answer is from before it: a node that is just becoming active ignores it
 * for some milliseconds.
 *
 * When a chain begins, no index shows yet what is newest, and a node that was just unsealed answers for about a
 * second with the state that it had before. OpenBao takes "any later value" for an index (its RFC on index
 * headers), and a standby that is asked for one passes the request on to the active node: so is the first read,
 * and the first after a while.
 */
import { hasAnswered, kindOf, needsAnotherNode } from '../answers/classify-result.ts';
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import { partOf } from '../wire/bounds.ts';
import {
  changes,
  type VaultAddress,
  type WireCall,
  type WireRequest,
  type WireResult,
} from '../wire/vault-wire.ts';

/** Sends a request to the node that the call names. */
export type SendToNode = (request: WireRequest, call: NodeCall) => Promise<WireResult>;

type NodeCall = WireCall & { readonly node: VaultAddress };

/** How many answers in a row from before the state make it the state itself that is wrong: a restored cluster. */
const mostBehind = 9;

/** Milliseconds for which the state of the active node is one that a standby may answer with. */
const longestTrust = 5_000;

/** The largest that OpenBao reads: every node is behind it, and the active one answers nevertheless. */
const latestState = '18446744073709551615';

interface Known {
  readonly index: string;
  /** When it was the state of the active node. */
  readonly activeAt: number;
}

/**
 * Sees to it that no answer is of a state that has long been left. Where no active node confirms it, the node's own
 * answer counts, and the user learns that it may be an older one.
 *
 * @param countedUses - each request takes one of the uses of the token: none is sent that is not needed
 */
export function readYourWrites(
  send: SendToNode,
  { countedUses }: ConnectionSettings['consistency'],
): SendToNode {
  const known = new Map<string, Known>();
  /** Those that answered with an older state: another connection may lead to another node. */
  const behind = new Set<VaultAddress>();
  let answersBehind = 0;
  let cluster: string | undefined;

  /** One request, of the state that was seen last, or of the `latest` that its cluster has. */
  const sendWithIndex = async (
    request: WireRequest,
    call: NodeCall,
    latest = false,
  ): Promise<WireResult> => {
    const { namespace = '', node } = call;
    for (;;) {
      const newest = known.get(namespace)?.index;
      const index = latest ? laterThan(newest) : newest;
      const fresh = behind.delete(node) || call.fresh;
      const result = await send(
        request,
        index === undefined && fresh === call.fresh ? call : { index, ...call, fresh },
      );
      if (index !== undefined && kindOf(result) === 'unread-index') {
        known.delete(namespace);
        continue;
      }
      if (result.kind === 'failure' || !hasAnswered(result) || result.index === undefined)
        return result;
      const isChange = changes(request);
      if (!isChange && isBefore(result.index, newest)) {
        behind.add(node);
        answersBehind += 1;
        if (answersBehind >= mostBehind) known.delete(namespace);
        // as a node says it that knows that it is behind
        return { kind: 'answer', status: 412, text: '', origin: result.origin ?? node.origin };
      }
      answersBehind = 0;
      note(namespace, result.index, isChange || latest, newest);
      return result;
    }
  };

  /** @param asked - what was known when the request went out */
  function note(namespace: string, index: string, isActive: boolean, asked?: string): void {
    const now = known.get(namespace);
    // an answer that began before a newer one may be older than that
    if (!isActive && now?.index !== asked) return;
    known.set(namespace, {
      index: now && isBefore(index, now.index) ? now.index : index,
      activeAt: isActive ? performance.now() : (now?.activeAt ?? Number.NEGATIVE_INFINITY),
    });
  }

  /** Whether the newest state has to be asked for; `undefined`: whether nodes name theirs is not known yet. */
  function needsLatest(namespace: string): boolean | undefined {
    const newest = known.get(namespace);
    if (newest === undefined) return undefined;
    return (
      stateOf(newest.index) !== undefined && performance.now() - newest.activeAt >= longestTrust
    );
  }

  return async (request, call) => {
    const { namespace = '', token } = call;
    const isChange = changes(request);
    if (token === undefined) {
      if (!isChange) {
        // sys/health and its like are answered by any node for itself; it says which cluster it is of
        const result = await send(request, call);
        const id = result.kind === 'answer' && result.body?.['cluster_id'];
        if (typeof id === 'string' && id !== '') cluster = id;
        return result;
      }
      if (cluster !== undefined && !known.has(namespace)) {
        const index = indexOf(cluster, '0');
        known.set(namespace, { index, activeAt: Number.NEGATIVE_INFINITY });
      }
      // a login is passed on as a whole: a standby would look its credentials up in its own state
      return sendWithIndex(request, call, needsLatest(namespace));
    }
    const needed = isChange ? false : needsLatest(namespace);
    // the look-up of a mount is followed by others, which will ask for the newest state
    const isOnce = countedUses || request.path.startsWith('sys/internal/');
    if (needed === false || (needed === undefined && isOnce)) return sendWithIndex(request, call);
    const first = needed === undefined ? await sendWithIndex(request, call) : undefined;
    if (first && !(hasAnswered(first) && needsLatest(namespace))) return first;
    const latest = await sendWithIndex(request, partOf(call, 2), true);
    if (call.signal.aborted || (hasAnswered(latest) && !needsAnotherNode(latest, false)))
      return latest;
    const own = first ?? (await sendWithIndex(request, call));
    if (own.kind === 'answer' && own.status < 300)
      call.warn?.(
        `no active node confirms what ${own.origin ?? call.node.origin} answers: it may be older than what was written last`,
      );
    return own;
  };
}

/** An index of the same cluster that none of its nodes has reached. */
function laterThan(index: string | undefined): string | undefined {
  const state = stateOf(index);
  return state === undefined ? index : indexOf(state.cluster, latestState);
}

function indexOf(cluster: string, value: string): string {
  return Buffer.from(JSON.stringify({ cluster, value })).toString('base64');
}

function isBefore(answered: string, asked: string | undefined): boolean {
  if (answered === asked) return false;
  const [one, other] = [stateOf(answered), stateOf(asked)];
  return one !== undefined && one.cluster === other?.cluster && one.value < other.value;
}

/** What OpenBao's index says: `{"cluster":"97f0ed89-…","value":"153"}` in base64. */
function stateOf(index: string | undefined): { cluster: string; value: bigint } | undefined {
  if (index === undefined) return undefined;
  try {
    const { cluster, value } = JSON.parse(Buffer.from(index, 'base64').toString()) as {
      readonly cluster?: unknown;
      readonly value?: unknown;
    };
    if (typeof cluster !== 'string' || typeof value !== 'string') return undefined;
    return /^\d{1,20}$/.test(value) ? { cluster, value: BigInt(value) } : undefined;
  } catch {
    return undefined;
  }
}
