/**
 * How a server is reached: addresses, TLS, proxy, limits and which client builds the requests, by
 * options and by variables. No I/O here: what is wrong shows when the provider is made and is named
 * by the option and the variable; files are read at the first request.
 */
import { toMilliseconds } from '@keyfall/core/provider';
import {
  checkTexts,
  parseBool,
  parseCount,
  parseGoDuration,
  parseRateLimit,
  type RateLimit,
  type SettingReader,
  type Wrong,
} from '../environment/setting-reader.ts';
import { findVariable, isLoopback, type VaultSetting } from '../environment/vault-variables.ts';
import type { VaultAddress } from '../wire/vault-wire.ts';
import { type ClientFacts, factsOfClient } from './configured-client.ts';
import type { VaultConnectionOptions } from './connection-options.ts';
import { type TlsSettings, tlsSettings } from './tls-settings.ts';

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
  /** What stands between `/v1` and every path, as node-vault's `pathPrefix`: `/team-a`, or nothing. */
  readonly pathPrefix: string;
  readonly wire: 'direct' | 'node-vault';
  /** What a configured client says, if one was given. */
  readonly client: ClientFacts | undefined;
  /** Milliseconds; `undefined`: the chain's. */
  readonly timeout: number | undefined;
  readonly maxRetries: number;
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
  const { wrong, text, labelled, parsed } = reader;
  checkTypes(options, wrong);
  refuseUnsupported(reader);

  // one that was forgotten to be made must not pass for none
  const client = options.client === undefined ? undefined : factsOfClient(options.client, wrong);
  if (client && options.address !== undefined)
    throw wrong('the options client and address are both given', 'Give one of them.');
  const agent = options.address === undefined ? text(undefined, 'AGENT_ADDR') : undefined;
  const address = client
    ? parseAddress(client.endpoint, 'the endpoint of the option client', wrong)
    : parseAddress(
        agent ?? text(options.address, 'ADDR') ?? 'https://127.0.0.1:8200',
        labelled('address', agent ? 'AGENT_ADDR' : 'ADDR'),
        wrong,
      );
  const nodes = (options.nodes ?? []).map((node) => parseAddress(node, 'the option nodes', wrong));
  refusePlainNodes([address, ...nodes], wrong);
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
  const rateLimit = parsed(
    undefined,
    undefined,
    'RATE_LIMIT',
    parseRateLimit,
    "requests a second, with or without a burst: '10' or '10:20'",
  );

  return {
    address,
    nodes,
    followRedirects: !parsed(undefined, undefined, 'DISABLE_REDIRECTS', parseBool, 'true or false'),
    pathPrefix: client?.pathPrefix ?? '',
    client,
    wire: options.wire ?? 'direct',
    // 0 is no limit to Vault's own clients: the chain's stays
    timeout: timeout === 0 ? undefined : timeout,
    maxRetries,
    tls: tlsSettings(options, reader),
    proxy: proxySettings(options.proxy, [address, ...nodes], reader),
    rateLimit: rateLimit && {
      ...rateLimit,
      from: labelled(undefined, 'RATE_LIMIT'),
    },
  };
}

const textOptions = [
  'address',
  'caCert',
  'caCertPem',
  'caPath',
  'clientCert',
  'clientKey',
  'tlsServerName',
  'proxy',
] as const;

/** A configuration file may hold anything: `skipVerify: 'false'` must not turn verification off. */
function checkTypes(options: VaultConnectionOptions, wrong: Wrong): void {
  checkTexts(options, textOptions, wrong);
  const { nodes, skipVerify, maxRetries, wire }: { readonly [option: string]: unknown } = {
    ...options,
  };
  if (skipVerify !== undefined && typeof skipVerify !== 'boolean')
    throw wrong('the option skipVerify is neither true nor false', 'Leave it out.');
  if (maxRetries !== undefined && typeof maxRetries !== 'number')
    throw wrong('the option maxRetries is not a number', 'The default is 2.');
  if (
    nodes !== undefined &&
    !(Array.isArray(nodes) && nodes.every((node) => typeof node === 'string'))
  )
    throw wrong('the option nodes is not a list of addresses', 'Write them as https://host:8200.');
  if (wire !== undefined && wire !== 'direct' && wire !== 'node-vault')
    throw wrong(
      "the option wire is neither 'direct' nor 'node-vault'",
      "Leave it out: the default is 'direct'.",
    );
}

