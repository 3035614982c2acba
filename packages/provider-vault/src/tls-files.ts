/**
 * The files of the TLS settings, read when the first connection needs them.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsSettings } from './vault-settings.ts';
import type { WireFailure } from './vault-wire.ts';

/** Reads them, or names the setting whose file cannot be read. */
export async function readTlsFiles(
  tls: TlsSettings,
): Promise<{ ca?: string[]; cert?: string; key?: string } | WireFailure> {
  let setting = '';
  const read = (file: string, of: string): Promise<string> => {
    setting = of;
    return readFile(file, 'utf8');
  };
  try {
    const files: { ca?: string[]; cert?: string; key?: string } = {};
    // the order of Vault's own clients: file, text, directory
    if (tls.caFile !== undefined)
      files.ca = [await read(tls.caFile, 'caCert (variable VAULT_CACERT)')];
    else if (tls.caPem !== undefined) files.ca = [tls.caPem];
    else if (tls.caDirectory !== undefined) {
      setting = 'caPath (variable VAULT_CAPATH)';
      files.ca = [];
      for (const entry of await readdir(tls.caDirectory, { withFileTypes: true }))
        if (!entry.isDirectory())
          files.ca.push(await read(join(tls.caDirectory, entry.name), setting));
    }
    if (tls.certFile !== undefined)
      files.cert = await read(tls.certFile, 'clientCert (variable VAULT_CLIENT_CERT)');
    if (tls.keyFile !== undefined)
      files.key = await read(tls.keyFile, 'clientKey (variable VAULT_CLIENT_KEY)');
    return files;
  } catch {
    return { kind: 'failure', what: 'settings', detail: setting, sent: false };
  }
}
