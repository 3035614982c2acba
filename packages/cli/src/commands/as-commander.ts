/**
 * A command as commander, the library that parses the command line, has it.
 */
import { Argument, InvalidArgumentError, Option, Command as ParsedCommand } from 'commander';
import { namesIn } from '../terminal/name-list.ts';
import { assertNodeIsNew } from '../terminal/node-version.ts';
import { beQuiet } from '../terminal/terminal.ts';
import type { Command, CommandArgument, CommandOption, GlobalOptions } from './command.ts';

/**
 * The command, which is not yet part of the program.
 *
 * @param finish - is given the exit code when it has run
 */
export function asCommander(
  definition: Command,
  program: ParsedCommand,
  finish: (exitCode: number) => void,
): ParsedCommand {
  const { name, summary, usage, advice, takesAnything = false, onAnyNode } = definition;
  // inherited settings first: they would undo what a command says for itself
  const command = new ParsedCommand(name).copyInheritedSettings(program).description(summary);
  for (const argument of definition.arguments ?? [])
    command.addArgument(commanderArgument(argument));
  for (const option of definition.options ?? []) command.addOption(commanderOption(option));
  if (usage !== undefined) command.usage(usage);
  if (advice !== undefined) command.showHelpAfterError(advice);
  const examples = definition.examples.map((line) => `  $ ${line}`).join('\n');
  return command
    .allowExcessArguments(takesAnything)
    .allowUnknownOption(takesAnything)
    .addHelpText('after', `\nExamples:\n${examples}`)
    .action(async () => {
      if (!onAnyNode) assertNodeIsNew();
      if (program.opts<GlobalOptions>().quiet) beQuiet();
      const { rawArgs } = program as ParsedCommand & { readonly rawArgs: readonly string[] };
      const dashes = rawArgs.indexOf('--');
      const afterDashes = dashes < 0 ? 0 : rawArgs.length - dashes - 1;
      const line = { program, afterDashes };
      // commander leaves the defaults out of what it calls the arguments
      const defaults = (definition.arguments ?? []).slice(command.args.length);
      const given = [...command.args, ...defaults.flatMap((each) => each.default ?? [])];
      finish(await definition.run(given, command.optsWithGlobals(), line));
    });
}

function commanderArgument({ name, description, choices, ...more }: CommandArgument): Argument {
  const argument = new Argument(name, description);
  if (choices) argument.choices(choices);
  if (more.default !== undefined) argument.default(more.default);
  return argument;
}

/** An option as commander has it. */
export function commanderOption({
  flags,
  description,
  choices,
  isList,
  isRequired = false,
  conflictsWith = [],
}: CommandOption): Option {
  const option = new Option(flags, description)
    .makeOptionMandatory(isRequired)
    .conflicts([...conflictsWith]);
  if (choices) option.choices(choices);
  if (isList) option.argParser(addNames);
  return option;
}

function addNames(text: string, before: readonly string[] = []): readonly string[] {
  const names = namesIn(text);
  // of a shell's variable that is not set: to take it for no option would be to take every name
  if (names.length === 0) throw new InvalidArgumentError('It names nothing.');
  return [...before, ...names];
}
