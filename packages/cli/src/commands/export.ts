/**
 * `keyfall export`: names and values on stdout, for another program.
 */
import { SecretError } from '@keyfall/core';
import { resolveSelection } from '../chain/selection.ts';
import { namedReader, type SettingsOptions, withChain } from '../chain/settings.ts';
import { printData } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type ExportFormat, formatSecrets } from './export-formats.ts';

/** Options of `keyfall export`. */
export interface ExportOptions extends SettingsOptions {
  /** Default `dotenv`, or `json` with `json`. */
  readonly format?: ExportFormat;
  readonly json?: boolean;
  readonly only?: readonly string[];
}

/** Prints the secrets in the format, or nothing if it cannot hold one of them. */
export async function exportCommand(options: ExportOptions): Promise<number> {
  const { json = false, format = json ? 'json' : 'dotenv', only } = options;
  if (json && format !== 'json')
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `--json and --format ${format} contradict each other`,
      {
        hint: 'Leave one of them out.',
      },
    );
  const { secrets } = await withChain(options, (chain) =>
    waitingFor('reading the secrets', () => resolveSelection(chain, only)),
  );
  const values = new Map([...secrets].map(([name, { value }]) => [name, value]));
  await printData(await formatSecrets(format, values, new Set(only), namedReader(options)));
  return 0;
}
