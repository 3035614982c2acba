/**
 * Settings to a wire: the client that builds the requests, our transport that sends them, and the nodes.
 */
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import { changes, type Wire, type WireSend } from '../wire/vault-wire.ts';
import { directWire } from './direct-wire.ts';
import { createTransport } from './transport.ts';
import { acrossNodes } from './vault-nodes.ts';

/** Makes the wire that the settings name. Does no I/O. */
export function openWire(settings: ConnectionSettings): Wire {
  const transport = createTransport(settings);
  const { wire = directWire } = settings;
  const send: WireSend = async (request, call) => {
    try {
      const built = await wire(request, call);
      const sent = changes(request)
        ? { ...built, headers: { ...built.headers, ...once() } }
        : built;
      return await transport.send(sent, request, call);
    } catch {
      // nothing of ours rejects: this is the other client's own, and its text may hold anything
      return { kind: 'failure', what: 'malformed', detail: 'the option wire', sent: false };
    }
  };
  return { send: acrossNodes(send, settings), close: () => transport.close() };
}

/**
 * What makes a request unlike any other. The cache of a Vault Proxy or Agent answers two equal logins with one token, and two
 * equal requests for credentials with one lease: then a process that gives back its own takes that of the others.
 */
function once(): Readonly<Record<string, string>> {
  return { 'X-Request-Id': Math.random().toString(36).slice(2) };
}
