/**
 * Whom to trust and what to show, by options and by variables.
 */

import { parseBool, type SettingReader } from '../environment/setting-reader.ts';
import { findVariable, type VaultSetting } from '../environment/vault-variables.ts';
import type { VaultConnectionOptions } from './connection-options.ts';

/** A file, with how to name its setting in an error. */
export interface FileSetting {
  readonly path: string;
  readonly from: string;
}

/** How the server's certificate is checked and ours is shown. Files are read at the first use. */
export interface TlsSettings {
  /** Whom to trust instead of the system's authorities. */
  readonly authorities:
    | ({ readonly kind: 'file' | 'directory' } & FileSetting)
    | { readonly kind: 'text'; readonly pem: string }
    | undefined;
  /** What to show to a server that asks. */
  readonly identity: { readonly cert: FileSetting; readonly key: FileSetting } | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
  /** How to name `skipVerify` in a warning. */
  readonly skipVerifyFrom: string;
}

/** @throws `ERR_SECRET_CONFIG` naming what is wrong; files are not looked at yet */
export function tlsSettings(options: VaultConnectionOptions, reader: SettingReader): TlsSettings {
  const { env, text, parsed } = reader;
  const skipVerify = parsed(
    'skipVerify',
    options.skipVerify,
    'SKIP_VERIFY',
    parseBool,
    'true or false',
  );
  const variable = findVariable(env, 'SKIP_VERIFY')?.name;
  return {
    authorities: authorities(options, reader),
    identity: identity(options, reader),
    serverName: text(options.tlsServerName, 'TLS_SERVER_NAME'),
    skipVerify: skipVerify ?? false,
    skipVerifyFrom:
      options.skipVerify === undefined && variable
        ? `the variable ${variable}`
        : 'the option skipVerify',
  };
}

/** An option before every variable; of the variables file, text, directory, as Vault's clients do. */
function authorities(
  options: VaultConnectionOptions,
  { env, wrong }: SettingReader,
): TlsSettings['authorities'] {
  const settings = [
    ['file', 'caCert', 'CACERT'],
    ['text', 'caCertPem', 'CACERT_BYTES'],
    ['directory', 'caPath', 'CAPATH'],
  ] as const;
  const [one, another] = settings.filter(([, option]) => options[option] !== undefined);
  if (one && another)
    throw wrong(`the options ${one[1]} and ${another[1]} are both given`, 'Give one of them.');
  for (const [kind, option, setting] of one ? [one] : settings) {
    const variable = findVariable(env, setting);
    const value = options[option] ?? variable?.value;
    if (!value) continue;
    const from = one ? `the option ${option}` : `the variable ${variable?.name}`;
    if (kind !== 'text') return { kind, path: value, from };
    if (certificatesIn(value) === 0)
      throw wrong(`${from} holds no certificate`, 'Give the PEM text of one or several.');
    return { kind, pem: value };
  }
  return undefined;
}

/** How many certificates a PEM text holds; 0 if one of them is broken, or a block is not whole. */
export function certificatesIn(pem: string): number {
  // not imported: who gives no certificate has no need of it, and it takes long to load
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  // a file that is just being written ends somewhere
  if (/-----(?:BEGIN|END) /.test(pem.replace(wholeBlock, ''))) return 0;
  const blocks = (pem.match(wholeBlock) ?? []).filter((block) => isCertificate.test(block));
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch {
    return 0;
  }
  return blocks.length;
}

/** Whether a PEM text holds a private key, and every block in it is whole. */
export function holdsKey(pem: string): boolean {
  const blocks = pem.match(wholeBlock) ?? [];
  const isWhole = !/-----(?:BEGIN|END) /.test(pem.replace(wholeBlock, ''));
  return isWhole && blocks.some((block) => /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(block));
}

const wholeBlock = /-----BEGIN ([A-Z\d ]+)-----[\s\S]*?-----END \1-----/g;
const isCertificate = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;

/** Both from options or both from variables: halves of two pairs do not fit. */
function identity(
  options: VaultConnectionOptions,
  { env, wrong }: SettingReader,
): TlsSettings['identity'] {
  const given = options.clientCert !== undefined || options.clientKey !== undefined;
  const half = (option: 'clientCert' | 'clientKey', setting: VaultSetting) => {
    const variable = findVariable(env, setting);
    const path = given ? options[option] : variable?.value;
    const name = variable?.name ?? `VAULT_${setting}`;
    const from = given ? `the option ${option}` : `the variable ${name}`;
    return { path: path || undefined, from, label: `the option ${option} (variable ${name})` };
  };
  const cert = half('clientCert', 'CLIENT_CERT');
  const key = half('clientKey', 'CLIENT_KEY');
  if (cert.path === undefined && key.path === undefined) return undefined;
  if (cert.path !== undefined && key.path !== undefined)
    return {
      cert: { path: cert.path, from: cert.from },
      key: { path: key.path, from: key.from },
    };
  const [there, missing] = cert.path === undefined ? [key, cert] : [cert, key];
  throw wrong(
    `${there.from} is set without the other half of the pair, ${missing.label}`,
    'Give both as options, both as variables, or none.',
  );
}
