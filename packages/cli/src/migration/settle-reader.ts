/**
 * Whose reading of a file is migrated: what is stored is what the program would have read by itself. Where
 * readers differ and nobody has said which counts, a person is asked, and a script is refused.
 */
import { dirname, resolve } from 'node:path';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import { assertNotOfCredentials, described, differingError } from '../chain/one-reading.ts';
import { canPrompt, notice } from '../terminal/terminal.ts';
import { askReader } from './ask-reader.ts';
import { type FileSource, type MigrationSource, readSource } from './source.ts';

/** The source as its reader reads it. */
export interface Settled<Source extends MigrationSource = MigrationSource> {
  readonly source: Source;
  /** The reader that the user chose just now. */
  readonly chosen?: DotenvReader;
}

/** What decides whether somebody is asked. */
export interface SettleOptions {
  readonly yes?: boolean;
  readonly select?: readonly string[];
}

/**
 * The source, in the reading that counts.
 *
 * @throws `ERR_SECRET_CONFIG` naming the names and the readers where nobody can be asked;
 *   `ERR_SECRET_ABORTED` if the user would rather stop
 */
export async function settleReader(
  source: MigrationSource,
  { yes = false, select }: SettleOptions,
  signal: AbortSignal,
): Promise<Settled> {
  if (source.kind === 'store') return { source };
  const isMoved = (name: string) =>
    !bootstrapNames.has(name) && (select === undefined || select.includes(name));
  const differing = [...source.differing]
    .map(([name, readers]) => ({ name, readers }))
    .filter(({ name }) => isMoved(name));
  let settled: Settled<FileSource> = { source };
  if (differing.length > 0) {
    const isHeld = (name: string) => source.values.has(name);
    if (yes || !canPrompt()) throw await differingError(differing, source.path, isHeld);
    notice(`programs read ${source.label} differently: ${described(differing, isHeld)}.`);
    const chosen = await askReader(source.label, dirname(resolve(source.path)), signal);
    settled = { source: await readSource(source.path, { reader: chosen }), chosen };
  }
  const made = [...settled.source.outside]
    .map(([name, variables]) => ({ name, variables: [...variables] }))
    .filter(({ name }) => isMoved(name));
  assertNotOfCredentials(made, source.path);
  return settled;
}
