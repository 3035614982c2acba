/**
 * The one command that fixes what was found. A provider says in a sentence what is to be done, for its
 * options and its variables alike, and in a code what it found; here that code is a command to type. What has
 * to be filled in is in capitals.
 */
import type { SecretSetting } from '@keyfall/core';
import type { ProviderCheck } from '@keyfall/core/provider';
import { installCommand } from '../config/provider-package.ts';
import { quoted } from '../terminal/shown-command.ts';

interface Remedy {
  /** The command; `undefined` if the facts are not enough for one. */
  readonly command: (facts: Facts, configuration?: string) => string | undefined;
  /** It sets a variable, and so fixes nothing where a configuration has the setting. */
  readonly setsVariable?: true;
  /** It is all that there is to do: a hint says no more. */
  readonly isAll?: true;
}

/** A command, and whether it is all that there is to do. */
export interface KnownCommand {
  readonly command: string;
  readonly isAll: boolean;
}

type Facts = NonNullable<ProviderCheck['facts']>;

const login = 'export VAULT_TOKEN="$(bao login -token-only)"';
const always = (command: string): Remedy => ({ command: () => command });
const whole = (command: Remedy['command']): Remedy => ({ command, isAll: true });
const variable = (command: Remedy['command']): Remedy => ({ command, setsVariable: true });
const toAllow: Remedy = { command: ({ rule }) => rule && allow(rule) };
const toNameIt = variable(({ meant }) => meant && `export VAULT_SECRET_PATH=${quoted(meant)}`);
const toEdit: Remedy = { command: ({ path }) => path && edit(path) };

/** By the code of the finding; the first that has a command counts. */
const remedies: Readonly<Record<string, readonly Remedy[]>> = {
  'server-refused': [
    {
      command: ({ address = '' }) =>
        /\/\/(127\.|localhost|\[::1\])/.test(address)
          ? startServer(address)
          : 'systemctl start openbao',
    },
  ],
  'server-speaks-http': [variable(({ address }) => address && setAddress('http:', address))],
  'server-speaks-https': [variable(({ address }) => address && setAddress('https:', address))],
  'server-unreachable': [variable(() => 'export VAULT_ADDR=https://HOST:8200')],
  'not-a-vault': [variable(() => 'export VAULT_ADDR=https://HOST:8200')],
  'certificate-untrusted': [variable(() => 'export VAULT_CACERT=CA_FILE.pem')],
  'not-initialised': [whole(() => 'bao operator init')],
  sealed: [whole(() => 'bao operator unseal')],
  'node-not-joined': [whole(({ address }) => address && atNode('raft join', address))],
  'node-sealed': [whole(({ address }) => address && atNode('unseal', address))],
  'clocks-differ': [always('timedatectl set-ntp true')],
  'token-rejected': [variable(() => login)],
  'token-ends-soon': [variable(() => login)],
  'mount-wrong': [variable(({ meant }) => meant && setMount(meant)), always('bao secrets list')],
  'mount-denied': [
    variable(({ meant }) => meant && setMount(meant)),
    {
      command: ({ mount, place }) =>
        // the version of a mount that the token does not see is not known either
        mount && place?.startsWith(`${mount}/`)
          ? allow(
              [`${mount}/data/${place.slice(mount.length + 1)}`, place]
                .map((path) => `path ${JSON.stringify(path)} { capabilities = ["read"] }`)
                .join(' '),
            )
          : undefined,
    },
    always('bao secrets list'),
  ],
  // only a configuration can say a version
  'kv-version-wrong': [{ command: (_, configuration) => configuration && edit(configuration) }],
  'may-not-read': [toNameIt, toAllow],
  'may-not-make': [toAllow],
  'may-not-renew': [toAllow],
  'may-not-revoke': [toAllow],
  'document-missing': [toNameIt, always('keyfall migrate')],
  'document-deleted': [
    whole(({ mount = '', path = '', version = '' }) =>
      harmless(`bao kv undelete -mount=${mount} -versions=${version} ${path}`),
    ),
  ],
  'document-destroyed': [always('keyfall migrate')],
  'value-null': [
    { command: ({ name }) => (name && /^[\w.-]+$/.test(name) ? `keyfall set ${name}` : undefined) },
  ],
  'document-wrapped': [
    {
      command: ({ mount = '', path = '' }) =>
        harmless(`bao kv put -mount=${mount} ${path} NAME=value`),
    },
  ],
  'readable-by-all': [whole(({ path }) => path && `chmod o-r ${quoted(path)}`)],
  'readable-by-others': [whole(({ path }) => path && `chmod 600 ${quoted(path)}`)],
  'tracked-by-git': [
    {
      command: ({ path, rule }) => path && `${untrack(path)} && ${ignore(path, rule)}`,
    },
  ],
  'not-ignored-by-git': [{ command: ({ path, rule }) => path && ignore(path, rule) }],
  'copies-in-plain-text': [{ command: ({ path }) => path && cleanUp(path) }],
  'lines-dropped': [toEdit],
  'names-twice': [toEdit],
};

