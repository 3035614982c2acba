/**
 * What `vaultProvider` is told, by options and by variables, as one checked set of settings. No
 * I/O here: a wrong setting shows when the provider is made and names the option and the variable.
 */
import { type Duration, SecretError, toMilliseconds } from '@keyfall/core';
import { segmentsOf } from './vault-path.ts';
import { findVariable, type Variables, type VaultSetting } from './vault-variables.ts';

/** Options of `vaultProvider`. Each beats its variable, and `BAO_X` beats `VAULT_X`. */
export interface VaultProviderOptions {
  /**
   * Where the server is: `https://host:8200`, or `unix:///run/agent.sock` for a local agent.
   * Variables `VAULT_AGENT_ADDR`, `VAULT_ADDR`; default `https://127.0.0.1:8200`.
   */
  readonly address?: string;
  /**
   * Other nodes of the same cluster, by address: a standby may send a request on to one of them.
   * A redirect to any other origin is refused. Default: none but `address`.
   */
  readonly nodes?: readonly string[];
  /** A token. Variable `VAULT_TOKEN`. */
  readonly token?: string;
  /** A file that holds the token, read anew for every request (an agent's sink rotates it). */
  readonly tokenFile?: string;
  /**
   * Use the token that `vault login` or `bao login` left (`VAULT_TOKEN_PATH`, else
   * `~/.vault-token`) if there is no other. Default false: a library must not pick up a
   * developer's own rights unasked.
   */
  readonly tokenHelper?: boolean;
  /** Where the KV engine is mounted. Variable `VAULT_MOUNT_POINT`, default `secret`. */
  readonly mount?: string;
  /**
   * The document under the mount: `aiogram-shop`. Several: an earlier one's names win, and writes go
   * to the first. `{profile}` stands for the option `profile`. Variable `VAULT_SECRET_PATH` (one
   * path). Required.
   */
  readonly path?: string | readonly string[];
  /** What `{profile}` in a path stands for: `prod`. Variable `KEYFALL_PROFILE`. No default. */
  readonly profile?: string;
  /** The version of the KV engine. Default: asked of the server once. */
  readonly kvVersion?: 1 | 2;
  /** The namespace. Variable `VAULT_NAMESPACE`, default the root namespace. */
  readonly namespace?: string;
  /** Unique in the chain. Default `vault`. */
  readonly name?: string;
  /** The variables. Default `process.env`, read when the provider is made. */
  readonly env?: Variables;
  /** Time limit of one read, retries included. Variable `VAULT_CLIENT_TIMEOUT`; default the chain's. */
  readonly timeout?: Duration;
  /** How often a failed read is repeated inside its time limit. Variable `VAULT_MAX_RETRIES`, default 2. */
  readonly maxRetries?: number;
  /** A PEM file with the certificate authorities to trust instead of the system's. Variable `VAULT_CACERT`. */
  readonly caCert?: string;
  /** The same as PEM text. Variable `VAULT_CACERT_BYTES`. */
  readonly caCertPem?: string;
  /** A directory of such files. Variable `VAULT_CAPATH`. */
  readonly caPath?: string;
  /** A PEM file with the client's certificate. Variable `VAULT_CLIENT_CERT`. */
  readonly clientCert?: string;
  /** A PEM file with the certificate's key. Variable `VAULT_CLIENT_KEY`. */
  readonly clientKey?: string;
  /** The name to expect in the server's certificate, and to ask for. Variable `VAULT_TLS_SERVER_NAME`. */
  readonly tlsServerName?: string;
  /** Trust any certificate: for a throw-away server only. Variable `VAULT_SKIP_VERIFY`. */
  readonly skipVerify?: boolean;
  /**
   * What the server takes in one write; beyond it a write is refused before it is sent. `strings`
   * counts the names and texts of the document (default 997, OpenBao's own limit less what we add),
   * `bytes` its JSON (default 1 MiB less 4 KiB: raft's largest entry).
   */
  readonly writeLimits?: { readonly strings?: number; readonly bytes?: number };
}

