/**
 * `keyfall export`: names and values on stdout, for another program. Nothing is printed if the format cannot hold one
 * of them.
 */
import { SecretError } from '@keyfall/core';
import { resolveSelection } from '../chain/selection.ts';
import { namedReader, type SettingsOptions, withChain } from '../chain/settings.ts';
import { printData } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json, only } from './command.ts';
import { type ExportFormat, exportFormats, formatSecrets } from './export-formats.ts';

interface ExportOptions extends SettingsOptions {
  /** Default `dotenv`, or `json` with `json`. */
  readonly format?: ExportFormat;
  readonly json?: boolean;
  readonly only?: readonly string[];
}

/** `keyfall export`. */
export const exportCommand: Command<ExportOptions> = {
  name: 'export',
  summary: 'Print names and values for another program.',
  options: [
    {
      flags: '-f, --format <format>',
      description: 'the format (default: dotenv)',
      choices: exportFormats,
    },
    only('these names alone; each must be there'),
    json,
  ],
  examples: ['keyfall export --format shell', 'keyfall export --format docker --only TOKEN'],
  async run(_args, options) {
    const { format = options.json ? 'json' : 'dotenv', only: named } = options;
    if (options.json && format !== 'json')
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        `--json and --format ${format} contradict each other`,
        { hint: 'Leave one of them out.' },
      );
    const { secrets } = await withChain(options, (chain) =>
      waitingFor('reading the secrets', () => resolveSelection(chain, named)),
    );
    const values = new Map([...secrets].map(([name, { value }]) => [name, value]));
    await printData(await formatSecrets(format, values, new Set(named), namedReader(options)));
    return 0;
  },
};
