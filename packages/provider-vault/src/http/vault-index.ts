/**
 * Never an older state than was written or seen, on a cluster whose standbys answer reads. OpenBao names
 * the state of the node that answered in `X-Vault-Index` (Vault Enterprise: after a write); sent back with
 * `X-Vault-Inconsistent: forward-active-node`, a standby that is behind it asks the active node instead
 * of answering with what has been overwritten.
 */
import type { WireCall } from '../wire/vault-wire.ts';

/** The state that later answers must at least have, by namespace. */
export interface StateIndex {
  /**
   * What is to be asked of the cluster's newest state before an answer counts as fresh. A node that was just
   * unsealed answers for about a second with the state that it had before, and says so nowhere.
   *
   * `none`: that was done a moment ago, or no node tells its state. `latest`: the answer has to be of that
   * state. `first`: whether nodes tell their state shows with the first answer.
   */
  wanted(namespace: string): 'none' | 'latest' | 'first';
  /**
   * The fields to send, and what to call with the answer's index.
   *
   * @param latest - ask for a later state than any: a standby has to pass the request on to the active node
   */
  sending(
    namespace: string,
    latest?: boolean,
  ): {
    readonly call: Pick<WireCall, 'index' | 'inconsistent'>;
    /**
     * @param changed - whether the request was one that changes something, such as a write or a login
     * @returns whether the answer may be used: it is not from before the state that was asked for
     */
    answered(index: string | undefined, changed: boolean): boolean;
  };
  /** Notes of which cluster the nodes are, where no answer has told a state yet. */
  meet(namespace: string, cluster: string): void;
  /** Forgets the state of a namespace: no node understands it any more. */
  drop(namespace: string): void;
}

/** How many answers in a row from before the state make it the state itself that is wrong. */
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
 * The index of the newest answer goes with every request: that of a write so that it is seen, that of a
 * read so that another node, or the same one after a restart, does not go back behind it.
 *
 * A node that is just becoming active ignores it for some milliseconds and may answer with an older state.
 * The index is opaque, but where it is one that OpenBao makes, such an answer is told by it. A cluster that
 * was rebuilt from a snapshot counts from a lower number: after several such answers the state is forgotten.
 *
 * What is newest when a chain begins, no index tells yet. OpenBao takes "any later value" for an index (its
 * RFC on index headers), and a standby that is asked for one passes the request on to the active node.
 *
 * @param trust - milliseconds for which the active node's state counts as the newest. Default 5 s
 */
export function stateIndex(trust: number = longestTrust): StateIndex {
  const known = new Map<string, Known>();
  let behind = 0;
  return {
    wanted(namespace) {
      const newest = known.get(namespace);
      if (newest === undefined) return 'first';
      if (raftStateOf(newest.index) === undefined) return 'none';
      return performance.now() - newest.activeAt < trust ? 'none' : 'latest';
    },
    sending(namespace, latest = false) {
      const newest = known.get(namespace);
      const asked = latest ? laterThan(newest?.index) : newest?.index;
      return {
        call: asked === undefined ? {} : { index: asked, inconsistent: 'forward-active-node' },
        answered(answer, changed) {
          if (answer === undefined) return true;
          if (!changed && isBefore(answer, newest?.index)) {
            behind += 1;
            if (behind >= mostBehind) known.delete(namespace);
            return false;
          }
          behind = 0;
          const active = changed || latest;
          const now = known.get(namespace);
          // an answer that began before a newer one may be older than that
          if (active || now?.index === newest?.index)
            known.set(namespace, {
              index: now && isBefore(answer, now.index) ? now.index : answer,
              activeAt: active ? performance.now() : (now?.activeAt ?? Number.NEGATIVE_INFINITY),
            });
          return true;
        },
      };
    },
    meet(namespace, cluster) {
      if (!known.has(namespace))
        known.set(namespace, { index: indexOf(cluster, '0'), activeAt: Number.NEGATIVE_INFINITY });
    },
    drop(namespace) {
      known.delete(namespace);
    },
  };
}

/** An index of the same cluster that none of its nodes has reached. */
function laterThan(index: string | undefined): string | undefined {
  const state = raftStateOf(index);
  if (state === undefined) return index;
  return indexOf(state.cluster, latestState);
}

function indexOf(cluster: string, value: string): string {
  return Buffer.from(JSON.stringify({ cluster, value })).toString('base64');
}

function isBefore(answer: string, asked: string | undefined): boolean {
  const [one, other] = [raftStateOf(answer), raftStateOf(asked)];
  return one !== undefined && one.cluster === other?.cluster && one.value < other.value;
}

/** What OpenBao's index says: `{"cluster":"97f0ed89-…","value":"153"}` in base64. */
function raftStateOf(index: string | undefined): { cluster: string; value: bigint } | undefined {
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
