/**
 * `keyfall status`: how each provider of the chain fares now, how long the token lasts, and what it
 * may do.
 */

import type { SettingsOptions } from '../chain/settings.ts';
import { diagnoseChain } from '../diagnosis/diagnose.ts';
import { exitCodeOf, formatDiagnoses } from '../diagnosis/report.ts';
import { printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';

/** Options of `keyfall status`. */
export interface StatusOptions extends SettingsOptions {
  readonly json?: boolean;
}

/** Prints the state of each provider: 0 if each can be read, else what a `get` from it would end with. */
export async function statusCommand(options: StatusOptions): Promise<number> {
  const diagnoses = await waitingFor('asking each provider', () => diagnoseChain(options));
  if (options.json) await printJson(diagnoses);
  else await printData(formatDiagnoses(diagnoses, { mends: false }));
  return exitCodeOf(diagnoses);
}
