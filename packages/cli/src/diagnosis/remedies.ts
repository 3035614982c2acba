/**
 * The one command that mends what was found. A provider says in a sentence what is to be done, for its
 * options and its variables alike; here it is a command to type. What has to be filled in stands in
 * capitals.
 */
import type { ProviderCheck } from '@keyfall/core';
import { quoted } from '../shown-command.ts';

interface Remedy {
  readonly subject: RegExp;
  /** What the finding says. */
  readonly found: RegExp;
  /** The command; `undefined` if the finding does not tell enough for one. */
  readonly command: (finding: ProviderCheck, configuration?: string) => string | undefined;
  /** It sets a variable, and so mends nothing where a configuration has the setting. */
  readonly setsVariable?: true;
}

const login = 'export VAULT_TOKEN="$(bao login -token-only)"';

const remedies: readonly Remedy[] = [
  {
    subject: /^address$/,
    found: /refused the connection/,
    command: (finding) =>
      /\/\/(127\.|localhost|\[::1\])/.test(finding.message)
        ? startServer(finding.message)
        : 'systemctl start openbao',
  },
  {
    subject: /^address$/,
    found: /https:\/\//,
    setsVariable: true,
    command: (finding) =>
      /with http:\/\//.test(finding.mend ?? '')
        ? setAddress(finding, (origin) => origin.replace('https:', 'http:'))
        : undefined,
  },
  {
    subject: /^address$/,
    found: /http:\/\//,
    setsVariable: true,
    command: (finding) =>
      /with https:\/\//.test(finding.mend ?? '')
        ? setAddress(finding, (origin) => origin.replace('http:', 'https:'))
        : undefined,
  },
  {
    subject: /^(address|certificate)$/,
    found: /not signed by an authority|self-signed|own authority/,
    setsVariable: true,
    command: () => 'export VAULT_CACERT=CA_FILE.pem',
  },
  {
    subject: /^address$/,
    found: /https?:\/\//,
    setsVariable: true,
    command: () => 'export VAULT_ADDR=https://HOST:8200',
  },
  { subject: /^seal$/, found: /initialised/, command: () => 'bao operator init' },
  { subject: /^seal$/, found: /sealed/, command: () => 'bao operator unseal' },
  { subject: /^clock$/, found: /./, command: () => 'timedatectl set-ntp true' },
  {
    subject: /^token$/,
    found: /does not accept the token/,
    setsVariable: true,
    command: () => login,
  },
  {
    subject: /^(mount|path)$/,
    found: /KV version/,
    // only a configuration can say a version
    command: (_, configuration) => configuration && edit(configuration),
  },
  {
    subject: /^mount$/,
    found: /./,
    setsVariable: true,
    command: ({ message, mend = '' }) => {
      const seen = /sees the KV mounts (.+)\.$/.exec(mend)?.[1]?.split(', ') ?? [];
      const mounted = seen.some((mount) => message.includes(` ${mount}/`));
      const [first] = seen;
      return first === undefined || mounted
        ? undefined
        : `export VAULT_MOUNT_POINT=${quoted(first)}`;
    },
  },
  {
    subject: /^mount$/,
    found: /policies do not allow/,
    command: ({ message, mend = '' }) => {
      const [, mount = ''] = /under the mount ([^,]+),/.exec(mend) ?? [];
      const [, place = ''] = / on (\S+)$/.exec(message) ?? [];
      if (mount === '' || !place.startsWith(`${mount}/`)) return undefined;
      // the version of a mount that the token does not see is not known either
      return allow(
        [`${mount}/data/${place.slice(mount.length + 1)}`, place]
          .map((path) => `path ${JSON.stringify(path)} { capabilities = ["read"] }`)
          .join(' '),
      );
    },
  },
  { subject: /^mount$/, found: /./, command: () => 'bao secrets list' },
  {
    subject: /^policy$/,
    found: /^the token may not /,
    command: ({ mend = '' }) => (/^path /.test(mend) ? allow(mend) : undefined),
  },
  {
    subject: /^path$/,
    found: /./,
    setsVariable: true,
    command: ({ mend = '' }) => {
      const [, meant] =
        /^Did you mean (\S+?)(?: or |,| \()/.exec(mend) ??
        /^Leave \w+\/ out of the path: (\S+)\. /.exec(mend) ??
        [];
      return meant === undefined ? undefined : `export VAULT_SECRET_PATH=${quoted(meant)}`;
    },
  },
  { subject: /^path$/, found: /^nothing is at/, command: () => 'keyfall migrate' },
  {
    subject: /^path$/,
    found: /./,
    command: ({ mend = '' }) => harmless(/(?:^|: )((?:bao|keyfall) .+?)\.?$/.exec(mend)?.[1]),
  },
  {
    subject: /^mode of /,
    found: /every user/,
    command: ({ subject }) => `chmod o-r ${quoted(subject.replace(/^mode of /, ''))}`,
  },
  {
    subject: /^git and /,
    found: /tracks it/,
    command: (finding) => {
      const file = fileOf(finding);
      return `git rm --cached ${file} && ${ignore(finding)}`;
    },
  },
  {
    subject: /^git and /,
    found: /takes it in/,
    command: (finding) => ignore(finding),
  },
  {
    subject: /^(lines|names) of /,
    found: /./,
    command: ({ subject }) => edit(subject.replace(/^\w+ of /, '')),
  },
  {
    subject: /^settings$/,
    found: /^USE_VAULT is neither/,
    command: () => 'export USE_VAULT=true',
  },
  {
    subject: /^settings$/,
    found: /KEYFALL_PROFILE are both missing/,
    command: () => 'export KEYFALL_PROFILE=NAME',
  },
  {
    subject: /^settings$/,
    found: /VAULT_SECRET_PATH are both missing/,
    command: () => 'export VAULT_SECRET_PATH=NAME',
  },
  {
    subject: /^settings$/,
    found: /there is no token/,
    command: () => login,
  },
];

/**
 * The command that mends a finding, if there is one.
 *
 * @param configuration - the file that the settings come from, where they do not come from variables
 */
export function commandFor(
  finding: ProviderCheck,
  configuration: string | undefined,
): string | undefined {
  for (const { subject, found, command, setsVariable } of remedies) {
    if (!subject.test(finding.subject) || !found.test(finding.message)) continue;
    const text = command(finding, configuration);
    if (text === undefined) continue;
    // what stands in a configuration wins over a variable
    return setsVariable && configuration !== undefined ? edit(configuration) : text;
  }
  if (finding.subject === 'settings' && configuration !== undefined) return edit(configuration);
  // many a mend is a command already
  return /^(bao|chmod|chown|git|keyfall|npm) /.test(finding.mend ?? '')
    ? harmless(finding.mend)
    : undefined;
}

/**
 * A command that a provider wrote, unless a shell would see more in it than words: a path or a file name
 * in it may come from a hostile `.env`, and whoever reads the command types it.
 */
function harmless(command: string | undefined): string | undefined {
  return command !== undefined && /^[\w@%+=:,./ -]+$/.test(command) ? command : undefined;
}

/** A development server at the address that refused; its own is port 8200. */
function startServer(message: string): string {
  const [, port = '8200'] = /\/\/(?:\[::1\]|[\w.]+):(\d+)/.exec(message) ?? [];
  return `bao server -dev${port === '8200' ? '' : ` -dev-listen-address=127.0.0.1:${port}`}`;
}

/** On a line of its own, also where the last one has no end. */
function ignore(finding: ProviderCheck): string {
  return `printf '\\n%s\\n' ${quoted(baseOf(finding))} >> .gitignore`;
}

function edit(file: string): string {
  return `\${EDITOR:-vi} ${quoted(file)}`;
}

/** A policy of its own, since one that the token has would be written over, and a token for it. */
function allow(rules: string): string {
  return `echo ${quoted(rules)} | bao policy write keyfall-read - && export VAULT_TOKEN="$(bao token create -policy=keyfall-read -field=token)"`;
}

function setAddress(
  { message }: ProviderCheck,
  change: (origin: string) => string,
): string | undefined {
  const origin = /https?:\/\/[^\s,;]+/.exec(message)?.[0];
  return origin === undefined ? undefined : `export VAULT_ADDR=${quoted(change(origin))}`;
}

function fileOf({ subject }: ProviderCheck): string {
  return quoted(subject.replace(/^git and /, ''));
}

function baseOf({ subject }: ProviderCheck): string {
  return subject.replace(/^git and /, '').replace(/.*\//, '');
}