/** What would be half done, or would put something else in the place of a secret. */
function refuseUnsupported({ env, wrong }: SettingReader): void {
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
  for (const [setting, why, hint] of refused) {
    const found = findVariable(env, setting);
    if (found && found.value !== '' && parseBool(found.value) !== false)
      throw wrong(`the variable ${found.name} is set, and ${why}`, `Unset it, and ${hint}.`);
  }
}

/** Where one node is asked over https, none may get the same token in the clear. */
function refusePlainNodes(addresses: readonly VaultAddress[], wrong: Wrong): void {
  const plain = addresses.find(
    ({ secure, socketPath, hostname }) =>
      !secure && socketPath === undefined && !isLoopback(hostname),
  );
  if (plain && addresses.some(({ secure }) => secure))
    throw wrong(
      `the options address and nodes name ${plain.origin} beside https addresses: the token would travel to it unencrypted`,
      'Use https for all of them.',
    );
}

export function parseAddress(text: string, label: string, wrong: Wrong): VaultAddress {
  const bad = (why: string) =>
    wrong(`${label} ${why}`, 'Write it as https://host:8200 or unix:///path/to/socket.');
  if (!URL.canParse(text)) throw bad('is not an address');
  const url = new URL(text);
  // never shown: what is in front of the @ may be a password
  if (url.username !== '' || url.password !== '') throw bad('must not contain credentials');
  if (url.search !== '' || url.hash !== '') throw bad('must not have a query or a fragment');
  if (url.protocol === 'unix:') return socketAddress(text, url, bad);
  if (/\/v1\/*$/.test(url.pathname)) throw bad('ends in /v1, which every request adds to it');
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

/** Bytes of the longest path of a socket, in `sockaddr_un` less its last byte. */
const longestSocketPath = process.platform === 'linux' ? 107 : 103;

/** The path is taken as it stands, `%20` and all, as Vault's own clients do. */
function socketAddress(text: string, url: URL, bad: (why: string) => Error): VaultAddress {
  const socketPath = text.slice(text.indexOf('//') + 2);
  if (url.hostname !== '' || !/^\/[^/]/.test(socketPath)) throw bad('names no socket');
  if (Buffer.byteLength(socketPath) > longestSocketPath)
    throw bad(`is longer than a socket's path may be (${longestSocketPath} bytes)`);
  const origin = `unix://${socketPath}`;
  return { origin, secure: false, hostname: 'localhost', port: 80, socketPath, prefix: '' };
}

function proxySettings(
  option: string | undefined,
  addresses: readonly VaultAddress[],
  { wrong, text, labelled }: SettingReader,
): ProxySettings | undefined {
  const first = text(option, 'PROXY_ADDR');
  const found = first ?? text(undefined, 'HTTP_PROXY');
  if (found === undefined) return undefined;
  const label = labelled('proxy', first === undefined ? 'HTTP_PROXY' : 'PROXY_ADDR');
  const bad = (why: string) => wrong(`${label} ${why}`, 'Write it as http://host:port.');
  if (!URL.canParse(found)) throw bad('is not an address');
  const url = new URL(found);
  if (url.protocol !== 'http:') throw bad('is not an http proxy, and no other kind is supported');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw bad('must not have a path, a query or a fragment');
  for (const { secure, socketPath, origin } of addresses)
    if (!secure && socketPath === undefined)
      throw wrong(
        `${label} is set, and ${origin} is plain http: the proxy would see the token`,
        'Use an https address, or unset the proxy.',
      );
  return {
    origin: url.origin,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    authorization: authorizationOf(url, bad),
  };
}

function authorizationOf(url: URL, bad: (why: string) => Error): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  } catch {
    throw bad('has credentials that are not percent-encoded');
  }
}
