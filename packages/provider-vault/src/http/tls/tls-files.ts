/**
 * The files of the TLS settings: read when the first connection needs them, and read again when they
 * have changed, since certificates are renewed under programs that run for months.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { printOf } from '../../environment/file-prints.ts';
import { readSettingFile } from '../../environment/setting-files.ts';
import {
  certificatesIn,
  type FileSetting,
  holdsKey,
  type TlsSettings,
} from '../../settings/tls-settings.ts';
import type { WireFailure } from '../../wire/vault-wire.ts';

/** What connections are made with, as the files are now. */
export interface SecureContexts {
  /**
   * The same object until a file changes. Files that cannot be used any more leave the last good
   * one in its place: a renewal may be half done.
   *
   * @returns a failure that names the setting, if there never was a good one
   */
  current(): Promise<SecureContext | WireFailure>;
  /**
   * What a handshake that failed with this code is due to, if the files as they are now cannot be used:
   * a certificate that was refused, to our own files; one that was not trusted, to the authorities.
   */
  causeOf(code: string): WireFailure | undefined;
  /**
   * What to warn of: the files have been unusable for so long that no renewal is under way any more, and what they
   * held before is used on.
   */
  notice(): string | undefined;
}

/** Milliseconds that a renewal of the files may take before a warning says that they cannot be used. */
const longestRenewal = 60_000;

/** How often a file is looked at that is being written, while what it held before will do. */
const looksMeanwhile = 2;

/** @param warnAfter - milliseconds before a warning says that files cannot be used. Default 1 min */
export function secureContexts(
  tls: TlsSettings,
  warnAfter: number = longestRenewal,
): SecureContexts {
  let held: { readonly print: string; readonly context: SecureContext } | undefined;
  let failing: (Unusable & { readonly since: number }) | undefined;
  let looking: Promise<SecureContext | WireFailure> | undefined;

  async function look(): Promise<SecureContext | WireFailure> {
    // taken before the files are read: a change in between is seen by the next look
    const print = await fingerprintOf(tls);
    if (held?.print === print) {
      failing = undefined;
      return held.context;
    }
    const loaded = await loadSecureContext(tls, held && looksMeanwhile);
    failing =
      'part' in loaded ? { ...loaded, since: failing?.since ?? performance.now() } : undefined;
    if ('part' in loaded) return held?.context ?? loaded.failure;
    held = { print, context: loaded };
    return loaded;
  }

  return {
    current() {
      looking ??= look().finally(() => {
        looking = undefined;
      });
      return looking;
    },
    causeOf(code) {
      const part = refused.test(code) ? 'identity' : 'authorities';
      return failing?.part === part ? failing.failure : undefined;
    },
    notice() {
      if (!held || !failing || performance.now() - failing.since < warnAfter) return undefined;
      return `${failing.failure.detail} cannot be used: what it held before is used until it can`;
    },
  };
}

/** OpenSSL's codes for a server that does not take our side of the handshake. */
const refused = /ALERT_(?:CERTIFICATE_|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/;

/** Which part of the settings cannot be used, and the failure that names it. */
interface Unusable {
  readonly part: 'authorities' | 'identity';
  readonly failure: WireFailure;
}

/** What shows whether a file is another than before: size and times, or that it is not there. */
async function fingerprintOf({ authorities, identity }: TlsSettings): Promise<string> {
  const files: string[] = [];
  if (authorities && 'path' in authorities)
    files.push(...(await filesOf(authorities.path).catch(() => [authorities.path])));
  if (identity) files.push(identity.cert.path, identity.key.path);
  return printOf(files);
}

/** The file, or those of a directory. Links are followed: a mounted Kubernetes volume is made of them. */
async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const paths = (await readdir(path)).sort().map((name) => join(path, name));
  const facts = await Promise.all(paths.map((path) => stat(path)));
  return paths.filter((_, index) => facts[index]?.isFile());
}

/** Authorities that were given replace the system's. */
async function loadSecureContext(
  tls: TlsSettings,
  looks: number | undefined,
): Promise<SecureContext | Unusable> {
  let part: Unusable['part'] = 'authorities';
  let setting = '';
  try {
    const ca: string[] = [];
    const { authorities, identity } = tls;
    if (authorities && 'pem' in authorities) ca.push(authorities.pem);
    else if (authorities) {
      setting = authorities.from;
      for (const file of await filesOf(authorities.path)) {
        const pem = await readSettingFile(file, looks);
        // OpenSSL passes over what it cannot read, and would trust none or the wrong ones
        if (certificatesIn(pem) === 0) return unusable(part, setting);
        ca.push(pem);
      }
      if (ca.length === 0) return unusable(part, setting);
    }
    const trusted = { minVersion: 'TLSv1.2', ...(authorities ? { ca } : {}) } as const;
    // made before the certificate is looked at, so that a broken authority is not taken for that
    const withoutIdentity = createSecureContext(trusted);
    if (identity === undefined) return withoutIdentity;
    part = 'identity';
    const read = ({ path, from }: FileSetting) => {
      setting = from;
      return readSettingFile(path, looks);
    };
    const cert = await read(identity.cert);
    // an empty text would make connections that show nothing
    if (certificatesIn(cert) === 0) return unusable(part, setting);
    const key = await read(identity.key);
    if (!holdsKey(key)) return unusable(part, setting);
    setting = `${identity.cert.from} or ${identity.key.from}`;
    return createSecureContext({ ...trusted, cert, key });
  } catch {
    return unusable(part, setting);
  }
}

function unusable(part: Unusable['part'], setting: string): Unusable {
  const detail = `the file of ${setting}`;
  return { part, failure: { kind: 'failure', what: 'tls-file', detail, sent: false } };
}
