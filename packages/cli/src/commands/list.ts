/**
 * `keyfall list`: the names that the chain holds, sorted, one a line. Never a value.
 */
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { printable, printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

/** `keyfall list`. */
export const listCommand: Command<SettingsOptions & { readonly json?: boolean }> = {
  name: 'list',
  summary: 'Print the names.',
  options: [json],
  examples: ['keyfall list'],
  async run(_args, options) {
    const names = await withChain(options, ({ secrets }) =>
      waitingFor('reading the names', () => secrets.list()),
    );
    await (options.json
      ? printJson(names)
      : printData(names.map((name) => `${printable(name)}\n`).join('')));
    return 0;
  },
};
