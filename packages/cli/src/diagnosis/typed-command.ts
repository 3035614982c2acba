/**
 * A command that fixes something, as it has to be typed where `doctor` was called: for the same settings and the same
 * server, with the variable that counts there, and by the client that is installed.
 */

import type { SettingsOptions } from '../chain/settings.ts';
import { settingsFlags } from '../chain/settings-flags.ts';
import { findExecutable } from '../run/executable.ts';
import { quoted } from '../terminal/shown-command.ts';

/** Where a command is typed. */
export interface Shell {
  /** What `doctor` was called with. */
  readonly options: SettingsOptions;
  /** The file that the settings come from, where they do not come from variables. */
  readonly configuration: string | undefined;
  /** The server that it is about. */
  readonly address?: string | undefined;
}

/** The command for that place. */
export function typedCommand(command: string, shell: Shell): string {
  if (command.startsWith('keyfall '))
    return ['keyfall', ...settingsFlags(shell.options), command.slice('keyfall '.length)].join(' ');
  const ours = command.replace(/\bexport VAULT_(\w+)=/g, (whole, setting) =>
    isSet(`BAO_${setting}`) ? `export BAO_${setting}=` : whole,
  );
  const client = installedClient();
  const typed = client === 'vault' ? byVault(ours) : ours;
  const { address } = shell;
  // a client of its own goes by the environment alone: to none of a .env, or of a configuration
  const asksServer = /(^|[(|&] ?)(?:bao|vault) (?!server )/.test(typed);
  const isElsewhere = address !== undefined && !isAsked(address, client);
  if (!asksServer || !isElsewhere || !mayBeNamed(address, shell)) return typed;
  // HashiCorp's knows no BAO_ADDR
  const prefix = client === 'bao' && isSet('BAO_ADDR') ? 'BAO' : 'VAULT';
  return `export ${prefix}_ADDR=${quoted(address)} && ${typed}`;
}

type Client = 'bao' | 'vault';

/** OpenBao's own client, unless HashiCorp's is there alone. They take the same commands. */
function installedClient(): Client {
  const isThere = (file: string) => 'path' in findExecutable(file, process.env['PATH']);
  return !isThere('bao') && isThere('vault') ? 'vault' : 'bao';
}

/** The command by HashiCorp's client. What stands in quotes is no command. */
function byVault(command: string): string {
  return command
    .replace(/'[^']*'|(^|\$\(|[|&] )bao (?=[a-z])/g, (whole, before?: string) =>
      before === undefined ? whole : `${before}vault `,
    )
    .replace(/^systemctl start openbao$/, 'systemctl start vault');
}

/** Whether the variable is there: a `BAO_X` wins over its `VAULT_X` even if it is set to nothing. */
function isSet(name: string): boolean {
  return process.env[name] !== undefined;
}

function isAsked(address: string, client: Client): boolean {
  const { BAO_ADDR, VAULT_ADDR } = process.env;
  return (
    (client === 'bao' ? (BAO_ADDR ?? VAULT_ADDR) : VAULT_ADDR)?.replace(/\/$/, '') ===
    address.replace(/\/$/, '')
  );
}

/** A token must not be typed for a server in plain text that a `.env`, perhaps a hostile one, names. */
function mayBeNamed(address: string, { configuration }: Shell): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  if (username !== '' || password !== '') return false;
  const isHere = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  return configuration !== undefined || protocol === 'https:' || isHere;
}