/** By the variable of a setting that is missing; what has to be filled in stands in capitals. */
const missing: Readonly<Record<string, string>> = {
  KEYFALL_PROFILE: 'export KEYFALL_PROFILE=NAME',
  VAULT_ADDR: 'export VAULT_ADDR=https://HOST:8200',
  VAULT_SECRET_PATH: 'export VAULT_SECRET_PATH=NAME',
  VAULT_TOKEN: login,
};

/** The command that sets it, where it is known what to set. */
function toSet({ variable = '', isMissing }: SecretSetting): string | undefined {
  if (isMissing) return Object.hasOwn(missing, variable) ? missing[variable] : undefined;
  return variable === 'USE_VAULT' ? 'export USE_VAULT=true' : undefined;
}

/**
 * The command that fixes a finding, if there is one.
 *
 * @param configuration - the file that the settings come from, where they do not come from variables
 */
export function commandFor(
  { subject, code, facts = {}, setting }: ProviderCheck,
  configuration: string | undefined,
): KnownCommand | undefined {
  const known = code !== undefined && Object.hasOwn(remedies, code) ? remedies[code] : [];
  for (const { command, setsVariable, isAll = false } of known ?? []) {
    const text = command(facts, configuration);
    if (text === undefined) continue;
    // what stands in a configuration wins over a variable
    return setsVariable && configuration !== undefined
      ? { command: edit(configuration), isAll: false }
      : { command: text, isAll };
  }
  // a package that is missing stands nowhere in the configuration
  if (setting?.package !== undefined)
    return { command: installCommand(setting.package, configuration), isAll: true };
  const command = forSetting(subject, setting, configuration);
  return command === undefined ? undefined : { command, isAll: false };
}

function forSetting(
  subject: string,
  setting: SecretSetting | undefined,
  configuration: string | undefined,
): string | undefined {
  // a token has no place in a configuration: its variable counts there too
  if (setting?.isMissing && setting.variable === 'VAULT_TOKEN') return login;
  if (subject !== 'settings') return undefined;
  return configuration === undefined ? setting && toSet(setting) : edit(configuration);
}

/**
 * A command, unless a shell would see more in it than words: a path in it may come from a hostile `.env`, and
 * people type what they are shown.
 */
function harmless(command: string | undefined): string | undefined {
  return command !== undefined && /^[\w@%+=:,./ -]+$/.test(command) ? command : undefined;
}

function atNode(command: string, address: string): string {
  return `bao operator ${command} -address=${quoted(address)}`;
}

function cleanUp(path: string): string {
  return `keyfall migrate --clean${path === '.env' ? '' : ` ${quoted(path)}`}`;
}

function edit(file: string): string {
  return `\${EDITOR:-vi} ${quoted(file)}`;
}

/** A policy of its own, since one that the token has would be written over, and a token for it. */
function allow(rules: string): string {
  return `echo ${quoted(rules)} | bao policy write keyfall-read - && export VAULT_TOKEN="$(bao token create -policy=keyfall-read -field=token)"`;
}

function setAddress(protocol: string, address: string): string {
  return `export VAULT_ADDR=${quoted(address.replace(/^https?:/, protocol))}`;
}

function setMount(mount: string): string {
  return `export VAULT_MOUNT_POINT=${quoted(mount)}`;
}

/** Takes the file out of git's index, in whichever repository it is. */
function untrack(path: string): string {
  const [folder, name] = placeOf(path);
  return `git${folder && ` -C ${quoted(folder)}`} rm --cached ${quoted(name)}`;
}

/** In the folder of the file, on a line of its own also where the last one has no end. */
function ignore(path: string, rule: string | undefined): string {
  const [folder, name] = placeOf(path);
  return `printf '\\n%s\\n' ${quoted(rule ?? name)} >> ${quoted(`${folder}.gitignore`)}`;
}

/** The folder of a path, with the slash at its end, and what stands there. */
function placeOf(path: string): readonly [folder: string, name: string] {
  const at = path.lastIndexOf('/') + 1;
  return [path.slice(0, at), path.slice(at)];
}

/**
 * A development server at the address that refused; its own is port 8200. For `https` it makes a
 * certificate, which the next look then does not trust, and says where its authority's is.
 */
function startServer(address: string): string | undefined {
  const [, isSecure, host = '', port = '8200'] =
    /^http(s?):\/\/(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d+))?(?![^/])/.exec(address) ?? [];
  const listen = host === 'localhost' ? '127.0.0.1' : host;
  // the certificate has no other address
  if (isSecure && listen !== '127.0.0.1') return undefined;
  const at = `${listen}:${port}`;
  const option = at === '127.0.0.1:8200' ? '' : ` -dev-listen-address=${quoted(at)}`;
  // its own root token would be another one than the environment has
  const variable = ['BAO_TOKEN', 'VAULT_TOKEN'].find((name) => process.env[name]);
  const token = variable === undefined ? '' : ` -dev-root-token-id="$${variable}"`;
  return `bao server ${isSecure ? '-dev-tls' : '-dev'}${option}${token}`;
}
