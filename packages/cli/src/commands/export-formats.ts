/**
 * Secrets as text for other programs. Each format either gives every value back exactly when its own
 * reader reads it, or refuses the names whose value it cannot hold: a damaged secret is found in
 * production, a refused one at once.
 */
import { randomUUID } from 'node:crypto';
import { SecretError } from '@keyfall/core';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { assertFitsEnvironment } from '../run/child-environment.ts';
import { listNames, notice } from '../terminal/terminal.ts';

/** Name to value. */
export type SecretValues = ReadonlyMap<string, string>;

/** The formats of `keyfall export`. */
export const exportFormats = ['dotenv', 'json', 'yaml', 'shell', 'docker', 'github'] as const;

/** One of {@link exportFormats}. */
export type ExportFormat = (typeof exportFormats)[number];

type Formatter = (
  values: SecretValues,
  named: ReadonlySet<string>,
  reader: DotenvReader | undefined,
) => string | Promise<string>;

const formatters: Readonly<Record<ExportFormat, Formatter>> = {
  dotenv: async (values, _named, reader) => {
    const { editDotenv } = await import('@keyfall/provider-dotenv/edit');
    return editDotenv('', values, { reader, warn: (message) => notice(`${message}.`) });
  },
  json: (values) => `${JSON.stringify(toObject(values), null, 2)}\n`,
  yaml: (values) =>
    values.size === 0
      ? '{}\n'
      : lines(values, (name, value) => {
          const key = isPlainKey(name) ? name : yamlText(name);
          // YAML 1.2.2, 7.4: the key of a line has at most 1,024 characters
          return key.length > 1_000
            ? `? ${key}\n: ${yamlText(value)}`
            : `${key}: ${yamlText(value)}`;
        }),
  shell: (values, named) => {
    assertFitsEnvironment(values, (value) => value, named);
    assertHeld('shell', values, (name) => isIdentifier(name), 'is no name that a shell can export');
    assertHeld(
      'shell',
      values,
      (name) => !ownOfShells.has(name),
      'has a meaning of its own in sh, bash or zsh',
    );
    return lines(values, (name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
  },
  docker: (values, named) => {
    assertFitsEnvironment(values, (value) => value, named);
    assertHeld(
      'docker',
      values,
      // Go's unicode.IsSpace takes U+0085 for white space, and JavaScript does not
      (name) => /^[^\s#\x85\uFEFF]\S*$/.test(name),
      'has white space or # in its name',
    );
    assertHeld('docker', values, (_, value) => !/\n|\r$/.test(value), 'has more than one line');
    // docker reads lines with Go's bufio.Scanner, whose limit is 64 KiB
    assertHeld(
      'docker',
      values,
      (name, value) => Buffer.byteLength(`${name}=${value}`) < 65_536,
      'is longer than 64 KiB',
    );
    return lines(values, (name, value) => `${name}=${value}`);
  },
  github: (values, named) => {
    assertFitsEnvironment(values, (value) => value, named);
    assertHeld(
      'github',
      values,
      (name) => isIdentifier(name) && !/^(GITHUB_|RUNNER_)/.test(name),
      'is no name that $GITHUB_ENV takes',
    );
    return lines(values, (name, value) => {
      const end = `KEYFALL_${randomUUID()}`;
      return `${name}<<${end}\n${value}\n${end}`;
    });
  },
};

/**
 * The secrets in a format, sorted by name, with a final line end.
 *
 * @param named - names that the user asked for one by one: these may take over the program that gets
 *   them (`PATH`) where the format becomes an environment
 * @param reader - the program that will read a `.env`: what only it can read is written for it, with a notice
 * @throws `ERR_SECRET_CONFIG` naming the secrets that the format cannot hold; `ERR_SECRET_UNSUPPORTED`
 *   naming one that no `.env` can
 */
export async function formatSecrets(
  format: ExportFormat,
  values: SecretValues,
  named: ReadonlySet<string> = new Set(),
  reader?: DotenvReader,
): Promise<string> {
  const sorted = new Map([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
  assertHeld(
    format,
    sorted,
    (name, value) => (name + value).isWellFormed(),
    'holds half a surrogate pair, which is no text',
  );
  return formatters[format](sorted, named, reader);
}

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/**
 * Variables in which a shell finds, or puts, values of its own: an assignment to one of them fails, is
 * lost, or changes something else (`path` of zsh is its PATH). Found by assigning to each in dash, bash 5.2 and
 * zsh 5.9; a test does it again.
 */
const ownOfShells: ReadonlySet<string> = new Set(
  `_ UID EUID PPID OPTIND RANDOM SECONDS LINENO HISTCMD SHLVL
  BASHOPTS SHELLOPTS BASH_VERSINFO SRANDOM EPOCHSECONDS EPOCHREALTIME BASHPID BASH_SUBSHELL BASH_COMMAND GROUPS
  DIRSTACK FUNCNAME BASH_ALIASES BASH_CMDS BASH_LINENO BASH_SOURCE BASH_ARGC BASH_ARGV PIPESTATUS BASH_MONOSECONDS
  BASH_ARGV0 BASH_REMATCH COPROC MAPFILE
  MAILCHECK COLUMNS LINES HISTSIZE SAVEHIST LISTMAX ERRNO FUNCNEST KEYTIMEOUT histchars HISTCHARS USERNAME GID EGID
  TTYIDLE BAUD DIRSTACKSIZE TRY_BLOCK_ERROR TRY_BLOCK_INTERRUPT ZSH_SUBSHELL ZSH_EVAL_CONTEXT ZSH_PATCHLEVEL WATCH
  path status argv cdpath fpath manpath mailpath psvar signals fignore watch module_path zsh_eval_context aliases
  commands functions options parameters modules jobstates jobtexts jobdirs usergroups userdirs pipestatus builtins
  dirstack history historywords nameddirs patchars reswords widgets keymaps langinfo termcap terminfo sysparams
  mapfile errnos ARGC KEYBOARD_HACK dis_aliases dis_builtins dis_functions dis_functions_source dis_galiases
  dis_patchars dis_reswords dis_saliases funcfiletrace funcsourcetrace funcstack functions_source functrace galiases
  saliases zsh_scheduled_events`.split(/\s+/),
);

/**
 * Whether every reader of YAML takes it for text without quotes: YAML 1.1 has more words for true, false
 * and null than 1.2, and numbers begin otherwise.
 */
function isPlainKey(name: string): boolean {
  return isIdentifier(name) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(name);
}

/** In double quotes, with an escape for what YAML does not count as printable, and for its other line ends. */
function yamlText(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** An object that holds every name, `__proto__` among them. */
function toObject(values: SecretValues): Record<string, string> {
  const object: Record<string, string> = Object.create(null);
  for (const [name, value] of values) object[name] = value;
  return object;
}

function lines(values: SecretValues, line: (name: string, value: string) => string): string {
  return [...values].map(([name, value]) => `${line(name, value)}\n`).join('');
}

function assertHeld(
  format: ExportFormat,
  values: SecretValues,
  isHeld: (name: string, value: string) => boolean,
  why: string,
): void {
  const refused = [...values].filter(([name, value]) => !isHeld(name, value)).map(([name]) => name);
  if (refused.length > 0)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `the format ${format} cannot hold ${listNames(refused)}: ${refused.length === 1 ? 'it' : 'each'} ${why}`,
      { hint: 'Choose another format, or the names with --only.' },
    );
}
