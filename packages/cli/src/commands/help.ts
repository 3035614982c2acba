/**
 * `keyfall help [COMMAND]`
 */
import type { Command } from './command.ts';

/** `keyfall help [COMMAND]`. */
export const helpCommand: Command = {
  name: 'help',
  summary: 'Show the options of a command, with examples.',
  arguments: [{ name: '[command]' }],
  examples: ['keyfall help run'],
  async run([name], _options, { program }) {
    const found = program.commands.find((each) => each.name() === name);
    if (name !== undefined && found === undefined)
      program.error(`error: unknown command '${name}'`);
    (found ?? program).outputHelp();
    return 0;
  },
};
