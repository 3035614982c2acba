/**
 * What to do with names that the store holds with another value: asked for all of them at once, or one by one.
 */
import { type Choice, choose, nothingChanged } from '../terminal/questions.ts';
import { countNames } from '../terminal/terminal.ts';

/** What stays in the store, and what is replaced there. */
export type Choices = ReadonlyMap<string, 'keep' | 'overwrite'>;

const stop: Choice<'stop'> = { value: 'stop', label: 'stop, and change nothing' };

/**
 * Asks what to do with these names. Values are not shown.
 *
 * @param signal - takes the question back
 * @throws `ERR_SECRET_ABORTED` if the user would rather stop
 */
export async function chooseForConflicts(
  names: readonly string[],
  label: string,
  signal: AbortSignal | undefined,
): Promise<Choices> {
  const answer = async <Value extends string>(
    question: string,
    choices: readonly Choice<Value>[],
  ) => {
    const chosen = await choose<Value | 'stop'>(question, [...choices, stop], signal);
    if (chosen === 'stop') throw nothingChanged();
    return chosen as Exclude<Value, 'stop'>;
  };
  const askForEach = (name: string) =>
    answer(`${name} has another value in the store. What to do with it?`, [
      { value: 'keep', label: 'keep what the store holds' },
      { value: 'overwrite', label: 'replace it there' },
    ]);
  const forAll =
    names.length === 1
      ? 'each'
      : await answer(
          `${label} holds other values for ${countNames(names.length)}. What to do with them?`,
          [
            { value: 'each', label: 'ask for each' },
            { value: 'keep', label: 'keep all that the store holds' },
            { value: 'overwrite', label: 'replace all of them there' },
          ],
        );
  const choices = new Map<string, 'keep' | 'overwrite'>();
  for (const name of names) choices.set(name, forAll === 'each' ? await askForEach(name) : forAll);
  return choices;
}
