/**
 * Connections to https addresses: their agent, the TLS files it is made with, and the tunnel through a
 * proxy. A module of its own that the transport imports at the first such request: `node:tls` and the
 * `node:crypto` that it needs take longer to load than a request over http takes.
 */
import { Agent } from 'node:https';
import type { SecureContext } from 'node:tls';
import type { ConnectionSettings } from '../../settings/connection-settings.ts';
import type { WireFailure } from '../../wire/vault-wire.ts';
import { type KeptConnections, keptConnections } from './kept-connections.ts';
import { tunnelThrough } from './proxy-tunnel.ts';
import { secureContexts } from './tls-files.ts';

/** What a transport needs to ask https addresses. */
export interface SecureConnections {
  /** The connections that are made with the TLS files as they are now. */
  kept(): Promise<KeptConnections<Agent> | WireFailure>;
  /** What a handshake that failed with this code is due to, where it is a file of ours. */
  causeOf(code: string): WireFailure | undefined;
  /** What to warn of, where the files could not be used for long. */
  notice(): string | undefined;
  close(): void;
}

/**
 * @param idle - milliseconds that an idle connection is kept
 * @param warnAfter - milliseconds before a warning says that the TLS files cannot be used
 */
export function secureConnections(
  { tls, proxy }: Pick<ConnectionSettings, 'tls' | 'proxy'>,
  idle: number,
  warnAfter?: number,
): SecureConnections {
  const contexts = secureContexts(tls, warnAfter);
  const tunnel = proxy && tunnelThrough(proxy);
  let held: { readonly kept: KeptConnections<Agent>; readonly context: SecureContext } | undefined;

  function agentWith(secureContext: SecureContext): Agent {
    const agent = new Agent({
      keepAlive: true,
      timeout: idle,
      secureContext,
      rejectUnauthorized: !tls.skipVerify,
      // a resumed session shows no certificate: neither theirs that has expired nor ours that is new
      maxCachedSessions: 0,
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    });
    if (tunnel) agent.createConnection = tunnel;
    return agent;
  }

  return {
    async kept() {
      const context = await contexts.current();
      if ('kind' in context) return context;
      if (held?.context === context) return held.kept;
      held?.kept.retire();
      held = { kept: keptConnections(() => agentWith(context)), context };
      return held.kept;
    },
    causeOf: (code) => contexts.causeOf(code),
    notice: () => contexts.notice(),
    close() {
      held?.kept.close();
    },
  };
}
