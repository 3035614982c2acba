/**
 * How a command has to be typed where `doctor` was called: for the same settings and the same server, with the
 * variable that counts there, and by the client that is installed.
 */
import type { SettingsOptions } from '../chain/settings.ts';
import { settingsFlags } from '../chain/settings-flags.ts';
import { isPlain } from '../config/foreign-addresses.ts';
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

/** The parts of commands, as they are typed there. */
export interface Typing {
  readonly configuration: string | undefined;
  /** OpenBao's own client, unless HashiCorp's is there alone. They take the same commands. */
  readonly client: 'bao' | 'vault';
  /** `keyfall` with its options, and these arguments. */
  keyfall(args: string): string;
  /** The variable of this setting of Vault that counts: `ADDR`. */
  variable(setting: string): string;
  /** A command that asks the server, which is named where the client would ask another one. */
  asking(command: string): string;
}

/** The parts of commands for that place. */
export function typingIn({ options, configuration, address }: Shell): Typing {
  const client = installedClient();
  return {
    configuration,
    client,
    keyfall: (args) => ['keyfall', ...settingsFlags(options), args].join(' '),
    variable: (setting) => `${isSet(`BAO_${setting}`) ? 'BAO' : 'VAULT'}_${setting}`,
    asking(command) {
      // a client goes by the environment alone: it does not know the address in a .env, or in a configuration
      const isKnown = address === undefined || isAsked(address, client);
      if (isKnown || !mayBeNamed(address, configuration)) return command;
      // HashiCorp's knows no BAO_ADDR
      const prefix = client === 'bao' && isSet('BAO_ADDR') ? 'BAO' : 'VAULT';
      return `export ${prefix}_ADDR=${quoted(address)} && ${command}`;
    },
  };
}

function installedClient(): Typing['client'] {
  const isThere = (file: string) => 'path' in findExecutable(file, process.env);
  return !isThere('bao') && isThere('vault') ? 'vault' : 'bao';
}

/** Whether the variable is there: a `BAO_X` wins over its `VAULT_X` even if it is set to nothing. */
function isSet(name: string): boolean {
  return process.env[name] !== undefined;
}

function isAsked(address: string, client: Typing['client']): boolean {
  const { BAO_ADDR, VAULT_ADDR } = process.env;
  return (
    (client === 'bao' ? (BAO_ADDR ?? VAULT_ADDR) : VAULT_ADDR)?.replace(/\/$/, '') ===
    address.replace(/\/$/, '')
  );
}

/** A token must not be typed for a server in plain text that a `.env`, perhaps a hostile one, names. */
function mayBeNamed(address: string, configuration: string | undefined): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') return false;
  return configuration !== undefined || (/^https?:$/.test(url.protocol) && !isPlain(url));
}
