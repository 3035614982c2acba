/**
 * `keyfall get NAME`: one value, bare, on stdout.
 */
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { warnOfOtherReadings } from '../chain/one-reading.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { withSuggestion } from '../terminal/near-names.ts';
import { printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

interface GetOptions extends SettingsOptions {
  readonly newline: boolean;
  readonly json?: boolean;
}

/** `keyfall get NAME`. */
export const getCommand: Command<GetOptions> = {
  name: 'get',
  summary: 'Print one value.',
  arguments: [{ name: '<name>' }],
  options: [{ flags: '-n, --no-newline', description: 'print no newline after the value' }, json],
  examples: ['keyfall get TOKEN'],
  async run([name = ''], options) {
    assertIsSecretName(name);
    const value = await withChain(options, (chain) =>
      waitingFor('reading', async () => {
        const { secrets } = chain;
        const found = await withSuggestion(secrets, name, () => secrets.get(name));
        await warnOfOtherReadings(chain, name);
        return found;
      }),
    );
    await (options.json
      ? printJson({ name, value })
      : printData(options.newline ? `${value}\n` : value));
    return 0;
  },
};
