/**
 * What the definitions of commands have in common.
 */

import type { DotenvReader } from '@keyfall/provider-dotenv';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { namesIn } from '../terminal/name-list.ts';

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

/** A parsed option set together with the global ones. */
export type With<Options> = Options & GlobalOptions;

/** How commands come to a program. */
export interface CommandLine {
  /** A new command of this name, not yet part of the program. */
  define(name: string): Command;
  /** Adds a command whose `work` gets its arguments and all options, and answers an exit code. */
  add<Options>(
    definition: Command,
    work: (args: readonly string[], options: With<Options>) => Promise<number>,
  ): void;
}

/** `--json` */
export function json(): Option {
  return new Option('--json', 'as JSON on stdout');
}

/** `--only NAMES` */
export function only(description: string): Option {
  return nameList('--only <names>', description);
}

/** An option of names: separated by commas, given once or several times; not one name is refused. */
export function nameList(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, before: string[] = []) => {
    const names = namesIn(text);
    // of a shell's variable that is not set: to take it for no option would be to take every name
    if (names.length === 0) throw new InvalidArgumentError('It names nothing.');
    return [...before, ...names];
  });
}

/** Examples below a help text. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
