/**
 * `keyfall doctor`: everything the secrets depend on, checked one by one, each fault with what fixes it. The exit code
 * is 0 if nothing needs fixing; 1 if something does and the secrets can be read all the same; else what a `get` would
 * end with.
 */
import type { SettingsOptions } from '../chain/settings.ts';
import { diagnoseAll } from '../diagnosis/diagnose.ts';
import { exitCodeOf, formatDiagnoses } from '../diagnosis/report.ts';
import { notice, printData, printJson, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

/** `keyfall doctor`. */
export const doctorCommand: Command<SettingsOptions & { readonly json?: boolean }> = {
  name: 'doctor',
  summary: 'Check the set-up, and say how to fix what is wrong.',
  options: [json],
  examples: ['keyfall doctor', 'keyfall doctor --profile prod'],
  onAnyNode: true,
  async run(_args, options) {
    const diagnoses = await waitingFor('looking at each provider', () => diagnoseAll(options));
    const faults = diagnoses
      .flatMap(({ findings }) => findings)
      .filter(({ state }) => state === 'failing').length;
    if (options.json) await printJson(diagnoses);
    else {
      await printData(formatDiagnoses(diagnoses, { fixes: true }));
      if (faults === 0) report('nothing needs fixing.');
      else notice(`${faults === 1 ? '1 thing needs' : `${faults} things need`} fixing.`);
    }
    return exitCodeOf(diagnoses) || (faults > 0 ? 1 : 0);
  },
};
