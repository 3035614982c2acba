/**
 * The question which program's reading of a `.env` counts, with a guess from the files beside it.
 */
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { guessedReader } from '../chain/guessed-reader.ts';
import { choose } from '../terminal/questions.ts';

const programs: readonly { readonly value: DotenvReader; readonly label: string }[] = [
  { value: 'python', label: 'python-dotenv: load_dotenv()' },
  { value: 'npm', label: 'dotenv of npm' },
  { value: 'node', label: 'node --env-file' },
  { value: 'compose', label: 'docker compose' },
  { value: 'shell', label: 'a shell: set -a; . ./.env' },
];

/**
 * Asks which program the file is written for.
 *
 * @param label - the file, for the question
 * @param folder - its folder
 * @param signal - takes the question back
 * @throws `ERR_SECRET_ABORTED` if the user would rather stop
 */
export async function askReader(
  label: string,
  folder: string,
  signal: AbortSignal,
): Promise<DotenvReader> {
  const guess = await guessedReader(folder);
  return choose(
    `Which program is ${label} written for? What that program reads is what counts.`,
    programs.map(({ value, label }) => ({
      value,
      label: guess?.reader === value ? `${label} (${guess.because} is beside it)` : label,
    })),
    signal,
    guess?.reader ?? 'npm',
  );
}
