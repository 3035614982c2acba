/**
 * `keyfall get NAME`: one value, bare, on stdout.
 */
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { tellOtherReadings } from '../chain/one-reading.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { withSuggestion } from '../terminal/near-names.ts';
import { printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';

/** Options of `keyfall get`. */
export interface GetOptions extends SettingsOptions {
  /** A line end after the value. */
  readonly newline: boolean;
  readonly json?: boolean;
}

/** Prints the value of `name`. */
export async function getCommand(name: string, options: GetOptions): Promise<number> {
  assertIsSecretName(name);
  const value = await withChain(options, (chain) =>
    waitingFor('reading', async () => {
      const { secrets } = chain;
      const found = await withSuggestion(secrets, name, () => secrets.get(name));
      await tellOtherReadings(chain, name);
      return found;
    }),
  );
  await (options.json
    ? printJson({ name, value })
    : printData(options.newline ? `${value}\n` : value));
  return 0;
}
