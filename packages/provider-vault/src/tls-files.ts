/**
 * The files of the TLS settings, read when the first connection needs them.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsSettings } from './vault-settings.ts';
import type { WireFailure } from './vault-wire.ts';

/**
 * What a connection is made with. Authorities that were given replace the system's, in the order of
 * Vault's own clients: file, text, directory.
 *
 * @returns a failure that names the setting, if a file cannot be read or is not what it should be
 */
export async function loadSecureContext(tls: TlsSettings): Promise<SecureContext | WireFailure> {
  let setting = 'caCert (variable VAULT_CACERT)';
  try {
    let ca: string[] | undefined;
    if (tls.caFile !== undefined) ca = [await readFile(tls.caFile, 'utf8')];
    else if (tls.caPem !== undefined) ca = [tls.caPem];
    else if (tls.caDirectory !== undefined) {
      setting = 'caPath (variable VAULT_CAPATH)';
      const entries = await readdir(tls.caDirectory, { withFileTypes: true });
      const files = entries.filter((entry) => !entry.isDirectory());
      const directory = tls.caDirectory;
      ca = await Promise.all(files.map(({ name }) => readFile(join(directory, name), 'utf8')));
    }
    // made before the certificate is looked at, so that a broken authority is told from that
    const authorities = { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) } as const;
    const withoutClient = createSecureContext(authorities);
    if (tls.certFile === undefined || tls.keyFile === undefined) return withoutClient;
    setting = 'clientCert or clientKey (variables VAULT_CLIENT_CERT, VAULT_CLIENT_KEY)';
    const [cert, key] = await Promise.all([
      readFile(tls.certFile, 'utf8'),
      readFile(tls.keyFile, 'utf8'),
    ]);
    return createSecureContext({ ...authorities, cert, key });
  } catch {
    return { kind: 'failure', what: 'settings', detail: setting, sent: false };
  }
}
