/**
 * The connections that are kept for later requests, by node. Behind a balancer a kept connection leads to
 * the same server for as long as it is used, also to one that can no longer serve; and whatever
 * stands between may have forgotten it. So all that are kept to a node can be left behind at once: each ends
 * with the request that it carries, and the next request makes another, wherever that leads.
 */
import type { Agent } from 'node:http';

/** Agents of one kind, one for each node. */
export interface KeptConnections<Kind extends Agent> {
  /**
   * The agent for a request to a node.
   *
   * @param within - milliseconds: where the last answer over a kept connection is longer ago, none of them
   *   is used. `0`: a new connection in any case
   */
  agent(origin: string, within: number): Kind;
  /** Notes that an answer came from the node just now. */
  answered(origin: string): void;
  /** Leaves all connections behind: each ends after the answer that it is to bring. */
  retire(): void;
  /** Ends all connections but those that were left behind. */
  close(): void;
}

/** @param make - makes an agent without connections */
export function keptConnections<Kind extends Agent>(make: () => Kind): KeptConnections<Kind> {
  const current = new Map<string, { readonly agent: Kind; answeredAt: number }>();

  return {
    agent(origin, within) {
      const held = current.get(origin);
      if (held && within > 0 && performance.now() - held.answeredAt <= within) return held.agent;
      if (held) leave(held.agent);
      const agent = make();
      current.set(origin, { agent, answeredAt: performance.now() });
      return agent;
    },
    answered(origin) {
      const held = current.get(origin);
      if (held) held.answeredAt = performance.now();
    },
    retire() {
      for (const { agent } of current.values()) leave(agent);
      current.clear();
    },
    close() {
      for (const { agent } of current.values()) agent.destroy();
      current.clear();
    },
  };
}

/** Ends an agent's idle connections now, and each other one after its answer. */
function leave(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}