/** Where a server is. */
export interface VaultAddress {
  /** `https://host:8200`, or `unix:///path`; no credentials, no path. */
  readonly origin: string;
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly socketPath?: string;
  /** A path in front of the API, as some proxies want it: `/vault`, or nothing. */
  readonly prefix: string;
}

/** How the server's certificate is checked and ours is shown. Files are read at the first use. */
export interface TlsSettings {
  readonly caFile?: string | undefined;
  readonly caPem?: string | undefined;
  readonly caDirectory?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly serverName?: string | undefined;
  readonly skipVerify: boolean;
}

/** Where the token comes from. */
export type TokenSetting =
  | { readonly kind: 'text'; readonly token: string; readonly from: string }
  | { readonly kind: 'file'; readonly file: string; readonly from: string }
  | { readonly kind: 'helper'; readonly file: string | undefined };

/** The checked settings of a provider. */
export interface VaultSettings {
  readonly name: string;
  readonly address: VaultAddress;
  readonly nodes: readonly VaultAddress[];
  readonly followRedirects: boolean;
  readonly token: TokenSetting;
  readonly namespace: string;
  readonly mount: string;
  /** The first of `paths`, the one that is written to. */
  readonly path: string;
  readonly paths: readonly string[];
  readonly kvVersion: 1 | 2 | undefined;
  readonly timeout: number | undefined;
  readonly maxRetries: number;
  readonly tls: TlsSettings;
  readonly writeLimits: { readonly strings: number; readonly bytes: number };
}

/**
 * @throws `ERR_SECRET_CONFIG` naming the option and the variable for anything that is missing,
 *   cannot be understood or cannot be honoured
 */
