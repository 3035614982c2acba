/**
 * The question whose reading of a `.env` counts, with a guess from what lies beside it.
 */
import { SecretError } from '@keyfall/core';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { guessedReader } from '../chain/guessed-reader.ts';

const labels: Readonly<Record<DotenvReader, string>> = {
  python: 'python-dotenv: load_dotenv()',
  npm: 'dotenv of npm',
  node: 'node --env-file',
  compose: 'docker compose',
  shell: 'a shell: set -a; . ./.env',
};

/**
 * Asks for the program that the file is written for.
 *
 * @param label - the file, for the question
 * @param folder - where it lies
 * @param signal - takes the question back
 * @throws `ERR_SECRET_ABORTED` if the user would rather stop
 */
export async function askReader(
  label: string,
  folder: string,
  signal: AbortSignal,
): Promise<DotenvReader> {
  const guess = await guessedReader(folder);
  const { isCancel, select } = await import('../terminal/prompts.ts');
  const answer = await select<string>({
    message: `Which program is ${label} written for? What it reads is what counts.`,
    options: Object.entries(labels).map(([value, name]) => ({
      value,
      label: guess?.reader === value ? `${name} (${guess.because} is beside it)` : name,
    })),
    initialValue: guess?.reader ?? 'npm',
    output: process.stderr,
    signal,
  });
  if (isCancel(answer)) throw new SecretError('ERR_SECRET_ABORTED', 'nothing was changed');
  return answer as DotenvReader;
}
