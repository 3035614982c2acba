/**
 * Never an older state than was written or seen, on a cluster whose standbys answer reads. OpenBao names
 * the state of the node that answered in `X-Vault-Index` (Vault Enterprise: after a write); sent back with
 * `X-Vault-Inconsistent: forward-active-node`, a standby that is behind it asks the active node instead
 * of answering with what has been overwritten.
 */
import type { WireCall } from './vault-wire.ts';

/** The state that later answers must at least have, by namespace. */
export interface StateIndex {
  /** The fields to send, and what to call with the answer's index. */
  sending(namespace: string): {
    readonly call: Pick<WireCall, 'index' | 'inconsistent'>;
    /**
     * @param changed - whether the request was one that changes something, such as a write or a login
     * @returns whether the answer may be used: it is not from before the state that was asked for
     */
    answered(index: string | undefined, changed: boolean): boolean;
  };
  /** Forgets the state of a namespace: no node understands it any more. */
  drop(namespace: string): void;
}

/** How many answers in a row from before the state make it the state itself that is wrong. */
const mostBehind = 9;

/**
 * The index of the newest answer goes with every request: that of a write so that it is seen, that of a
 * read so that another node, or the same one after a restart, does not go back behind it.
 *
 * A node that is just becoming active ignores it for some milliseconds and may answer with an older state.
 * The index is opaque, but where it is one that OpenBao makes, such an answer is told by it. A cluster that
 * was rebuilt from a snapshot counts from a lower number: after several such answers the state is forgotten.
 */
export function stateIndex(): StateIndex {
  const newest = new Map<string, string>();
  let behind = 0;
  return {
    sending(namespace) {
      const index = newest.get(namespace);
      return {
        call: index === undefined ? {} : { index, inconsistent: 'forward-active-node' },
        answered(answer, changed) {
          if (answer === undefined) return true;
          if (!changed && isBefore(answer, index)) {
            behind += 1;
            if (behind >= mostBehind) newest.delete(namespace);
            return false;
          }
          behind = 0;
          // an answer that began before a newer one may be older than that
          if (changed || newest.get(namespace) === index) newest.set(namespace, answer);
          return true;
        },
      };
    },
    drop(namespace) {
      newest.delete(namespace);
    },
  };
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
