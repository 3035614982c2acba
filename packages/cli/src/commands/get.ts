/**
 * `keyfall get NAME`: one value, bare, on stdout.
 */
import { assertIsSecretName } from '../bootstrap-settings.ts';
import { withSuggestion } from '../near-names.ts';
import { type SettingsOptions, withChain } from '../settings.ts';
import { printData, printJson, waitingFor } from '../terminal.ts';

/** Options of `keyfall get`. */
export interface GetOptions extends SettingsOptions {
  /** A line end after the value. */
  readonly newline: boolean;
  readonly json?: boolean;
}

/** Prints the value of `name`. */
export async function getCommand(name: string, options: GetOptions): Promise<number> {
  assertIsSecretName(name);
  const value = await withChain(options, ({ secrets }) =>
    waitingFor('reading', () => withSuggestion(secrets, name, () => secrets.get(name))),
  );
  await (options.json
    ? printJson({ name, value })
    : printData(options.newline ? `${value}\n` : value));
  return 0;
}
