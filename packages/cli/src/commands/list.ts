/**
 * `keyfall list`: the names that the chain holds, and nothing else of them.
 */
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { printable, printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';

/** Options of `keyfall list`. */
export interface ListOptions extends SettingsOptions {
  readonly json?: boolean;
}

/** Prints every name, sorted, one a line. */
export async function listCommand(options: ListOptions): Promise<number> {
  const names = await withChain(options, ({ secrets }) =>
    waitingFor('reading the names', () => secrets.list()),
  );
  await (options.json
    ? printJson(names)
    : printData(names.map((name) => `${printable(name)}\n`).join('')));
  return 0;
}
