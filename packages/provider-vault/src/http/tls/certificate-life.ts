/**
 * When the certificate of a server ends. A connection of its own, on which nothing is sent.
 */
import { connect } from 'node:tls';
import type { ReadContext } from '@keyfall/core/provider';
import type { ConnectionSettings } from '../../settings/connection-settings.ts';
import { secureContexts } from './tls-files.ts';

/** From when to when a certificate is valid, in milliseconds since the epoch. */
export interface CertificateLife {
  readonly from: number;
  readonly to: number;
}

/** `undefined` where it cannot be found out. Whether it is trusted, the requests find out. */
export async function certificateLife(
  { address: { hostname, port }, tls, proxy }: ConnectionSettings,
  { signal, remainingTimeout }: ReadContext,
): Promise<CertificateLife | undefined> {
  if (proxy) return undefined; // the server is reached through it alone
  const secureContext = await secureContexts(tls).current();
  if ('kind' in secureContext || signal.aborted) return undefined;
  return new Promise((resolve) => {
    const servername = tls.serverName ?? (/^[\d.]+$|:/.test(hostname) ? undefined : hostname);
    const socket = connect({
      host: hostname,
      port,
      secureContext,
      rejectUnauthorized: false,
      ...(servername === undefined ? {} : { servername }),
    });
    const end = (life?: CertificateLife): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(life);
      socket.destroy();
    };
    const onAbort = () => end();
    const timer = setTimeout(end, Math.min(remainingTimeout(), 60_000));
    signal.addEventListener('abort', onAbort);
    socket.on('error', () => end());
    socket.once('secureConnect', () => {
      const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
      const life = { from: Date.parse(from), to: Date.parse(to) };
      end(Number.isNaN(life.from) || Number.isNaN(life.to) ? undefined : life);
    });
  });
}
