/**
 * Settings to a wire: the client that builds the requests, our transport that sends them, and the nodes.
 */
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import type { Wire, WireSend } from '../wire/vault-wire.ts';
import { directWire } from './direct-wire.ts';
import { createTransport } from './transport.ts';
import { acrossNodes } from './vault-nodes.ts';

/** Makes the wire that the settings name. Does no I/O. */
export function openWire(settings: ConnectionSettings): Wire {
  const transport = createTransport(settings);
  const { wire = directWire } = settings;
  const send: WireSend = async (request, call) => {
    try {
      return await transport.send(await wire(request, call), request, call);
    } catch {
      // nothing of ours rejects: this is the other client's own, and its text may hold anything
      return { kind: 'failure', what: 'malformed', detail: 'the option wire', sent: false };
    }
  };
  return { send: acrossNodes(send, settings), close: () => transport.close() };
}
