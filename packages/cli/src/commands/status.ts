/**
 * `keyfall status`: how each provider of the chain is doing now, how long the token lasts, and what it may do. The
 * exit code is 0 if each can be read, else what a `get` from it would end with.
 */
import type { SettingsOptions } from '../chain/settings.ts';
import { diagnoseChain } from '../diagnosis/diagnose.ts';
import { exitCodeOf, formatDiagnoses } from '../diagnosis/report.ts';
import { printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

/** `keyfall status`. */
export const statusCommand: Command<SettingsOptions & { readonly json?: boolean }> = {
  name: 'status',
  summary: 'Show the state of each provider, how long the token lasts and what it may do.',
  options: [json],
  examples: ['keyfall status', 'keyfall status --json'],
  async run(_args, options) {
    const diagnoses = await waitingFor('asking each provider', () => diagnoseChain(options));
    if (options.json) await printJson(diagnoses);
    else await printData(formatDiagnoses(diagnoses, { fixes: false }));
    return exitCodeOf(diagnoses);
  },
};
