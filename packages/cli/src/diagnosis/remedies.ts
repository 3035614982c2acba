/**
 * The one command that mends what was found. A provider says in a sentence what is to be done, for its
 * options and its variables alike; here it is a command to type. What has to be filled in stands in
 * capitals.
 */
import type { ProviderCheck } from '@keyfall/core';

interface Remedy {
  readonly subject: RegExp;
  /** What the finding says, or how its mend begins. */
  readonly found: RegExp;
  /** The command; `undefined` if the finding does not tell enough for one. */
  readonly command: (finding: ProviderCheck) => string | undefined;
  /** It sets a variable, and so mends nothing where a configuration has the setting. */
  readonly setsVariable?: true;
}

const login = 'export VAULT_TOKEN="$(bao login -token-only)"';

const remedies: readonly Remedy[] = [
  {
    subject: /^(address|settings|content)$/,
    found: /refused the connection/,
    command: (finding) =>
      /\/\/(127\.|localhost|\[::1\])/.test(finding.message)
        ? 'bao server -dev'
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
    found: /./,
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
    subject: /^mount$/,
    found: /./,
    setsVariable: true,
    command: ({ mend = '' }) => {
      const [, seen] = /sees the KV mounts ([^,]+)(?:, |\.$)/.exec(mend) ?? [];
      return seen === undefined ? 'bao secrets list' : `export VAULT_MOUNT_POINT=${quoted(seen)}`;
    },
  },
  {
    subject: /^policy$/,
    found: /^the token may not /,
    command: ({ mend = '' }) =>
      // a policy of its own: one that the token has already is not written over
      /^path /.test(mend)
        ? `echo ${quoted(mend)} | bao policy write keyfall-read - && export VAULT_TOKEN="$(bao token create -policy=keyfall-read -field=token)"`
        : undefined,
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
    command: ({ mend = '' }) => /(?:^|: )((?:bao|keyfall) .+?)\.?$/.exec(mend)?.[1],
  },
  {
    subject: /^git and /,
    found: /tracks it/,
    command: (finding) => {
      const file = fileOf(finding);
      return `git rm --cached ${file} && echo ${quoted(baseOf(finding))} >> .gitignore`;
    },
  },
  {
    subject: /^git and /,
    found: /takes it in/,
    command: (finding) => `echo ${quoted(baseOf(finding))} >> .gitignore`,
  },
  {
    subject: /^settings$/,
    found: /VAULT_ADDR/,
    setsVariable: true,
    command: () => 'export VAULT_ADDR=https://HOST:8200',
  },
  {
    subject: /^settings$/,
    found: /VAULT_SECRET_PATH/,
    setsVariable: true,
    command: () => 'export VAULT_SECRET_PATH=NAME',
  },
  {
    subject: /^(settings|token|address)$/,
    found: /no token/,
    setsVariable: true,
    command: () => login,
  },
];

/**
 * The command that mends a finding, if there is one.
 *
 * @param byVariables - whether settings come from variables, so that setting one mends something
 */
export function commandFor(finding: ProviderCheck, byVariables: boolean): string | undefined {
  for (const { subject, found, command, setsVariable } of remedies) {
    if (setsVariable && !byVariables) continue;
    if (!subject.test(finding.subject) || !found.test(finding.message)) continue;
    const text = command(finding);
    if (text !== undefined) return text;
  }
  // many a mend is a command already
  return /^(bao|chmod|chown|git|keyfall|npm) /.test(finding.mend ?? '') ? finding.mend : undefined;
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

/** Text as one word of a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
