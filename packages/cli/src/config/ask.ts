/**
 * The questions of `init`, on the terminal. A signal that fires takes a question back.
 */
import { SecretError } from '@keyfall/core';
import { namesIn } from '../terminal/name-list.ts';
import * as prompts from '../terminal/prompts.ts';
import { printable } from '../terminal/terminal.ts';

const output = process.stderr;

/** Which of these the chain has, in the order in which they are asked: by id, with a label. */
export async function askProviders(
  labels: ReadonlyMap<string, string>,
  proposed: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const chosen = answered(
    await prompts.multiselect({
      message: 'Where are the secrets? (space chooses, return ends)',
      options: [...labels].map(([value, label]) => ({ value, label })),
      initialValues: [...proposed],
      output,
      signal,
    }),
  );
  // the list stands in the order in which stores are usually asked
  return [...labels.keys()].filter((id) => chosen.includes(id));
}

/** Names, separated by commas; none is an answer. */
export async function askNames(question: string, signal: AbortSignal): Promise<readonly string[]> {
  const text = answered(
    await prompts.text({ message: `${question} (or nothing)`, defaultValue: '', output, signal }),
  );
  return namesIn(text);
}

/** A text, or what is proposed. */
export async function askText(
  question: string,
  proposed: string,
  signal: AbortSignal,
): Promise<string> {
  return answered(
    await prompts.text({
      message: question,
      // it may be a folder's name, which may hold control characters
      placeholder: printable(proposed),
      defaultValue: proposed,
      output,
      signal,
    }),
  );
}

/** The form of the file. */
export async function askForm<Form extends string>(
  forms: readonly Form[],
  proposed: Form,
  signal: AbortSignal,
): Promise<Form> {
  const chosen = await prompts.select<string>({
    message: 'Which form?',
    options: forms.map((value) => ({ value: value as string, label: `keyfall.config.${value}` })),
    initialValue: proposed,
    output,
    signal,
  });
  return answered(chosen) as Form;
}

function answered<Answer>(answer: Answer): Exclude<Answer, symbol> {
  if (prompts.isCancel(answer)) throw new SecretError('ERR_SECRET_ABORTED', 'nothing was written');
  return answer as Exclude<Answer, symbol>;
}