export function resolveSettings(options: VaultProviderOptions): VaultSettings {
  const env = options.env ?? process.env;
  const name = options.name ?? 'vault';
  const wrong = (what: string, hint: string): SecretError =>
    new SecretError('ERR_SECRET_CONFIG', what, { provider: name, hint });

  /** An option's text or its variable's, `undefined` for what is not given or set to nothing. */
  const text = (option: string | undefined, setting: VaultSetting): string | undefined =>
    option ?? (findVariable(env, setting)?.value || undefined);
  const labelled = (option: string, setting: VaultSetting): string => {
    const variable = findVariable(env, setting)?.name ?? `VAULT_${setting}`;
    return `the option ${option} (variable ${variable})`;
  };
  const parsed = <Value>(
    option: string,
    given: Value | undefined,
    setting: VaultSetting,
    parse: (value: string) => Value | undefined,
    expected: string,
  ): Value | undefined => {
    if (given !== undefined) return given;
    const found = text(undefined, setting);
    if (found === undefined) return undefined;
    const value = parse(found);
    if (value !== undefined) return value;
    throw wrong(`${labelled(option, setting)} is not ${expected}`, `Give ${expected}.`);
  };
  const located = (option: string, setting: VaultSetting, value: string): string => {
    try {
      return segmentsOf(value.replace(/^\/+|\/+$/g, '')).join('/');
    } catch {
      throw wrong(
        `${labelled(option, setting)} is not a path`,
        'Write names separated by single slashes, without "." or "..".',
      );
    }
  };

  for (const setting of ['PROXY_ADDR', 'HTTP_PROXY', 'SRV_LOOKUP'] as const) {
    const found = findVariable(env, setting);
    if (found && found.value !== '' && parseBool(found.value) !== false)
      throw wrong(
        `the variable ${found.name} is set, and proxies and SRV look-ups are not supported`,
        'Unset it, and give the server or a local agent as VAULT_ADDR.',
      );
  }

  const agent = options.address === undefined ? text(undefined, 'AGENT_ADDR') : undefined;
  const addressLabel = agent ? labelled('address', 'AGENT_ADDR') : labelled('address', 'ADDR');
  const address = parseAddress(
    agent ?? text(options.address, 'ADDR') ?? 'https://127.0.0.1:8200',
    addressLabel,
    wrong,
  );
  const given = options.path ?? text(undefined, 'SECRET_PATH') ?? [];
  const templates = typeof given === 'string' ? [given] : given;
  if (templates.length === 0 || templates.includes(''))
    throw wrong(
      'no path was given: the option path and the variable VAULT_SECRET_PATH are both missing',
      "Name the document under the mount, such as path: 'aiogram-shop'.",
    );
  const paths = templates.map((template) =>
    located('path', 'SECRET_PATH', withProfile(template, options.profile, env, wrong)),
  );
  if (new Set(paths).size < paths.length)
    throw wrong('the option path names one document twice', 'Name each document once.');

  const certFile = text(options.clientCert, 'CLIENT_CERT');
  const keyFile = text(options.clientKey, 'CLIENT_KEY');
  if ((certFile === undefined) !== (keyFile === undefined))
    throw wrong(
      'the options clientCert and clientKey (variables VAULT_CLIENT_CERT and VAULT_CLIENT_KEY) go together, and one is missing',
      'Give both or none.',
    );
  const timeout = parsed(
    'timeout',
    options.timeout === undefined ? undefined : toMilliseconds(options.timeout, 'timeout'),
    'CLIENT_TIMEOUT',
    parseGoDuration,
    "a length of time such as '5', '5s' or '1m'",
  );
  const maxRetries =
    parsed('maxRetries', options.maxRetries, 'MAX_RETRIES', parseCount, 'a number of 0 or more') ??
    2;
  if (!Number.isSafeInteger(maxRetries) || maxRetries < 0)
    throw wrong('the option maxRetries is not a whole number of 0 or more', 'The default is 2.');
  if (options.kvVersion !== undefined && options.kvVersion !== 1 && options.kvVersion !== 2)
    throw wrong('the option kvVersion is neither 1 nor 2', 'Leave it out to ask the server.');

  return {
    name,
    address,
    nodes: (options.nodes ?? []).map((node) => parseAddress(node, 'the option nodes', wrong)),
    followRedirects: !parsed('nodes', undefined, 'DISABLE_REDIRECTS', parseBool, 'true or false'),
    token: resolveToken(options, env, wrong),
    namespace: checkHeader(
      (text(options.namespace, 'NAMESPACE') ?? '').replace(/^\/+|\/+$/g, ''),
      labelled('namespace', 'NAMESPACE'),
      wrong,
    ),
    mount: located('mount', 'MOUNT_POINT', text(options.mount, 'MOUNT_POINT') ?? 'secret'),
    path: paths[0] ?? '',
    paths,
    kvVersion: options.kvVersion,
    // 0 is no limit to Vault's own clients: the chain's stays
    timeout: timeout === 0 ? undefined : timeout,
    maxRetries,
    tls: {
      caFile: text(options.caCert, 'CACERT'),
      caPem: text(options.caCertPem, 'CACERT_BYTES'),
      caDirectory: text(options.caPath, 'CAPATH'),
      certFile,
      keyFile,
      serverName: text(options.tlsServerName, 'TLS_SERVER_NAME'),
      skipVerify:
        parsed('skipVerify', options.skipVerify, 'SKIP_VERIFY', parseBool, 'true or false') ??
        false,
    },
    writeLimits: {
      strings: options.writeLimits?.strings ?? 997,
      bytes: options.writeLimits?.bytes ?? 1_048_576 - 4_096,
    },
  };
}

type Wrong = (what: string, hint: string) => SecretError;

