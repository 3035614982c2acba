/**
 * Requests as Vault's HTTP API wants them: our own client, and the default.
 */
import type { VaultWire } from '../wire/vault-wire.ts';

const methods = { read: 'GET', write: 'POST', update: 'PATCH', delete: 'DELETE' } as const;

/** Builds the request by itself. */
export const directWire: VaultWire = ({ verb, path, body }, { token, namespace }) => ({
  method: methods[verb],
  path: `/v1/${path}`,
  headers: {
    ...(token && { 'X-Vault-Token': token }),
    ...(namespace && { 'X-Vault-Namespace': namespace }),
    ...(verb === 'update' && { 'Content-Type': 'application/merge-patch+json' }),
  },
  body,
});
