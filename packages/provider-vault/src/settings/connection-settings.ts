/**
 * How a server is reached: addresses, TLS, proxy and limits, by options and by variables. No I/O here: a wrong
 * setting is named by its option and its variable; files are read at the first request.
 */
import { toMilliseconds } from '@keyfall/core/provider';
import {
  type ConfigError,
  parseBool,
  parseCount,
  parseGoDuration,
  parseRateLimit,
  type RateLimit,
  type SettingReader,
} from '../environment/setting-reader.ts';
import { isLoopback, type VaultSetting } from '../environment/vault-variables.ts';
import type { VaultAddress, VaultWire } from '../wire/vault-wire.ts';
import { type TlsSettings, tlsSettings } from './tls-settings.ts';
import type { VaultConnectionOptions } from './vault-options.ts';

/** A proxy that is asked with CONNECT. */
export interface ProxySettings {
  /** `http://host:port`, without credentials. */
  readonly origin: string;
  readonly hostname: string;
  readonly port: number;
  /** `Proxy-Authorization`. A secret. */
  readonly authorization: string | undefined;
}

/** The checked settings of a connection. */
export interface ConnectionSettings {
  readonly address: VaultAddress;
  readonly nodes: readonly VaultAddress[];
  readonly followRedirects: boolean;
  /** What builds the requests; `undefined`: we do. */
  readonly wire: VaultWire | undefined;
  /** Milliseconds; `undefined`: the chain's. */
  readonly timeout: number | undefined;
  readonly maxRetries: number;
  readonly consistency: { readonly readYourWrites: boolean; readonly countedUses: boolean };
  readonly tls: TlsSettings;
  readonly proxy: ProxySettings | undefined;
  readonly rateLimit: (RateLimit & { readonly from: string }) | undefined;
}

/**
 * @throws `ERR_SECRET_CONFIG` naming the option and the variable for anything that cannot be
 *   understood or cannot be honoured
 */
export function resolveConnection(
  options: VaultConnectionOptions,
  reader: SettingReader,
): ConnectionSettings {
  const { labelled, configError, parsed } = reader;
  refuseUnsupported(reader);
  const address = resolveAddress(options, reader);
  const nodes = (options.nodes ?? []).map((node) =>
    parseAddress(node, (what, hint) => configError({ option: 'nodes' }, what, hint)),
  );
  refusePlainNodes([address, ...nodes], reader);
  const timeout = timeLimitOf(options, reader);
  const rateLimit = parsed(
    { variable: 'RATE_LIMIT' },
    undefined,
    parseRateLimit,
    "requests a second, with or without a burst: '10' or '10:20'",
  );
  return {
    address,
    nodes,
    followRedirects: !parsed(
      { variable: 'DISABLE_REDIRECTS' },
      undefined,
      parseBool,
      'true or false',
    ),
    wire: options.wire,
    timeout,
    maxRetries:
      parsed(
        { option: 'retry.max', variable: 'MAX_RETRIES' },
        options.retry?.max,
        parseCount,
        'a whole number of 0 or more',
      ) ?? 2,
    consistency: {
      readYourWrites: options.consistency?.readYourWrites ?? false,
      countedUses: options.countedUses ?? false,
    },
    tls: tlsSettings(options.tls ?? {}, reader),
    proxy: proxySettings(options.proxy, [address, ...nodes], reader),
    rateLimit: rateLimit && { ...rateLimit, from: labelled({ variable: 'RATE_LIMIT' }) },
  };
}

/** Where the server is. */
function resolveAddress(
  { address }: Pick<VaultConnectionOptions, 'address'>,
  { text, configError }: SettingReader,
): VaultAddress {
  const agent = address === undefined ? text(undefined, 'AGENT_ADDR') : undefined;
  const setting = { option: 'address', variable: agent ? 'AGENT_ADDR' : 'ADDR' } as const;
  return parseAddress(agent ?? text(address, 'ADDR') ?? 'https://127.0.0.1:8200', (what, hint) =>
    configError(setting, what, hint),
  );
}

/** The time limit of a read in milliseconds; `undefined`: the chain's. */
function timeLimitOf(
  { timeout }: Pick<VaultConnectionOptions, 'timeout'>,
  { parsed }: SettingReader,
): number | undefined {
  const limit = parsed(
    { option: 'timeout', variable: 'CLIENT_TIMEOUT' },
    timeout === undefined ? undefined : toMilliseconds(timeout, 'timeout'),
    parseGoDuration,
    "a length of time such as '5', '5s' or '1m'",
  );
  // 0 is no limit to Vault's own clients: the chain's stays
  return limit === 0 ? undefined : limit;
}

