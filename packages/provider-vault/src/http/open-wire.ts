/**
 * Settings to a wire: the one place that knows which adapters there are.
 */
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import type { VaultWire } from '../wire/vault-wire.ts';
import { directWire } from './direct-wire.ts';
import { nodeVaultWire } from './node-vault-wire.ts';
import { createTransport } from './transport.ts';
import { acrossNodes, type ClusterSettings } from './vault-nodes.ts';

/** Makes the wire that the settings name. Does no I/O. */
export function openWire(settings: ConnectionSettings & ClusterSettings): VaultWire {
  const transport = createTransport(settings);
  const adapter = settings.wire === 'node-vault' ? nodeVaultWire : directWire;
  return acrossNodes(adapter(transport, settings.pathPrefix), settings);
}
