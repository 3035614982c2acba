/**
 * Whom to trust and what to show, by options and by variables.
 */
import { parseBool, type SettingReader } from '../environment/setting-reader.ts';
import { findVariable, type VaultSetting } from '../environment/vault-variables.ts';
import type { VaultTlsOptions } from './vault-options.ts';

/** A file, with how to name its setting in an error. */
export interface FileSetting {
  readonly path: string;
  readonly from: string;
}

/** How the server's certificate is checked and ours is shown. Files are read at the first use. */
export interface TlsSettings {
  /** Whom to trust instead of the system's authorities: a file or a directory, or PEM text. */
  readonly authorities: FileSetting | { readonly pem: string } | undefined;
  /** What to show to a server that asks. */
  readonly identity: { readonly cert: FileSetting; readonly key: FileSetting } | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
  /** How to name `skipVerify` in a warning. */
  readonly skipVerifyFrom: string;
}

/** @throws `ERR_SECRET_CONFIG` naming what is wrong; files are not looked at yet */
export function tlsSettings(tls: VaultTlsOptions, reader: SettingReader): TlsSettings {
  const { env, text, parsed } = reader;
  const skipVerify = parsed(
    { option: 'tls.skipVerify', variable: 'SKIP_VERIFY' },
    tls.skipVerify,
    parseBool,
    'true or false',
  );
  const variable = findVariable(env, 'SKIP_VERIFY')?.name;
  return {
    authorities: authorities(tls, reader),
    identity: identity(tls, reader),
    serverName: text(tls.serverName, 'TLS_SERVER_NAME'),
    skipVerify: skipVerify ?? false,
    skipVerifyFrom:
      tls.skipVerify === undefined && variable
        ? `the variable ${variable}`
        : 'the option tls.skipVerify',
  };
}

/** The option before every variable; of the variables file, text, directory, as Vault's clients do. */
function authorities(
  { ca }: VaultTlsOptions,
  { env, configError }: SettingReader,
): TlsSettings['authorities'] {
  const ofText = (pem: string, setting: { option?: string; variable?: VaultSetting }) => {
    if (certificatesIn(pem) > 0) return { pem };
    throw configError(setting, 'holds no certificate', 'Give the PEM text of one or several.');
  };
  if (ca !== undefined)
    return ca.includes('-----BEGIN')
      ? ofText(ca, { option: 'tls.ca' })
      : { path: ca, from: 'the option tls.ca' };
  for (const variable of ['CACERT', 'CACERT_BYTES', 'CAPATH'] as const) {
    const found = findVariable(env, variable);
    if (!found?.value) continue;
    return variable === 'CACERT_BYTES'
      ? ofText(found.value, { variable })
      : { path: found.value, from: `the variable ${found.name}` };
  }
  return undefined;
}

/** How many certificates a PEM text holds; 0 if one of them is broken, or a block is not whole. */
export function certificatesIn(pem: string): number {
  // not imported: a program that gives no certificate has no need of it, and it takes long to load
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
  tls: VaultTlsOptions,
  { text, env, configError }: SettingReader,
): TlsSettings['identity'] {
  const isGiven = tls.cert !== undefined || tls.key !== undefined;
  const half = (option: 'cert' | 'key', variable: VaultSetting) => ({
    path: isGiven ? tls[option] : text(undefined, variable),
    from: isGiven
      ? `the option tls.${option}`
      : `the variable ${findVariable(env, variable)?.name ?? `VAULT_${variable}`}`,
    setting: { option: `tls.${option}`, variable },
  });
  const cert = half('cert', 'CLIENT_CERT');
  const key = half('key', 'CLIENT_KEY');
  if (cert.path === undefined && key.path === undefined) return undefined;
  if (cert.path !== undefined && key.path !== undefined)
    return { cert: { path: cert.path, from: cert.from }, key: { path: key.path, from: key.from } };
  const [there, missing] = cert.path === undefined ? [key, cert] : [cert, key];
  throw configError(
    missing.setting,
    `is the other half of the pair with ${there.from}, and is not set`,
    'Give both as options, both as variables, or none.',
  );
}
