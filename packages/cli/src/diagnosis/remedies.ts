/**
 * The one command that fixes what was found. A provider says in a sentence what is to be done, for its
 * options and its variables alike, and in a code what it found; here that code is a command to type. What has
 * to be filled in is in capitals.
 */
import type { SecretSetting } from '@keyfall/core';
import type { ProviderCheck } from '@keyfall/core/provider';
import { installCommand } from '../config/provider-package.ts';
import { quoted } from '../terminal/shown-command.ts';
import { type Shell, type Typing, typingIn } from './typing.ts';

type Facts = NonNullable<ProviderCheck['facts']>;

/** A command; `undefined` if the facts are not enough for one. */
type MakeCommand = (facts: Facts, typing: Typing) => string | undefined;

interface Remedy {
  readonly command: MakeCommand;
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

/** A release line of Node that is maintained. */
const goodNode = 22;

const always = (command: string): Remedy => ({ command: () => command });
const whole = (command: MakeCommand): Remedy => ({ command, isAll: true });
const variable = (command: MakeCommand): Remedy => ({ command, setsVariable: true });
const toAllow: Remedy = { command: ({ rule }, typing) => rule && allow(rule, typing) };
const toEdit: Remedy = { command: ({ path }) => path && edit(path) };
const toMigrate: Remedy = { command: (_, typing) => typing.keyfall('migrate') };
const toNameServer = variable((_, typing) => exporting('ADDR', 'https://HOST:8200', typing));
const toNameIt = variable(({ meant }, typing) => meant && exporting('SECRET_PATH', meant, typing));
const toNameMount = variable(
  ({ meant }, typing) => meant && exporting('MOUNT_POINT', meant, typing),
);
const toListMounts: Remedy = {
  command: (_, typing) => typing.asking(`${typing.client} secrets list`),
};
const toStore: Remedy = {
  command: ({ name }, typing) =>
    name && /^[\w.-]+$/.test(name) ? typing.keyfall(`set ${name}`) : undefined,
};

/** By the code of the finding; the first that has a command counts. */
const remedies: Readonly<Record<string, readonly Remedy[]>> = {
  'node-too-old': [always(`nvm install ${goodNode}`)],
  'use-vault-not-counted': [always('unset USE_VAULT')],
  'vault-not-asked': [always('export USE_VAULT=true')],
  'names-missing': [toStore],
  'server-refused': [{ command: ({ address = '' }, typing) => startServer(address, typing) }],
  'server-speaks-http': [variable(withProtocol('http:'))],
  'server-speaks-https': [variable(withProtocol('https:'))],
  'server-unreachable': [toNameServer],
  'not-a-vault': [toNameServer],
  'certificate-untrusted': [variable((_, typing) => exporting('CACERT', 'CA_FILE.pem', typing))],
  'not-initialised': [whole((_, typing) => typing.asking(`${typing.client} operator init`))],
  sealed: [whole((_, typing) => typing.asking(`${typing.client} operator unseal`))],
  'node-not-joined': [whole(atNode('raft join'))],
  'node-sealed': [whole(atNode('unseal'))],
  'clocks-differ': [always('timedatectl set-ntp true')],
  'token-rejected': [variable((_, typing) => login(typing))],
  'token-ends-soon': [variable((_, typing) => login(typing))],
  'mount-wrong': [toNameMount, toListMounts],
  'mount-denied': [
    toNameMount,
    {
      command: ({ mount, place }, typing) =>
        // the version of a mount that the token does not see is not known either
        mount && place?.startsWith(`${mount}/`)
          ? allow(
              [`${mount}/data/${place.slice(mount.length + 1)}`, place]
                .map((path) => `path ${JSON.stringify(path)} { capabilities = ["read"] }`)
                .join(' '),
              typing,
            )
          : undefined,
    },
    toListMounts,
  ],
  // only a configuration can say a version
  'kv-version-wrong': [{ command: (_, { configuration }) => configuration && edit(configuration) }],
  'may-not-read': [toNameIt, toAllow],
  'may-not-make': [toAllow],
  'may-not-renew': [toAllow],
  'may-not-revoke': [toAllow],
  'document-missing': [toNameIt, toMigrate],
  'document-deleted': [
    whole(({ mount = '', path = '', version = '' }, typing) =>
      harmless(typing, `kv undelete -mount=${mount} -versions=${version} ${path}`),
    ),
  ],
  'document-destroyed': [toMigrate],
  'value-null': [toStore],
  'document-wrapped': [
    {
      command: ({ mount = '', path = '' }, typing) =>
        harmless(typing, `kv put -mount=${mount} ${path} NAME=value`),
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
  'copies-in-plain-text': [
    { command: ({ path }, typing) => path && typing.keyfall(`migrate --clean${argument(path)}`) },
  ],
  'lines-dropped': [toEdit],
  'names-twice': [toEdit],
};

/** By the variable of a setting that is missing. */
const missing: Readonly<Record<string, Remedy>> = {
  KEYFALL_PROFILE: always('export KEYFALL_PROFILE=NAME'),
  VAULT_ADDR: toNameServer,
  VAULT_SECRET_PATH: variable((_, typing) => exporting('SECRET_PATH', 'NAME', typing)),
};

/**
 * The command that fixes a finding, if there is one.
 *
 * @param shell - where it is typed
 */
export function commandFor(
  { subject, code, facts = {}, setting }: ProviderCheck,
  shell: Shell,
): KnownCommand | undefined {
  const typing = typingIn(shell);
  const { configuration } = shell;
  const known = code !== undefined && Object.hasOwn(remedies, code) ? remedies[code] : [];
  for (const { command, setsVariable, isAll = false } of known ?? []) {
    const text = command(facts, typing);
    if (text === undefined || text === '') continue;
    // what stands in a configuration wins over a variable
    return setsVariable && configuration !== undefined
      ? { command: edit(configuration), isAll: false }
      : { command: text, isAll };
  }
  // a package that is missing stands nowhere in the configuration
  if (setting?.package !== undefined)
    return { command: installCommand(setting.package, configuration), isAll: true };
  const command = forSetting(subject, setting, typing);
  return command === undefined ? undefined : { command, isAll: false };
}

function forSetting(
  subject: string,
  { variable = '', isMissing = false }: SecretSetting = {},
  typing: Typing,
): string | undefined {
  // a token has no place in a configuration: its variable counts there too
  if (isMissing && variable === 'VAULT_TOKEN') return login(typing);
  if (subject !== 'settings') return undefined;
  if (typing.configuration !== undefined) return edit(typing.configuration);
  if (!isMissing) return variable === 'USE_VAULT' ? 'export USE_VAULT=true' : undefined;
  return Object.hasOwn(missing, variable) ? missing[variable]?.command({}, typing) : undefined;
}

/**
 * A command of the client, unless a shell would see more in it than words: a path in it may come from a hostile
 * `.env`, and people type what they are shown.
 */
function harmless(typing: Typing, command: string): string | undefined {
  return /^[\w@%+=:,./ -]+$/.test(command)
    ? typing.asking(`${typing.client} ${command}`)
    : undefined;
}

function exporting(setting: string, value: string, typing: Typing): string {
  return `export ${typing.variable(setting)}=${quoted(value)}`;
}

function withProtocol(protocol: string): MakeCommand {
  return ({ address }, typing) =>
    address && exporting('ADDR', address.replace(/^https?:/, protocol), typing);
}

function login(typing: Typing): string {
  return typing.asking(
    `export ${typing.variable('TOKEN')}="$(${typing.client} login -token-only)"`,
  );
}

function atNode(command: string): MakeCommand {
  return ({ address }, { client }) =>
    address && `${client} operator ${command} -address=${quoted(address)}`;
}

function argument(path: string): string {
  return path === '.env' ? '' : ` ${quoted(path)}`;
}

function edit(file: string): string {
  return `\${EDITOR:-vi} ${quoted(file)}`;
}

/** A policy of its own, since one that the token has would be written over, and a token for it. */
function allow(rules: string, typing: Typing): string {
  const { client } = typing;
  const token = `$(${client} token create -policy=keyfall-read -field=token)`;
  return typing.asking(
    `echo ${quoted(rules)} | ${client} policy write keyfall-read - && export ${typing.variable('TOKEN')}="${token}"`,
  );
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
 * The service; for a plain `http` address of this machine a development server there, whose own is port 8200. A server
 * with a certificate holds real secrets, and an empty one in its place mends nothing.
 */
function startServer(address: string, { client }: Typing): string {
  const [, host = '', port = '8200'] =
    /^http:\/\/(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d+))?(?![^/])/.exec(address) ?? [];
  if (host === '') return `systemctl start ${client === 'bao' ? 'openbao' : 'vault'}`;
  const at = `${host === 'localhost' ? '127.0.0.1' : host}:${port}`;
  const option = at === '127.0.0.1:8200' ? '' : ` -dev-listen-address=${quoted(at)}`;
  // its own root token would be another one than the environment has; every user of the machine sees an argument
  const variable = ['BAO_TOKEN', 'VAULT_TOKEN'].find((name) => process.env[name]);
  const token =
    variable === undefined
      ? ''
      : `${client === 'bao' ? 'BAO' : 'VAULT'}_DEV_ROOT_TOKEN_ID="$${variable}" `;
  // without -dev-no-store-token it would replace the user's ~/.vault-token, which may be of another server
  return `${token}${client} server -dev -dev-no-store-token${option}`;
}
