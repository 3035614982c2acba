/**
 * `keyfall explain [NAME]`: which provider answers for a name and what each one said. Never a value.
 */
import { describeExplanation, type Explanation } from '@keyfall/core';
import { assertIsSecretName } from '../bootstrap-settings.ts';
import { exitCodes } from '../exit-code.ts';
import { type SettingsOptions, withChain } from '../settings.ts';
import { printData, printJson } from '../terminal.ts';

/** Options of `keyfall explain`. */
export interface ExplainOptions extends SettingsOptions {
  readonly json?: boolean;
}

/** Explains one name, or all that the chain holds; the exit code is that of a `get`. */
export async function explainCommand(
  name: string | undefined,
  options: ExplainOptions,
): Promise<number> {
  if (name !== undefined) assertIsSecretName(name);
  return withChain(options, async ({ secrets }) => {
    const names = name === undefined ? await secrets.list() : [name];
    const explanations = await Promise.all(names.map((each) => secrets.explain(each)));
    const [first] = explanations;
    if (options.json) await printJson(name === undefined ? explanations : first);
    else await printData(explanations.map((each) => `${describeExplanation(each)}\n`).join(''));
    return name === undefined || first === undefined ? 0 : exitCodeOf(first);
  });
}

function exitCodeOf({ found, attempts }: Explanation): number {
  if (found) return 0;
  const code = attempts.findLast((attempt) => attempt.code !== undefined)?.code;
  return exitCodes[code ?? 'ERR_SECRET_NOT_FOUND'];
}
