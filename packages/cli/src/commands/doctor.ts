/**
 * `keyfall doctor`: everything the secrets depend on, looked at one by one, each fault with what mends
 * it.
 */

import type { SettingsOptions } from '../chain/settings.ts';
import { diagnoseAll } from '../diagnosis/diagnose.ts';
import { exitCodeOf, formatDiagnoses } from '../diagnosis/report.ts';
import { notice, printData, printJson, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';

/** Options of `keyfall doctor`. */
export interface DoctorOptions extends SettingsOptions {
  readonly json?: boolean;
}

/**
 * Prints what was found. 0 if nothing needs mending; 1 if something does and the secrets can be read
 * all the same; else what a `get` would end with.
 */
export async function doctorCommand(options: DoctorOptions): Promise<number> {
  const diagnoses = await waitingFor('looking at each provider', () => diagnoseAll(options));
  const faults = diagnoses
    .flatMap(({ findings }) => findings)
    .filter(({ state }) => state === 'failing').length;
  if (options.json) await printJson(diagnoses);
  else {
    await printData(formatDiagnoses(diagnoses, { mends: true }));
    if (faults === 0) report('nothing needs mending.');
    else notice(`${faults === 1 ? '1 thing needs' : `${faults} things need`} mending.`);
  }
  return exitCodeOf(diagnoses) || (faults > 0 ? 1 : 0);
}
