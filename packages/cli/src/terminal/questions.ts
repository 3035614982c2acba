/**
 * The questions that are asked before something changes. None of them is left unanswered: the user answers, or the
 * command ends with nothing changed.
 */
import { SecretError } from '@keyfall/core';
import { canPrompt, printable } from './terminal.ts';

/** An answer that can be chosen. */
export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

/**
 * Returns if the user says yes.
 *
 * @param signal - takes the question back, as a no
 * @throws `ERR_SECRET_ABORTED` if the user says no; `ERR_SECRET_CONFIG` where there is no terminal
 */
export async function confirm(question: string, signal?: AbortSignal): Promise<void> {
  if (!canPrompt())
    throw new SecretError('ERR_SECRET_CONFIG', 'there is no terminal to ask on', {
      hint: 'Pass --yes to go ahead without being asked.',
    });
  const prompts = await import('./prompts.ts');
  const answer = await prompts.confirm({ ...asked(question, signal), initialValue: false });
  if (answer !== true) throw nothingChanged();
}

/**
 * The answer that the user chooses.
 *
 * @param proposed - is chosen by the return key alone. Default: the first
 * @param signal - takes the question back
 * @throws `ERR_SECRET_ABORTED` if the user chooses none
 */
export async function choose<Value extends string>(
  question: string,
  choices: readonly Choice<Value>[],
  signal: AbortSignal | undefined,
  proposed?: Value,
): Promise<Value> {
  const { isCancel, select } = await import('./prompts.ts');
  const answer = await select<string>({
    ...asked(question, signal),
    options: [...choices],
    ...(proposed !== undefined && { initialValue: proposed }),
  });
  if (isCancel(answer)) throw nothingChanged();
  return answer as Value;
}

/** That the user would rather stop. */
export function nothingChanged(): SecretError {
  return new SecretError('ERR_SECRET_ABORTED', 'nothing was changed');
}

function asked(question: string, signal: AbortSignal | undefined) {
  return { message: printable(question), output: process.stderr, ...(signal && { signal }) };
}
