/**
 * What a configuration that is data (`.json`) may say of where the user's credentials go. It comes with a repository, perhaps
 * with a hostile one, as a `.env` does, and has a `.env`'s trust: an address is announced, plain http to another machine is
 * refused, and so is what would let a third party read along, would choose a credential that the user did not give, or
 * starts a program.
 * `keyfall trust` lifts all of that, and so does an environment that says the same. Naming the file with `--config` does
 * not: the user chose the file, but may not have read its addresses.
 */
import type { SecretProvider } from '@keyfall/core/provider';
import { quoted } from '../terminal/shown-command.ts';
import { notice, printable } from '../terminal/terminal.ts';
import { clientVariable } from './client-variable.ts';
import { configError, type OptionPath, shownOption } from './config-place.ts';
import type { ProviderId } from './define-config.ts';
import { currentFolder, findConfig, isProgram, shownFile } from './find-config.ts';
import type { LoadedConfig } from './load-config.ts';
import { asNamedByFile } from './named-by-file.ts';
import { isTrusted } from './trust.ts';

type Options = Readonly<Record<string, unknown>>;
type Variables = Readonly<Record<string, string | undefined>>;

/** What stands in one entry, and is more than a repository may say by itself. */
export interface ForeignAddresses {
  /** The option that is refused, and what it would do. */
  readonly refused?: { readonly option: string; readonly reason: string };
  /** The option with the foreign address; missing where every address is the user's own. */
  readonly names?: string;
  /** The credential of the user that goes to these, if one does. */
  readonly sent?: { readonly variable: string; readonly to: readonly string[] };
}

/**
 * Has an entry of a configuration checked before its provider is made, and says where a credential goes.
 *
 * @param at - where the entry stands
 * @returns what gives its provider the trust that is due
 * @throws `ERR_SECRET_CONFIG` naming file, line and option, and how to trust the file
 */
export async function checkAddresses(
  { file, lineOf }: LoadedConfig,
  id: ProviderId,
  options: Options,
  at: OptionPath,
): Promise<(provider: SecretProvider) => SecretProvider> {
  const { refused, names, sent } = foreignAddresses(id, options, process.env);
  const asItIs = (provider: SecretProvider) => provider;
  if (refused === undefined && names === undefined) return asItIs;
  if (isProgram(file) || (await isTrusted(file))) return asItIs;
  if (refused !== undefined) {
    const option = [...at, ...refused.option.split('.')];
    throw configError({
      file,
      line: lineOf(option),
      option,
      reason: `${refused.reason}, and a configuration that is data may not say so by itself`,
      hint: `If that is meant, say it once: \`${trusting(file)}\`.`,
    });
  }
  const what = `${shownOption([...at, names ?? ''])} in ${shownFile(file)}`;
  if (sent !== undefined)
    announce(
      `the token of ${sent.variable} is sent to ${sent.to.map(shownAddress).join(' and ')}, which ${what} names; \`${trusting(file)}\` says that this is meant.`,
    );
  return (provider) => asNamedByFile(provider, what);
}

/** The same, without I/O: what an entry says and the environment does not. */
export function foreignAddresses(
  id: ProviderId,
  options: Options,
  env: Variables,
): ForeignAddresses {
  if (id === 'vault' || id === 'vault-dynamic') return ofVault(options, env);
  if (id === 'doppler') return ofDoppler(options, env);
  if (id === 'sops') return ofSops(options, env);
  if (id === 'exec') return programOfRepository;
  return {};
}

/** A program is the user's to start, as a package is. */
const programOfRepository: ForeignAddresses = {
  refused: { option: 'command', reason: 'it starts a program with your rights' },
};

/** Options by which a third party could read the token on its way, or answer in place of the server. */
const inBetween: Readonly<Record<string, readonly string[]>> = {
  'tls.skipVerify': ['SKIP_VERIFY'],
  proxy: ['PROXY_ADDR', 'HTTP_PROXY'],
  'tls.ca': ['CACERT', 'CACERT_BYTES', 'CAPATH'],
  'tls.serverName': ['TLS_SERVER_NAME'],
};

