/**
 * The wire over our transport and nothing else.
 */

import type { VaultWire, WireCall, WireResult } from '../wire/vault-wire.ts';
import type { Transport } from './transport.ts';

/** @param pathPrefix - what stands between `/v1` and every path: `/team-a`, or nothing */
export function directWire(transport: Transport, pathPrefix = ''): VaultWire {
  const ask = (
    method: string,
    path: string,
    call: WireCall,
    body?: string,
    more?: Readonly<Record<string, string>>,
  ): Promise<WireResult> =>
    transport.send({
      method,
      path: `/v1${pathPrefix}/${path}`,
      headers: {
        ...(call.token ? { 'X-Vault-Token': call.token } : {}),
        ...(call.namespace ? { 'X-Vault-Namespace': call.namespace } : {}),
        ...more,
      },
      body,
      call,
    });
  return {
    read: (path, call) => ask('GET', path, call),
    list: (path, call) => ask('GET', listPath(path), call),
    write: (path, body, call) => ask('POST', path, call, body),
    update: (path, body, call) =>
      ask('PATCH', path, call, body, { 'Content-Type': 'application/merge-patch+json' }),
    delete: (path, call) => ask('DELETE', path, call),
    close: () => transport.close(),
  };
}

/** The path of a list as GET, after a query of its own if it has one (`?after=…`). */
export function listPath(path: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}list=true`;
}
