/**
 * Read your own writes on a cluster whose standbys answer reads. OpenBao (and Vault Enterprise) name
 * the state of the node that answered in `X-Vault-Index`; sent back with
 * `X-Vault-Inconsistent: forward-active-node`, a standby that is behind it asks the active node instead
 * of answering with what has been overwritten. The text is opaque: it is kept, sent back and never read.
 */
import type { WireCall } from './vault-wire.ts';

/** The state that later answers must at least have, by namespace. */
export interface StateIndex {
  /** The fields to send to `node`, and what tells when the answer is in. */
  sending(
    node: string,
    namespace: string,
  ): {
    readonly call: Pick<WireCall, 'index' | 'inconsistent'>;
    /** @param changed - whether the request was one that changes something */
    answered(index: string | undefined, changed: boolean): void;
  };
  /** Forgets the state of a namespace: no node understands it any more. */
  drop(namespace: string): void;
}

interface State {
  /** That of the newest write or login. */
  written: string | undefined;
  /** That of the newest answer, and whose it was. */
  seen: { readonly index: string; readonly node: string } | undefined;
}

/**
 * The newest index of a write or login goes with every request. A request to another node than the one
 * that answered last carries the index of that answer, so that moving on never goes back in time.
 */
export function stateIndex(): StateIndex {
  const states = new Map<string, State>();
  return {
    sending(node, namespace) {
      const state = states.get(namespace) ?? { written: undefined, seen: undefined };
      states.set(namespace, state);
      const { written, seen } = state;
      const index = seen === undefined || seen.node === node ? written : seen.index;
      return {
        call: index === undefined ? {} : { index, inconsistent: 'forward-active-node' },
        answered(answer, changed) {
          if (answer === undefined) return;
          if (changed) state.written = answer;
          // an answer that began before a write may be older than that
          if (changed || state.written === written) state.seen = { index: answer, node };
        },
      };
    },
    drop(namespace) {
      states.delete(namespace);
    },
  };
}