function ofVault(options: Options, env: Variables): ForeignAddresses {
  for (const [option, settings] of Object.entries(inBetween)) {
    const value = option
      .split('.')
      .reduce<unknown>((at, name) => (Object(at) as Options)[name], options);
    if (value === undefined || value === false) continue;
    const own = settings.map((setting) => clientVariable(env, setting)?.value ?? '');
    if (own.some((each) => each === value || (value === true && /^(?:1|t|true)$/i.test(each))))
      continue;
    return {
      refused: {
        option,
        reason: 'it decides who can read the token on its way, or answer for the server',
      },
    };
  }
  const named: readonly (readonly [string, unknown])[] = [
    ['address', options['address']],
    ...listOf(options['nodes']).map((node) => ['nodes', node] as const),
  ];
  const foreign = named.filter(([, address]) => isForeign(address, vaultsOf(env)));
  const [first] = foreign;
  if (first === undefined) return {};
  const [names] = first;
  const token = Object(options['token']) as Options;
  if (token['agent'] === true) return { names };
  if (token['file'] !== undefined || token['helper'] === true)
    return {
      refused: {
        option: 'token',
        reason: 'it has a token of yours read and sent to an address that the same file names',
      },
    };
  return sending(foreign, clientVariable(env, 'TOKEN'));
}

function ofDoppler({ address }: Options, env: Variables): ForeignAddresses {
  if (!isForeign(address, ['https://api.doppler.com'])) return {};
  const value = env['DOPPLER_TOKEN'];
  return sending([['address', address]], value ? { name: 'DOPPLER_TOKEN', value } : undefined);
}

/** The word that `sops` may ask a service that a SOPS file names is the user's to give. */
function ofSops({ keyServers }: Options, env: Variables): ForeignAddresses {
  if (!listOf(keyServers).some((each) => isForeign(each, vaultsOf(env)))) return {};
  return {
    refused: {
      option: 'keyServers',
      reason: 'it lets the sops program send your credentials to the addresses in it',
    },
  };
}

function sending(
  foreign: readonly (readonly [string, unknown])[],
  token: { readonly name: string; readonly value: string } | undefined,
): ForeignAddresses {
  const names = foreign[0]?.[0] ?? '';
  if (!token?.value) return { names };
  const plain = foreign.find(([, address]) => isPlain(new URL(String(address))));
  if (plain !== undefined)
    return {
      refused: {
        option: plain[0],
        reason: `the token of ${token.name} would travel unencrypted to ${shownAddress(String(plain[1]))}`,
      },
    };
  const to = [...new Set(foreign.map(([, address]) => String(address)))];
  return { names, sent: { variable: token.name, to } };
}

/** Whether this is an address, and none of these; what is no address is for the provider to refuse. */
function isForeign(address: unknown, own: readonly string[]): boolean {
  if (typeof address !== 'string' || !URL.canParse(address)) return false;
  return !own.some((each) => URL.canParse(each) && isSame(new URL(each), new URL(address)));
}

function isSame(one: URL, other: URL): boolean {
  const [first, second] = [one, other].map(({ href }) => href.replace(/\/+$/, ''));
  return first === second;
}

function vaultsOf(env: Variables): readonly string[] {
  return ['ADDR', 'AGENT_ADDR'].map((setting) => clientVariable(env, setting)?.value ?? '');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether what is sent there leaves this machine unencrypted. */
export function isPlain({ protocol, hostname }: URL): boolean {
  const isHere = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  return protocol === 'http:' && !isHere;
}

/** Without what may be a password. */
function shownAddress(address: string): string {
  const { protocol, origin, pathname } = new URL(address);
  return printable(protocol === 'unix:' ? `unix://${pathname}` : origin);
}

/** The command by which the user trusts this file. */
function trusting(file: string): string {
  const isFound = (() => {
    try {
      return findConfig(currentFolder()) === file;
    } catch {
      return false;
    }
  })();
  return isFound ? 'keyfall trust' : `keyfall --config ${quoted(shownFile(file))} trust`;
}

const said = new Set<string>();

/** Once, however many commands of one process make the same chain. */
function announce(message: string): void {
  if (said.has(message)) return;
  said.add(message);
  notice(message);
}
