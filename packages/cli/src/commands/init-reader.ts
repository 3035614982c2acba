/**
 * Whose reading of a `.env` a new configuration names.
 */
import { isUtf8 } from 'node:buffer';
import { dirname, resolve } from 'node:path';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import { namedReader } from '../chain/settings.ts';
import { readNamedFile } from '../files/read-input.ts';
import { canPrompt, notice, printable } from '../terminal/terminal.ts';

/** What decides whether the user is asked. */
export interface ReaderOptions {
  readonly yes?: boolean;
  readonly reader?: DotenvReader;
}

/**
 * Whose reading of the file counts: what is said, else, where programs read it differently, what the user answers. `undefined`
 * where that makes no difference, or the file says it itself.
 *
 * @throws `ERR_SECRET_CONFIG` naming the names and the readers where the user is not to be asked, or there is no terminal to
 *   ask on
 */
export async function readerOf(
  file: string,
  options: ReaderOptions,
  signal: AbortSignal,
): Promise<DotenvReader | undefined> {
  const named = namedReader(options);
  if (named !== undefined) return named;
  const bytes = await readNamedFile(file);
  // a file that is no text is refused when it is read
  if (bytes === undefined || !isUtf8(bytes) || bytes.includes(0)) return undefined;
  const { inspectDotenv } = await import('@keyfall/provider-dotenv/edit');
  const { differing, values } = await inspectDotenv(bytes.toString(), { variables: process.env });
  const readings = [...differing]
    .filter(([name]) => !bootstrapNames.has(name))
    .map(([name, readers]) => ({ name, readers }));
  if (readings.length === 0) return undefined;
  const isHeld = (name: string) => values.has(name);
  const { describeReadings, differingError } = await import('../chain/one-reading.ts');
  if (options.yes || !canPrompt()) throw await differingError(readings, file, isHeld);
  notice(`programs read ${printable(file)} differently: ${describeReadings(readings, isHeld)}.`);
  const { askReader } = await import('../migration/ask-reader.ts');
  return askReader(printable(file), dirname(resolve(file)), signal);
}
