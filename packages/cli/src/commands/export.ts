/**
 * `keyfall export`: names and values on stdout, for another program.
 */
import { type ExportFormat, formatSecrets } from '../export-formats.ts';
import { resolveSelection } from '../selection.ts';
import { type SettingsOptions, withChain } from '../settings.ts';
import { printData, waitingFor } from '../terminal.ts';

/** Options of `keyfall export`. */
export interface ExportOptions extends SettingsOptions {
  readonly format: ExportFormat;
  readonly only?: readonly string[];
}

/** Prints the secrets in the format, or nothing if it cannot hold one of them. */
export async function exportCommand(options: ExportOptions): Promise<number> {
  const { format, only } = options;
  const { secrets } = await withChain(options, (chain) =>
    waitingFor('reading the secrets', () => resolveSelection(chain, only)),
  );
  const values = new Map([...secrets].map(([name, { value }]) => [name, value]));
  await printData(await formatSecrets(format, values, new Set(only)));
  return 0;
}
