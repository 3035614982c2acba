/**
 * The one question before something changes.
 */
import { SecretError } from '@keyfall/core';
import { canPrompt, printable } from './terminal.ts';

/**
 * Returns if the user says yes.
 *
 * @param signal - takes the question back, as a no
 * @throws `ERR_SECRET_ABORTED` if the user says no; `ERR_SECRET_CONFIG` where nobody can be asked
 */
export async function confirm(question: string, signal?: AbortSignal): Promise<void> {
  if (!canPrompt())
    throw new SecretError('ERR_SECRET_CONFIG', 'there is no terminal to ask on', {
      hint: 'Pass --yes to go ahead without being asked.',
    });
  const prompts = await import('./prompts.ts');
  const answer = await prompts.confirm({
    message: printable(question),
    initialValue: false,
    output: process.stderr,
    ...(signal && { signal }),
  });
  if (answer !== true) throw new SecretError('ERR_SECRET_ABORTED', 'nothing was changed');
}