/** `template` with the profile in the place of `{profile}`. */
function withProfile(
  template: string,
  option: string | undefined,
  env: Variables,
  wrong: Wrong,
): string {
  const [placeholder] = template.match(/\{(?!profile\})\w*\}/) ?? [];
  if (placeholder)
    throw wrong(
      `the option path (variable VAULT_SECRET_PATH) has ${placeholder}, which stands for nothing`,
      'Only {profile} can stand in it.',
    );
  if (!template.includes('{profile}')) return template;
  const profile = option ?? env['KEYFALL_PROFILE'];
  if (!profile)
    throw wrong(
      'the option path (variable VAULT_SECRET_PATH) has {profile}, and there is none: the option profile and the variable KEYFALL_PROFILE are both missing',
      "Name it, such as profile: 'prod'.",
    );
  // a profile that is a path of its own could lead out of the application's folder
  if (!/^[\w.-]+$/.test(profile) || /^\.\.?$/.test(profile))
    throw wrong(
      'the option profile (variable KEYFALL_PROFILE) is not a name',
      'Use letters, digits, "-", "_" and ".".',
    );
  return template.replaceAll('{profile}', () => profile);
}

function resolveToken(options: VaultProviderOptions, env: Variables, wrong: Wrong): TokenSetting {
  if (options.token !== undefined && options.tokenFile !== undefined)
    throw wrong('the options token and tokenFile are both given', 'Give one of them.');
  if (options.tokenFile)
    return { kind: 'file', file: options.tokenFile, from: 'the option tokenFile' };
  const variable = findVariable(env, 'TOKEN');
  const token = options.token ?? variable?.value;
  if (token) {
    const from = options.token ? 'the option token' : (variable?.name ?? 'VAULT_TOKEN');
    return { kind: 'text', token: checkToken(token, from, wrong), from };
  }
  if (options.tokenHelper)
    return { kind: 'helper', file: findVariable(env, 'TOKEN_PATH')?.value || undefined };
  throw wrong(
    'there is no token: the options token and tokenFile and the variable VAULT_TOKEN are all missing',
    'Set VAULT_TOKEN, or give tokenFile.',
  );
}

/**
 * The token without surrounding blanks.
 *
 * @throws `ERR_SECRET_CONFIG` for a character that cannot be in a token: it is never sent, since
 *   what cannot be a token may be another secret
 */
export function checkToken(token: string, from: string, wrong: Wrong): string {
  const trimmed = token.trim();
  // Go's client refuses what unicode.IsPrint refuses; a header carries ASCII only
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw wrong(
    trimmed === ''
      ? `the token of ${from} is empty`
      : `the token of ${from} has a character that no token has, and was not sent`,
    'A token is one line of printable ASCII without blanks.',
  );
}

function checkHeader(value: string, label: string, wrong: Wrong): string {
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  throw wrong(`${label} has characters that a request header cannot carry`, 'Use ASCII.');
}

function parseAddress(text: string, label: string, wrong: Wrong): VaultAddress {
  const bad = (why: string) =>
    wrong(`${label} ${why}`, 'Write it as https://host:8200 or unix:///path/to/socket.');
  if (!URL.canParse(text)) throw bad('is not an address');
  const url = new URL(text);
  // never shown: what is in front of the @ may be a password
  if (url.username !== '' || url.password !== '') throw bad('must not contain credentials');
  if (url.search !== '' || url.hash !== '') throw bad('must not have a query or a fragment');
  if (/\/v1\/*$/.test(url.pathname)) throw bad('ends in /v1, which every request adds to it');
  if (url.protocol === 'unix:') {
    if (url.hostname !== '' || url.pathname.length < 2) throw bad('names no socket');
    const socketPath = decodeURIComponent(url.pathname);
    const origin = `unix://${url.pathname}`;
    return { origin, secure: false, hostname: 'localhost', port: 80, socketPath, prefix: '' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw bad('is not http, https or unix');
  const secure = url.protocol === 'https:';
  return {
    origin: url.origin,
    secure,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    prefix: url.pathname.replace(/\/+$/, ''),
  };
}

/** As Go's `strconv.ParseBool`, which both projects' clients use. */
function parseBool(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}

function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const goUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `5` (seconds), `5s`, `1m30s`, `250ms` as milliseconds. */
function parseGoDuration(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    total += Number(amount) * (goUnits[unit ?? ''] ?? Number.NaN);
  return total;
}
