/**
 * `keyfall explain [NAME]`: which provider answers for a name and what each one said. Never a value.
 */
import { describeExplanation, type Explanation, type Secrets } from '@keyfall/core';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { exitCodes } from '../terminal/exit-code.ts';
import { fitted } from '../terminal/layout.ts';
import { didYouMean } from '../terminal/near-names.ts';
import { notice, printData, printJson } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

/** Explains one name, or all that the chain holds; the exit code is that of a `get`. */
export const explainCommand: Command<SettingsOptions & { readonly json?: boolean }> = {
  name: 'explain',
  summary: 'Say which provider answers and what each one said. Never a value.',
  arguments: [{ name: '[name]', description: 'default: every name' }],
  options: [json],
  examples: ['keyfall explain TOKEN'],
  async run([name], options) {
    if (name !== undefined) assertIsSecretName(name);
    return withChain(options, async ({ secrets }) => {
      const explanations = await waitingFor('asking each provider', async () => {
        // a document may have an empty key, which is no name that can be asked for
        const held = async () => (await secrets.list()).filter((each) => each !== '');
        const names = name === undefined ? await held() : [name];
        return Promise.all(names.map((each) => secrets.explain(each)));
      });
      const [first] = explanations;
      if (options.json) await printJson(name === undefined ? explanations : first);
      else await printData(fitted(grouped(explanations)));
      if (name === undefined || first === undefined) return 0;
      if (!first.found) await suggest(secrets, name);
      return exitCodeOf(first);
    });
  },
};

/** Each explanation as text; names of which the same is to be said stand together. */
function grouped(explanations: readonly Explanation[]): string {
  const groups = new Map<string, Explanation[]>();
  for (const each of explanations) {
    const alike = describeExplanation({ ...each, name: '' });
    groups.set(alike, [...(groups.get(alike) ?? []), each]);
  }
  return [...groups.values()]
    .map(([first, ...others]) => {
      const names = [first, ...others].map((each) => each?.name ?? '');
      return first && `${describeExplanation({ ...first, name: names.join(', ') })}\n`;
    })
    .join('');
}

/** Whether another name was meant. */
async function suggest(secrets: Secrets, name: string): Promise<void> {
  const suggestion = didYouMean([name], await secrets.list().catch(() => []));
  if (suggestion !== undefined) notice(suggestion);
}

function exitCodeOf({ found, attempts }: Explanation): number {
  if (found) return 0;
  const code = attempts.findLast((attempt) => attempt.code !== undefined)?.code;
  return exitCodes[code ?? 'ERR_SECRET_NOT_FOUND'];
}