/** What would be half done, or would put something else in the place of a secret. */
function refuseUnsupported({ text, configError }: SettingReader): void {
  const refused: readonly (readonly [VaultSetting, string, string])[] = [
    [
      'SRV_LOOKUP',
      'SRV records are not looked up',
      'give the nodes by address in the option nodes',
    ],
    [
      'WRAP_TTL',
      'a wrapped answer would hold a token in place of the secrets',
      'set it for the command that needs it alone',
    ],
  ];
  for (const [variable, why, hint] of refused) {
    const value = text(undefined, variable);
    if (value !== undefined && parseBool(value) !== false)
      throw configError({ variable }, `is set although ${why}`, `Unset it, and ${hint}.`);
  }
}

/** Where one node is asked over https, none may get the same token in the clear. */
function refusePlainNodes(
  addresses: readonly VaultAddress[],
  { configError }: SettingReader,
): void {
  const plain = addresses.find(
    ({ secure, socketPath, hostname }) =>
      !secure && socketPath === undefined && !isLoopback(hostname),
  );
  if (plain && addresses.some(({ secure }) => secure))
    throw configError(
      { option: 'nodes' },
      `and the address name ${plain.origin} beside https addresses: the token would travel to it unencrypted`,
      'Use https for all of them.',
    );
}

export function parseAddress(text: string, configError: ConfigError): VaultAddress {
  const invalid = (what: string) =>
    configError(what, 'Write it as https://host:8200 or unix:///path/to/socket.');
  if (!URL.canParse(text)) throw invalid('is not an address');
  const url = new URL(text);
  // never shown: what is in front of the @ may be a password
  if (url.username !== '' || url.password !== '') throw invalid('must not contain credentials');
  if (url.search !== '' || url.hash !== '') throw invalid('must not have a query or a fragment');
  if (url.protocol === 'unix:') return socketAddress(text, url, invalid);
  if (/\/v1\/*$/.test(url.pathname)) throw invalid('ends in /v1, which every request adds to it');
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw invalid('is not http, https or unix');
  const secure = url.protocol === 'https:';
  return {
    origin: url.origin,
    secure,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    prefix: url.pathname.replace(/\/+$/, ''),
  };
}

/** Bytes of the longest path of a socket, in `sockaddr_un` less its last byte. */
const longestSocketPath = process.platform === 'linux' ? 107 : 103;

/** The path is taken as it stands, `%20` and all, as Vault's own clients do. */
function socketAddress(text: string, url: URL, invalid: (what: string) => Error): VaultAddress {
  // Node would take the path for the name of a pipe
  if (process.platform === 'win32') throw invalid('names a socket, which Windows has not');
  const socketPath = text.slice(text.indexOf('//') + 2);
  if (url.hostname !== '' || !/^\/[^/]/.test(socketPath)) throw invalid('names no socket');
  if (Buffer.byteLength(socketPath) > longestSocketPath)
    throw invalid(`is longer than a socket's path may be (${longestSocketPath} bytes)`);
  const origin = `unix://${socketPath}`;
  return { origin, secure: false, hostname: 'localhost', port: 80, socketPath, prefix: '' };
}

function proxySettings(
  option: string | undefined,
  addresses: readonly VaultAddress[],
  { text, configError }: SettingReader,
): ProxySettings | undefined {
  const first = text(option, 'PROXY_ADDR');
  const found = first ?? text(undefined, 'HTTP_PROXY');
  if (found === undefined) return undefined;
  const variable = first === undefined ? 'HTTP_PROXY' : 'PROXY_ADDR';
  const invalid = (what: string, hint = 'Write it as http://host:port.') =>
    configError({ option: 'proxy', variable }, what, hint);
  if (!URL.canParse(found)) throw invalid('is not an address');
  const url = new URL(found);
  if (url.protocol !== 'http:')
    throw invalid('is not an http proxy, and no other kind is supported');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw invalid('must not have a path, a query or a fragment');
  for (const { secure, socketPath, origin } of addresses)
    if (!secure && socketPath === undefined)
      throw invalid(
        `is set, and ${origin} is plain http: the proxy would see the token`,
        'Use an https address, or unset the proxy.',
      );
  return {
    origin: url.origin,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    authorization: authorizationOf(url, invalid),
  };
}

function authorizationOf(url: URL, invalid: (what: string) => Error): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  } catch {
    throw invalid('has credentials that are not percent-encoded');
  }
}
