/**
 * Who may see the user's credentials when the real sops runs. The metadata of a file names the services that hold its
 * key, and sops sends them what it finds in its environment and in the home folder: a Vault token to any `vault_address`,
 * also over http. So sops is started only if every service is configured, and gets only the variables that the services
 * of this file need.
 */
import type { SecretError } from '@keyfall/core/provider';
import { decodeText, problem } from '@keyfall/core/provider/files';
import type { RawMetadata, RawValue } from '../tree/sops-metadata.ts';
import { printable, type SopsSource } from './open-sops.ts';

/** Names of variables; one that ends in `_` stands for all names that begin so. */
type Names = readonly string[];

/** What every program needs, and the settings of the network. */
const always: Names = [
  ...['PATH', 'Path', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'TZ', 'LANG', 'LANGUAGE', 'LC_'],
  ...['XDG_CONFIG_HOME', 'XDG_RUNTIME_DIR', 'TERM'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
  ...['SystemRoot', 'SYSTEMROOT', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA', 'TEMP', 'TMP'],
  ...['SOPS_DECRYPTION_ORDER', 'SOPS_KEYSERVICE', 'SOPS_ENABLE_LOCAL_KEYSERVICE'],
];

/** How programs of the user's session are reached: the agent of gpg, the dialog that asks for a PIN. */
const session: Names = [
  ...['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'DBUS_SESSION_BUS_ADDRESS', 'PINENTRY_USER_DATA'],
];

/** The variables of each service, by its field in the metadata (those of sops 3.11 and of its clients). */
const ofService: Readonly<Record<string, Names>> = {
  age: ['SOPS_AGE_', 'SSH_AUTH_SOCK', ...session],
  pgp: ['GNUPGHOME', 'GPG_TTY', 'GPG_AGENT_INFO', 'SOPS_GPG_EXEC', 'SSH_AUTH_SOCK', ...session],
  kms: ['AWS_'],
  gcp_kms: [...['GOOGLE_', 'CLOUDSDK_', 'GCLOUD_', 'GCE_METADATA_HOST', 'SOPS_GCP_'], ...['GRPC_']],
  azure_kv: ['AZURE_', 'IDENTITY_', 'IMDS_', 'MSI_'],
  hc_vault: ['VAULT_'],
};

/** The variables that are credentials themselves, by the service that sees them. */
const credentialsOf: Readonly<Record<string, Names>> = {
  kms: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
  gcp_kms: ['GOOGLE_CREDENTIALS', 'GOOGLE_OAUTH_ACCESS_TOKEN'],
  azure_kv: ['AZURE_CLIENT_SECRET', 'AZURE_PASSWORD'],
};

/**
 * The environment that sops gets for a file. Its credentials are added to `credentialVariables`.
 *
 * @throws `ERR_SECRET_CONFIG` if the file names a service that is not configured; `ERR_SECRET_INVALID` if sops might read
 *   another address in the file than we do
 */
export function environmentFor(source: SopsSource, bytes: Uint8Array): NodeJS.ProcessEnv {
  const { environment, ageKey, ageKeyFile } = source;
  const metadata = source.format.parse(decodeText(source, bytes)).metadata ?? new Map();
  if (!isPlain(metadata))
    throw problem(
      source,
      'ERR_SECRET_INVALID',
      'has names in its metadata that sops did not write',
      'Encrypt it again with `sops encrypt`.',
    );
  const services = servicesOf(metadata);
  for (const { kind, key } of services) assertMayBeAsked(source, kind, key);
  const used = ['age', ...services.map(({ kind }) => kind)];
  const names = [...always, ...used.flatMap((kind) => ofService[kind] ?? [])];
  for (const name of services.flatMap(({ kind }) => credentialsOf[kind] ?? []))
    if (environment[name] !== undefined) source.credentialVariables.add(name);
  const given = Object.entries(environment).filter(([name]) =>
    names.some((each) => (each.endsWith('_') ? name.startsWith(each) : name === each)),
  );
  if (ageKey === undefined && ageKeyFile === undefined) return Object.fromEntries(given);
  return {
    ...Object.fromEntries(given),
    // sops finds only the keys of the options. The file may hold keys of age or of SSH: sops ignores a file of the
    // wrong kind.
    SOPS_AGE_KEY: ageKey,
    SOPS_AGE_KEY_FILE: ageKeyFile,
    SOPS_AGE_SSH_PRIVATE_KEY_FILE: ageKeyFile,
    SOPS_AGE_KEY_CMD: undefined,
  };
}

/**
 * Whether every name is one that sops writes. Go ignores the case of names, and takes the Kelvin sign for a `k`
 * (encoding/json), so that it could find an address that we do not see.
 */
function isPlain(value: RawValue): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (!(value instanceof Map)) return true;
  for (const [name, inner] of value as RawMetadata) {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) return false;
    // the encryption context of KMS, whose names are the user's own
    if (name !== 'context' && !isPlain(inner)) return false;
  }
  return true;
}

/** A key that a service holds. */
interface ServiceKey {
  readonly kind: string;
  readonly key: RawMetadata;
}

/** All of them, in the single group and in the list of groups, whichever sops uses. */
function servicesOf(metadata: RawMetadata): readonly ServiceKey[] {
  const groups = [metadata, ...mapsIn(metadata, 'key_groups')];
  return groups.flatMap((group) =>
    Object.keys(ofService)
      .filter((kind) => kind !== 'age')
      .flatMap((kind) => mapsIn(group, kind).map((key) => ({ kind, key }))),
  );
}

function mapsIn(metadata: RawMetadata, name: string): readonly RawMetadata[] {
  const value = metadata.get(name);
  return Array.isArray(value) ? value.filter((each) => each instanceof Map) : [];
}

function assertMayBeAsked(source: SopsSource, kind: string, key: RawMetadata): void {
  const { environment, keyServers } = source;
  const text = (name: string) => String(key.get(name) ?? '');
  if (kind === 'hc_vault') {
    const own = [environment['VAULT_ADDR'], environment['BAO_ADDR'], ...keyServers];
    const address = text('vault_address');
    if (!own.some((each) => isSameAddress(each, address)))
      throw refusal(source, 'Vault', address, 'Set VAULT_ADDR to it, if it is yours');
  } else if (kind === 'azure_kv') {
    const address = text('vault_url');
    if (!isOfAzure(address) && !keyServers.some((each) => isSameAddress(each, address)))
      throw refusal(source, 'key vault', address, 'It is not an address of Azure');
  } else if (kind === 'kms') {
    // sops makes the host's name of the region, and accepts any text as a region
    const arn = text('arn');
    if (!/^arn:aws[\w-]*:kms:[a-z0-9-]+:\d+:(?:key|alias)\/.+$/.test(arn))
      throw refusal(source, 'KMS key', arn, 'It is not an ARN of AWS');
  }
}

function refusal(source: SopsSource, what: string, address: string, hint: string): SecretError {
  return problem(
    source,
    'ERR_SECRET_CONFIG',
    `names the ${what} ${address === '' ? 'without an address' : printable(address)}, which is not configured: no credentials go there, and sops was not started`,
    what === 'KMS key' ? `${hint}.` : `${hint}, or name it in the option keyServers.`,
  );
}

/** Scheme, host and port are the same, and so is the path before the API's own. */
function isSameAddress(one: string | undefined, other: string): boolean {
  const [mine, theirs] = [addressOf(one), addressOf(other)];
  return mine !== undefined && mine === theirs;
}

function addressOf(text: string | undefined): string | undefined {
  // in a form that every parser reads as the same host
  if (text === undefined || !/^https?:\/\/[\w.:[\]-]+(?:\/[\w./~-]*)?$/i.test(text))
    return undefined;
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
}

/** The hosts of key vaults and of managed HSMs, in every cloud of Azure's. */
function isOfAzure(text: string): boolean {
  const address = addressOf(text);
  return (
    address !== undefined &&
    /^https:\/\/[a-z0-9-]+\.(?:vault|managedhsm)\.(?:azure\.net|azure\.cn|usgovcloudapi\.net|microsoftazure\.de)$/.test(
      address,
    )
  );
}
