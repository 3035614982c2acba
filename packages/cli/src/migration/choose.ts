/**
 * What to do with names that the store holds with another value, asked of a person: for all of them at
 * once, or one by one.
 */
import { SecretError } from '@keyfall/core';
import { countNames, printable } from '../terminal/terminal.ts';

/** What stays in the store, and what is replaced there. */
export type Choices = ReadonlyMap<string, 'keep' | 'overwrite'>;

/**
 * Asks for each of these names. The values are not shown.
 *
 * @param signal - takes the question back
 * @throws `ERR_SECRET_ABORTED` if the user would rather stop
 */
export async function chooseForConflicts(
  names: readonly string[],
  label: string,
  signal: AbortSignal | undefined,
): Promise<Choices> {
  const keep = { value: 'keep', label: 'keep what the store holds' } as const;
  const overwrite = { value: 'overwrite', label: 'replace it there' } as const;
  const all =
    names.length === 1
      ? 'each'
      : await answerOf(
          `${label} holds other values for ${countNames(names.length)}. What to do with them?`,
          [
            { value: 'each', label: 'ask for each' },
            { value: 'keep', label: 'keep all that the store holds' },
            { value: 'overwrite', label: 'replace all of them there' },
            { value: 'stop', label: 'stop, and change nothing' },
          ],
          signal,
        );
  const choices = new Map<string, 'keep' | 'overwrite'>();
  for (const name of names) choices.set(name, all === 'each' ? await ask(name) : all);
  return choices;

  function ask(name: string): Promise<'keep' | 'overwrite'> {
    return answerOf(
      `${printable(name)} has another value in the store. What to do with it?`,
      [keep, overwrite, { value: 'stop', label: 'stop, and change nothing' }],
      signal,
    );
  }
}

async function answerOf<Value extends string>(
  message: string,
  options: readonly { readonly value: Value; readonly label: string }[],
  signal: AbortSignal | undefined,
): Promise<Exclude<Value, 'stop'>> {
  const { isCancel, select } = await import('../terminal/prompts.ts');
  const answer = await select<string>({
    message: printable(message),
    options: [...options],
    output: process.stderr,
    ...(signal && { signal }),
  });
  if (isCancel(answer) || answer === 'stop')
    throw new SecretError('ERR_SECRET_ABORTED', 'nothing was changed');
  return answer as Exclude<Value, 'stop'>;
}
