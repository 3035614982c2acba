/**
 * What a command says of itself. It is data, so that `run` starts without the library that parses the others, and
 * so that help and completion are made of the same.
 */

import { type DotenvReader, dotenvReaders } from '@keyfall/provider-dotenv';
import type { Command as ParsedCommand } from 'commander';

/** A command: how it is typed, what its help says, and what it does. */
export interface Command<Options = object> {
  readonly name: string;
  readonly summary: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options?: readonly CommandOption[];
  /** Below the help: lines that can be typed as they are. */
  readonly examples: readonly string[];
  /** How it is typed, where its arguments and options do not say that. */
  readonly usage?: string;
  /** What is said after the complaint about an argument, instead of the option or command that was perhaps meant. */
  readonly advice?: string;
  /** It refuses by itself what it does not know: the parser would repeat that, and it may be a value. */
  readonly takesAnything?: boolean;
  /** It runs on a Node that is too old for the others. */
  readonly onAnyNode?: boolean;
  /** Answers the exit code. */
  run(
    args: readonly string[],
    options: Options & GlobalOptions,
    line: CommandLine,
  ): Promise<number>;
}

/** An argument. */
export interface CommandArgument {
  /** `<name>`, `[name]` where it may be left out, `<name...>` for several. */
  readonly name: string;
  readonly description?: string;
  readonly choices?: readonly string[];
  readonly default?: string;
}

/** An option. */
export interface CommandOption {
  /** `-f, --format <format>`, `--json`. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  /** Its value is a list of names, separated by commas, and it may be given several times. */
  readonly isList?: boolean;
  readonly isRequired?: boolean;
  /** The options that it cannot be given with, as they are called in a program: `dryRun`. */
  readonly conflictsWith?: readonly string[];
}

/** What a few commands have to know of everything that was typed. */
export interface CommandLine {
  /** All commands, as they are parsed. */
  readonly program: ParsedCommand;
  /** How many of the arguments stand after `--`. */
  readonly afterDashes: number;
}

/** Options that stand before or after every command. */
export interface GlobalOptions {
  readonly dotenv?: string;
  readonly config?: string | false;
  readonly profile?: string;
  readonly reader?: DotenvReader;
  readonly tokenHelper?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

/** The same, as they are typed. */
export const globalOptions: readonly CommandOption[] = [
  // Never call it --env-file: Node finds that among a script's arguments too, and obeys the
  // NODE_OPTIONS of the file it names before a line of ours runs.
  { flags: '--dotenv <path>', description: 'the .env file (default: ".env")' },
  {
    flags: '--reader <reader>',
    description:
      'whose reading of the .env counts (default: $KEYFALL_READER, else what the file says, else npm)',
    choices: dotenvReaders,
  },
  {
    flags: '--config <file>',
    description:
      'the configuration, instead of a keyfall.config.* found here, or above in the same repository',
  },
  {
    flags: '--no-config',
    description: 'use the environment and .env alone, and no configuration',
  },
  {
    flags: '--profile <name>',
    description:
      'the profile of the configuration, or of a path with {profile} (default: $KEYFALL_PROFILE)',
  },
  {
    flags: '--token-helper',
    description: 'use the token that `vault login` left (~/.vault-token)',
  },
  { flags: '-q, --quiet', description: 'print warnings and errors only' },
  { flags: '--debug', description: 'show where an error happened (never a value)' },
];

/** `--json` */
export const json: CommandOption = { flags: '--json', description: 'as JSON on stdout' };

/** `--key-in PLACE` */
export const keyIn: CommandOption = {
  flags: '--key-in <place>',
  description: 'where a new age key is kept (default: the keychain, or a file where there is none)',
  choices: ['keychain', 'file'],
};

/** `--on-conflict WHAT` */
export const onConflict: CommandOption = {
  flags: '--on-conflict <what>',
  description: 'what to do with a name that the store holds with another value',
  choices: ['fail', 'keep', 'overwrite'],
};

/** `--force`, of a migration */
export const force: CommandOption = {
  flags: '--force',
  description: 'migrate a file that git tracks',
};

/** `--only NAMES` */
export function only(description: string): CommandOption {
  return { flags: '--only <names>', description, isList: true };
}
